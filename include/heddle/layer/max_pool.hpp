/// @file
/// Maximum over cells of 2 x 2 tokens.
#pragma once

#include "../model/module.hpp"
#include "../primitive/map.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::max_pool`, for backends that take whole maps.
struct max_pool {};
}  // namespace op

namespace detail {
struct larger {
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T a, T b) const noexcept {
    using math::max;
    return max(a, b);
  }
};
}  // namespace detail

/// `y[b, i, j, c]` = the largest of `x[b, 2 i + {0, 1}, 2 j + {0, 1}, c]`: `[batch, height, width, channels]` to half the
/// sides, an odd last row or column left out. `y` may be columns of wider rows: `[batch * height / 2 * width / 2, channels]`.
/// No scratch. @throws shape_error before any work
template <class Backend>
void max_pool(context<Backend> ctx, map_view<const float> x, matrix_view<float> y) {
  const std::size_t height = x.extent(1) / 2;
  const std::size_t width = x.extent(2) / 2;
  const std::size_t channels = x.extent(3);
  require_extent("max_pool: y", "rows", x.extent(0) * height * width, y.extent(0));
  require_extent("max_pool: y", "channels", channels, y.extent(1));
  if (y.empty()) return;
  if constexpr (prefers_whole_maps<Backend>) {
    kernel<op::max_pool, Backend>::run(ctx, x, y);
  } else {
    for (std::size_t b = 0; b < x.extent(0); ++b)
      for (std::size_t i = 0; i < height; ++i) {
        const auto tokens = [&](std::size_t row, std::size_t column) {  // of one row, every second one
          return make_matrix<const float>(&x(b, 2 * i + row, column, 0U), width, channels, 2 * channels);
        };
        const auto out = row_range(y, (b * height + i) * width, width);
        map(ctx, tokens(0, 0), tokens(0, 1), out, detail::larger{});
        map(ctx, as_const(out), tokens(1, 0), out, detail::larger{});
        map(ctx, as_const(out), tokens(1, 1), out, detail::larger{});
      }
  }
}

}  // namespace heddle::inline v0
