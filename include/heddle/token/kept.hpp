/// @file
/// Rows that a dropout or a sampling kept: taken out, and put back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "../primitive/each.hpp"
#include "../primitive/gather.hpp"
#include "../primitive/map.hpp"

namespace heddle::inline v0 {

/// `y[i] = x[kept[i]]` for one sequence: how a plan is applied. @see gather_rows
template <class Backend>
void keep_rows(context<Backend> ctx, std::span<const std::int32_t> kept, matrix_view<const float> x, matrix_view<float> y) {
  gather_rows(ctx, x, kept, y);
}

namespace detail {
struct second_of_two {
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T, T b) const noexcept {
    return b;
  }
};
}  // namespace detail

/// The way back for one sequence: `y[kept[i]] = x[i]`, and `fill` (a mask token, for one) wherever nothing was kept.
///
/// @param x    `[kept, channels]`
/// @param fill `[channels]`, or empty: zeros
/// @param y    `[before, channels]`, apart from `x`
/// @throws shape_error before any work
template <class Backend>
void put_back_rows(context<Backend> ctx, std::span<const std::int32_t> kept, matrix_view<const float> x, std::span<const float> fill,
                   matrix_view<float> y) {
  require_extent("put_back_rows: x", "rows", kept.size(), x.extent(0));
  require_extent("put_back_rows: x", "columns", y.extent(1), x.extent(1));
  detail::require_positions_of<Backend>("put_back_rows: kept", kept, y.extent(0));
  if (fill.empty()) {
    each(ctx, y.extent(0) * y.extent(1), detail::set_element{y, 0.0F});
  } else {
    require_extent("put_back_rows: fill", "channels", y.extent(1), fill.size());
    map(ctx, matrix_view<const float>(y), make_matrix(fill.data(), 1, fill.size()), y, detail::second_of_two{});
  }
  scatter_rows(ctx, x, kept, y);
}

}  // namespace heddle::inline v0
