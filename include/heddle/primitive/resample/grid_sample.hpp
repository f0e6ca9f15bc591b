/// @file
/// `grid_sample`: a map read at given positions, one per output pixel (warps, deformable attention, affine grids).
#pragma once

#include <array>
#include <cstddef>

#include "../../core/context.hpp"
#include "../convolve.hpp"
#include "rules.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::grid_sample`.
struct grid_sample {};
}  // namespace op

/// Whether -1 and 1 are the centres of the outermost pixels (true) or the outer edges of the map (false).
template <bool Value>
struct align_corners {
  static constexpr bool value = Value;
};

namespace detail {

/// The inputs that one coordinate of a grid reads, with weights; taps outside the map are left out.
template <class W>
struct point_taps {
  using weight_type = W;
  std::array<std::size_t, 4> index{};
  std::array<W, 4> weight{};
  std::size_t count = 0;

  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void add(float position, std::size_t n, W w) noexcept {
    if (!(position >= 0.0f) || position >= static_cast<float>(n)) return;
    index[count] = static_cast<std::size_t>(position);
    weight[count++] = w;
  }
};

/// `position` reflected at both ends of `[low, low + length]` until it lies inside.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float reflect_position(float position, float low, float length) noexcept {
  if (length <= 0.0f) return 0.0f;
  const float distance = math::abs(position - low);
  const float rest = math::fmod(distance, length);
  const bool odd = math::fmod(math::floor(distance / length), 2.0f) != 0.0f;
  return odd ? low + (length - rest) : low + rest;
}

HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float clamp_position(float position, std::size_t n) noexcept {
  return math::fmin(math::fmax(position, 0.0f), static_cast<float>(n - 1));
}

}  // namespace detail

/// What a position outside the map reads.
namespace grid_padding {

/// Nothing: taps outside count as zero, and the weights are not renormalised.
struct zeros {
  template <bool AlignCorners>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float apply(float position, std::size_t n) noexcept {
    // Far away and just outside are the same; a bounded number converts to an index safely.
    return math::fmin(math::fmax(position, -4.0f), static_cast<float>(n) + 4.0f);
  }
};

/// The nearest pixel of the map.
struct border {
  template <bool AlignCorners>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float apply(float position, std::size_t n) noexcept {
    return detail::clamp_position(position, n);
  }
};

/// The map mirrored at its ends: between pixel centres with aligned corners, else at the outer edges.
struct reflection {
  template <bool AlignCorners>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float apply(float position, std::size_t n) noexcept {
    const float length = static_cast<float>(n);
    const float inside = AlignCorners ? detail::reflect_position(position, 0.0f, length - 1.0f)
                                      : detail::reflect_position(position, -0.5f, length);
    return detail::clamp_position(inside, n);
  }
};

}  // namespace grid_padding

/// How a position between pixels is read, along one axis.
namespace grid_mode {

/// The nearest pixel; halves round to even.
struct nearest {
  template <class Padding, bool AlignCorners, class Taps>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(float position, std::size_t n, Taps& taps) noexcept {
    using W = typename Taps::weight_type;
    taps.add(math::nearbyint(Padding::template apply<AlignCorners>(position, n)), n, W{1});
  }
};

/// Two neighbours, linearly.
struct bilinear {
  template <class Padding, bool AlignCorners, class Taps>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(float position, std::size_t n, Taps& taps) noexcept {
    using W = typename Taps::weight_type;
    const float t = Padding::template apply<AlignCorners>(position, n);
    const float low = math::floor(t);
    const W fraction = static_cast<W>(t - low);
    taps.add(low, n, W{1} - fraction);
    taps.add(low + 1.0f, n, fraction);
  }
};

/// Four neighbours by cubic convolution with `a = -0.75`; the padding applies to each neighbour's index.
struct bicubic {
  template <class Padding, bool AlignCorners, class Taps>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(float position, std::size_t n, Taps& taps) noexcept {
    using W = typename Taps::weight_type;
    const float low = math::floor(position);
    const double fraction = static_cast<double>(position - low);
    for (int i = -1; i <= 2; ++i)
      taps.add(Padding::template apply<AlignCorners>(low + static_cast<float>(i), n), n,
               static_cast<W>(resize_rule::detail::cubic<-75>(fraction - i)));
  }
};

}  // namespace grid_mode

namespace detail {

/// The taps of grid coordinate `g` in [-1, 1] on an axis of `n` pixels. The position is computed in single precision as
/// the formula is written, so that ties of `nearest` fall as in the implementations whose models are loaded. A coordinate
/// that is not a number gives a weight that is none.
template <class Mode, class Padding, bool AlignCorners, class W, class Taps = point_taps<W>>
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE Taps grid_taps(float g, std::size_t n) noexcept {
  Taps taps;
  const float size = static_cast<float>(n);
  const float position = AlignCorners ? (g + 1.0f) / 2.0f * (size - 1.0f) : (math::product(g + 1.0f, size) - 1.0f) / 2.0f;
  if (math::is_nan(position)) {
    taps.add(0.0f, n, static_cast<W>(position));
    return taps;
  }
  // Farther out no fraction is left, so nothing is lost, and infinity stays out of what follows.
  const float limit = 1e6f * size;
  Mode::template taps<Padding, AlignCorners>(math::fmin(math::fmax(position, -limit), limit), n, taps);
  return taps;
}

}  // namespace detail

/// `y[b, i, j, :] = x[b] at grid[b, i, j] = (gx, gy)`, both in [-1, 1] over the width and the height of `x`.
///
/// @param x     `[batch, height, width, channels]`
/// @param grid  `[batch, rows, columns, 2]`, x first
/// @param y     `[batch, rows, columns, channels]`; must not overlap `x` or `grid`
/// `Mode` is one of `grid_mode`, `Padding` one of `grid_padding`. No scratch.
/// @throws shape_error before any work
template <class Backend, class Mode = grid_mode::bilinear, class Padding = grid_padding::zeros,
          class Align = align_corners<false>>
void grid_sample(context<Backend> ctx, map_view<const float> x, map_view<const float> grid, map_view<float> y, Mode = {},
                 Padding = {}, Align = {}) {
  require_extent("grid_sample: grid", "images", x.extent(0), grid.extent(0));
  require_extent("grid_sample: grid", "coordinates", 2, grid.extent(3));
  require_extent("grid_sample: y", "images", x.extent(0), y.extent(0));
  require_extent("grid_sample: y", "rows", grid.extent(1), y.extent(1));
  require_extent("grid_sample: y", "columns", grid.extent(2), y.extent(2));
  require_extent("grid_sample: y", "channels", x.extent(3), y.extent(3));
  if (y.empty()) return;
  if (x.empty()) detail::raise<shape_error>("grid_sample: x has no pixels");
  kernel<op::grid_sample, Backend>::template run<Mode, Padding, Align::value>(ctx, x, grid, y);
}

}  // namespace heddle::inline v0
