/// @file
/// `pad`: rows and columns added around maps.
#pragma once

#include <cstddef>

#include "../core/context.hpp"
#include "convolve.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::pad`.
struct pad {};
}  // namespace op

/// Rows and columns that `pad` adds on each side.
struct pad_sides {
  std::size_t top = 0;
  std::size_t left = 0;
  std::size_t bottom = 0;
  std::size_t right = 0;
};

/// What `pad` writes outside the map. A mode maps position `i` of an axis of `n` elements, which may be negative or beyond
/// the end, to the element that it repeats; -1 stands for zero.
namespace pad_mode {

namespace detail {
constexpr std::ptrdiff_t clamp(std::ptrdiff_t i, std::ptrdiff_t n) noexcept { return i < 0 ? 0 : i >= n ? n - 1 : i; }
}  // namespace detail

/// Zeros.
struct zero {
  static constexpr std::ptrdiff_t source(std::ptrdiff_t i, std::ptrdiff_t n) noexcept { return i < 0 || i >= n ? -1 : i; }
};
/// The outermost element.
struct edge {
  static constexpr std::ptrdiff_t source(std::ptrdiff_t i, std::ptrdiff_t n) noexcept { return detail::clamp(i, n); }
};
/// The map mirrored about its outermost element, which is not repeated. Where a side is shorter than the padding plus one,
/// the mirrored position is clamped to the map.
struct reflect {
  static constexpr std::ptrdiff_t source(std::ptrdiff_t i, std::ptrdiff_t n) noexcept {
    return detail::clamp(i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i, n);
  }
};
/// The map mirrored about its edge: the outermost element is repeated. Clamped like `reflect`.
struct symmetric {
  static constexpr std::ptrdiff_t source(std::ptrdiff_t i, std::ptrdiff_t n) noexcept {
    return detail::clamp(i < 0 ? -i - 1 : i >= n ? 2 * n - 1 - i : i, n);
  }
};

}  // namespace pad_mode

/// `x` `[batch, height, width, channels]` with rows and columns added as `Mode` of `heddle::pad_mode` says. `y` has
/// `height + top + bottom` rows and `width + left + right` columns and must not overlap `x`. No scratch.
/// @throws shape_error before any work
template <class Backend, class Mode = pad_mode::zero>
void pad(context<Backend> ctx, map_view<const float> x, map_view<float> y, const pad_sides& sides, Mode = {}) {
  require_extent("pad: y", "images", x.extent(0), y.extent(0));
  require_extent("pad: y", "rows", x.extent(1) + sides.top + sides.bottom, y.extent(1));
  require_extent("pad: y", "columns", x.extent(2) + sides.left + sides.right, y.extent(2));
  require_extent("pad: y", "channels", x.extent(3), y.extent(3));
  if (y.empty()) return;
  if (x.empty()) detail::raise<shape_error>("pad: x has no pixels");
  kernel<op::pad, Backend>::template run<Mode>(ctx, x, y, sides);
}

}  // namespace heddle::inline v0
