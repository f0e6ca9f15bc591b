/// @file
/// `copy_pixels`: pixels moved between maps whose pixels lie at any distance.
#pragma once

#include <cstddef>
#include <cstring>

#include "../backend/tags.hpp"
#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::copy_pixels`, for backends whose memory the host may not follow.
struct copy_pixels {};
}  // namespace op

/// Pixels `[rows, columns, channels]` with free distances between rows and columns; the channels are neighbours.
template <class T>
using pixel_view = view<T, dynamic_extents<3>, strided>;

/// `y[i, j, c] = x[i, j, c]`: one of several maps that lie between each other, taken out or put back. No scratch; `y` must not
/// overlap `x`. @throws shape_error before any work
template <class Backend>
void copy_pixels(context<Backend> ctx, const pixel_view<const float>& x, const pixel_view<float>& y) {
  require_extent("copy_pixels: y", "rows", x.extent(0), y.extent(0));
  require_extent("copy_pixels: y", "columns", x.extent(1), y.extent(1));
  require_extent("copy_pixels: y", "channels", x.extent(2), y.extent(2));
  if (y.empty()) return;
  if constexpr (prefers_whole_maps<Backend>) {
    kernel<op::copy_pixels, Backend>::run(ctx, x, y);
  } else {
    ctx.backend.parallel_for(x.extent(0), [&](std::size_t i, std::size_t) {
      const float* from = x.data_handle() + i * x.stride(0);
      float* to = y.data_handle() + i * y.stride(0);
      for (std::size_t j = 0; j < x.extent(1); ++j, from += x.stride(1), to += y.stride(1))
        std::memcpy(to, from, x.extent(2) * sizeof(float));
    });
  }
}

}  // namespace heddle::inline v0
