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
/// Positions in sequences become rows of their batch.
struct row_of_kept {
  const std::int32_t* kept;
  std::size_t kept_places;
  std::size_t places;
  std::int32_t* rows;
  HEDDLE_HOST_DEVICE void operator()(std::size_t n) const {
    rows[n] = kept[n] < 0 ? -1 : static_cast<std::int32_t>(n / kept_places * places) + kept[n];
  }
};
}  // namespace detail

/// The rows of a batch that a plan for all sequences keeps (`plan_all`): `rows[b, i] = b places + kept[b, i]`, -1 where nothing is kept. For
/// `keep_rows` of the whole batch at once.
/// @param kept `[batch, most]`, rows without gaps
/// @param rows `[batch * most]`
template <class Backend>
void rows_of_kept(context<Backend> ctx, matrix_view<const std::int32_t> kept, std::size_t places,
                  std::span<std::int32_t> rows) {
  require_extent("rows_of_kept: kept", "as the stride of sequences", kept.extent(1), kept.stride(0));
  require_extent("rows_of_kept: rows", "rows", kept.extent(0) * kept.extent(1), rows.size());
  each(ctx, rows.size(), detail::row_of_kept{kept.data_handle(), kept.extent(1), places, rows.data()});
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
void put_back_rows(context<Backend> ctx, std::span<const std::int32_t> kept, matrix_view<const float> x,
                   std::span<const float> fill, matrix_view<float> y) {
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
