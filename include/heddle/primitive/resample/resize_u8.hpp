/// @file
/// `resize_u8`: 8-bit images resized in fixed point, the way OpenCV does it; trackers crop their images with it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../core/context.hpp"
#include "rules.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::resize_u8`.
struct resize_u8 {};
}  // namespace op

/// An image of bytes, `[height, width, channels]`.
template <class T>
using image_u8_view = view<T, dynamic_extents<3>>;

namespace detail {

/// 1 in the fixed point of the weights.
inline constexpr int fixed_one = 2048;

/// To the nearest integer, ties to even.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE int rounded(float x) noexcept { return static_cast<int>(math::nearbyint(x)); }

/// The taps of one output on one axis: `count` indices (clamped to the axis) with weights in units of 1/2048.
struct fixed_taps {
  std::size_t index[4] = {};
  int weight[4] = {};
};

/// The weights of a position `fraction` behind its first tap.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE fixed_taps linear_taps(std::size_t first, std::size_t second, float fraction) noexcept {
  return {{first, second, 0, 0}, {rounded((1.0f - fraction) * fixed_one), rounded(fraction * fixed_one), 0, 0}};
}

/// Linear taps of a column at `low + fraction`; a position outside the axis reads the outermost pixel alone.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE fixed_taps linear_fixed(std::ptrdiff_t low, float fraction, std::size_t n) noexcept {
  const auto last = static_cast<std::ptrdiff_t>(n) - 1;
  if (low < 0 || low >= last) {
    const auto edge = static_cast<std::size_t>(low < 0 ? 0 : last);
    return {{edge, edge, 0, 0}, {fixed_one, 0, 0, 0}};
  }
  const auto first = static_cast<std::size_t>(low);
  return linear_taps(first, first + 1, fraction);
}

/// Linear taps of a row. Outside the axis both are the outermost row, each with its own weight: the products of rows are
/// rounded apart, so that this is not the same as one tap.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE fixed_taps linear_fixed_row(std::ptrdiff_t low, float fraction,
                                                                    std::size_t n) noexcept {
  const auto last = static_cast<std::ptrdiff_t>(n) - 1;
  const std::ptrdiff_t first = low < 0 ? 0 : (low < last ? low : last);
  const std::ptrdiff_t second = low < 0 ? 0 : (low < last ? low + 1 : last);
  return linear_taps(static_cast<std::size_t>(first), static_cast<std::size_t>(second), fraction);
}

}  // namespace detail

/// Rules of `resize_u8`: `at` are the taps of a column, `row_at` those of a row.
namespace u8_rule {

/// Linear interpolation, half-pixel centres; weights rounded to 1/2048.
struct bilinear {
  static constexpr int taps = 2;
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE detail::fixed_taps at(std::size_t k, std::size_t n, std::size_t o) noexcept {
    const float x = position(k, n, o);
    const float low = math::floor(x);
    return detail::linear_fixed(static_cast<std::ptrdiff_t>(low), x - low, n);
  }
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE detail::fixed_taps row_at(std::size_t k, std::size_t n,
                                                                           std::size_t o) noexcept {
    const float y = position(k, n, o);
    const float low = math::floor(y);
    return detail::linear_fixed_row(static_cast<std::ptrdiff_t>(low), y - low, n);
  }

 private:
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float position(std::size_t k, std::size_t n, std::size_t o) noexcept {
    const double step = static_cast<double>(n) / static_cast<double>(o);
    return static_cast<float>(math::product(static_cast<double>(k) + 0.5, step) - 0.5);
  }
};

/// Cubic convolution with `a = -0.75`; weights rounded to 1/2048, the result clamped to [0, 255].
struct bicubic {
  static constexpr int taps = 4;
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE detail::fixed_taps at(std::size_t k, std::size_t n, std::size_t o) noexcept {
    const double step = static_cast<double>(n) / static_cast<double>(o);
    const auto position = static_cast<float>(math::product(static_cast<double>(k) + 0.5, step) - 0.5);
    const float low = math::floor(position);
    detail::fixed_taps result;
    float rest = 1.0f;
    for (int i = 0; i < 4; ++i) {
      const float weight = i == 3 ? rest
                                  : static_cast<float>(resize_rule::detail::cubic<-75>(
                                        static_cast<double>(position - low - static_cast<float>(i - 1))));
      rest -= weight;
      result.weight[i] = detail::rounded(weight * detail::fixed_one);
      result.index[i] = resize_rule::detail::clamped(static_cast<double>(low) + i - 1, n);
    }
    return result;
  }
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE detail::fixed_taps row_at(std::size_t k, std::size_t n,
                                                                           std::size_t o) noexcept {
    return at(k, n, o);
  }
};

/// Shrinking on both axes: the mean of the covered inputs, partly covered ones by their share. Otherwise: linear, with
/// each output pixel covering its share of the input (so whole factors repeat pixels).
struct area {
  static constexpr int taps = 2;
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE detail::fixed_taps at(std::size_t k, std::size_t n, std::size_t o) noexcept {
    const double inverse = static_cast<double>(o) / static_cast<double>(n);
    const auto low = static_cast<std::ptrdiff_t>(math::floor(static_cast<double>(k) * (1.0 / inverse)));
    const auto covered = static_cast<float>(static_cast<double>(k + 1) - math::product(static_cast<double>(low + 1), inverse));
    return detail::linear_fixed(low, covered <= 0.0f ? 0.0f : covered - math::floor(covered), n);
  }
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE detail::fixed_taps row_at(std::size_t k, std::size_t n,
                                                                           std::size_t o) noexcept {
    return at(k, n, o);
  }
};

}  // namespace u8_rule

/// Resizes `x` to the height and width of `y` by `Rule` of `heddle::u8_rule`; both `[height, width, channels]`, not
/// overlapping. Linear: the bytes of OpenCV's `resize`. The others: within 1 of them, for OpenCV's own vector code rounds
/// differently from its scalar code.
/// Scratch: `resize_u8_bytes`.
/// @throws shape_error, workspace_error before any work
template <class Backend, class Rule = u8_rule::bilinear>
void resize_u8(context<Backend> ctx, image_u8_view<const std::uint8_t> x, image_u8_view<std::uint8_t> y, Rule = {}) {
  require_extent("resize_u8: y", "channels", x.extent(2), y.extent(2));
  if (y.empty()) return;
  if (x.empty()) detail::raise<shape_error>("resize_u8: x has no pixels");
  kernel<op::resize_u8, Backend>::template run<Rule>(ctx, x, y);
}

/// Scratch bytes of `resize_u8` from extents `x` to extents `y`.
template <class Backend>
std::size_t resize_u8_bytes(const Backend& backend, const dynamic_extents<3>& x, const dynamic_extents<3>& y) {
  if (x.size() == 0 || y.size() == 0) return 0;
  return kernel<op::resize_u8, Backend>::bytes(backend, x, y);
}

}  // namespace heddle::inline v0
