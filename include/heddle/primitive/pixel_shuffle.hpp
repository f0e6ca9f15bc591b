/// @file
/// `pixel_shuffle` and `pixel_unshuffle`: channels to pixels and back (Shi et al. 2016, sub-pixel convolution).
#pragma once

#include <cstddef>

#include "../core/context.hpp"
#include "convolve.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::pixel_shuffle` and `heddle::pixel_unshuffle`.
struct pixel_shuffle {};
}  // namespace op

namespace detail {
template <std::size_t Factor, class Fine, class Coarse>
void check_shuffle(const char* argument, const Fine& fine, const Coarse& coarse) {
  static_assert(Factor > 0, "heddle::pixel_shuffle: the factor must be at least 1");
  require_extent(argument, "images", coarse.extent(0), fine.extent(0));
  require_extent(argument, "rows", coarse.extent(1) * Factor, fine.extent(1));
  require_extent(argument, "columns", coarse.extent(2) * Factor, fine.extent(2));
  require_extent(argument, "channels times factor squared", coarse.extent(3), fine.extent(3) * Factor * Factor);
}
}  // namespace detail

/// `y[b, i * r + p, j * r + q, c] = x[b, i, j, c * r * r + p * r + q]` for `r = Factor`:
/// `[batch, height, width, channels * r * r]` becomes `[batch, height * r, width * r, channels]`. No scratch; `y` must not
/// overlap `x`. @throws shape_error before any work
template <std::size_t Factor, class Backend>
void pixel_shuffle(context<Backend> ctx, map_view<const float> x, map_view<float> y) {
  detail::check_shuffle<Factor>("pixel_shuffle: y", y, x);
  kernel<op::pixel_shuffle, Backend>::template shuffle<Factor>(ctx, x, y);
}

/// The inverse of `pixel_shuffle`: `[batch, height * r, width * r, channels]` becomes
/// `[batch, height, width, channels * r * r]`. No scratch; `y` must not overlap `x`. @throws shape_error before any work
template <std::size_t Factor, class Backend>
void pixel_unshuffle(context<Backend> ctx, map_view<const float> x, map_view<float> y) {
  detail::check_shuffle<Factor>("pixel_unshuffle: x", x, y);
  kernel<op::pixel_shuffle, Backend>::template unshuffle<Factor>(ctx, x, y);
}

}  // namespace heddle::inline v0
