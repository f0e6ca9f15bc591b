/// @file
/// `gather_rows`, `scatter_rows`, `scatter_add_rows`, `scatter_max_rows`: rows moved by a list of positions. On a device the
/// positions lie where the host cannot check them: one beyond the rows is left out like a negative one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "../backend/tags.hpp"
#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::gather_rows`, `heddle::scatter_rows` and what combines.
struct gather {};
}  // namespace op

namespace detail {

/// Every position is a row of a matrix of `rows` rows, or negative.
template <class Isa = isa::native>
void require_positions(const char* what, std::span<const std::int32_t> positions, std::size_t rows) {
  for (const std::int32_t p : positions)
    if (p >= 0 && static_cast<std::size_t>(p) >= rows)
      raise<shape_error>(std::string(what) + ": expected positions below " + std::to_string(rows) + ", got " +
                         std::to_string(p));
}

/// The same where the host can look: positions on a device are left to its kernels.
template <class Backend>
void require_positions_of([[maybe_unused]] const char* what, [[maybe_unused]] std::span<const std::int32_t> positions,
                          [[maybe_unused]] std::size_t rows) {
  if constexpr (!prefers_whole_maps<Backend>) require_positions(what, positions, rows);
}

}  // namespace detail

/// `y[i] = x[positions[i]]`; a row of zeros where the position is negative.
///
/// @param x         `[rows, channels]`
/// @param positions one for every row of `y`
/// @param y         `[positions, channels]`, apart from `x`
/// @throws shape_error before any work
template <class Backend>
void gather_rows(context<Backend> ctx, matrix_view<const float> x, std::span<const std::int32_t> positions,
                 matrix_view<float> y) {
  require_extent("gather_rows: y", "rows", positions.size(), y.extent(0));
  require_extent("gather_rows: y", "columns", x.extent(1), y.extent(1));
  detail::require_positions_of<Backend>("gather_rows: positions", positions, x.extent(0));
  kernel<op::gather, Backend>::gather(ctx, x, positions, y);
}

/// `y[positions[i]] = x[i]`; rows with a negative position are left out, rows of `y` that no position names are left as they
/// are. Where a position is named twice, the later row stays.
///
/// @param x         `[positions, channels]`
/// @param positions one for every row of `x`
/// @param y         `[rows, channels]`, apart from `x`
/// @throws shape_error before any work
template <class Backend>
void scatter_rows(context<Backend> ctx, matrix_view<const float> x, std::span<const std::int32_t> positions,
                  matrix_view<float> y) {
  require_extent("scatter_rows: x", "rows", positions.size(), x.extent(0));
  require_extent("scatter_rows: y", "columns", x.extent(1), y.extent(1));
  detail::require_positions_of<Backend>("scatter_rows: positions", positions, y.extent(0));
  kernel<op::gather, Backend>::scatter(ctx, x, positions, y);
}

/// `y[positions[i]] += weights[i] * x[i]`, in the order of i; rows with a negative position are left out. No weights: all 1.
///
/// The sum that token merging, un-pooling and segment sums are made of; the caller zeroes `y`.
/// @param x         `[positions, channels]`
/// @param positions one for every row of `x`
/// @param y         `[rows, channels]`, apart from `x`
/// @param weights   one for every row of `x`, or empty
/// @throws shape_error before any work
template <class Backend>
void scatter_add_rows(context<Backend> ctx, matrix_view<const float> x, std::span<const std::int32_t> positions,
                      matrix_view<float> y, std::span<const float> weights = {}) {
  require_extent("scatter_add_rows: x", "rows", positions.size(), x.extent(0));
  require_extent("scatter_add_rows: y", "columns", x.extent(1), y.extent(1));
  if (!weights.empty()) require_extent("scatter_add_rows: weights", "rows", x.extent(0), weights.size());
  detail::require_positions_of<Backend>("scatter_add_rows: positions", positions, y.extent(0));
  kernel<op::gather, Backend>::scatter_add(ctx, x, positions, y, weights);
}

/// `y[positions[i]] = max(y[positions[i]], x[i])` for every column; rows with a negative position are left out. The caller
/// fills `y`, with -inf for the maximum of the rows alone.
/// @throws shape_error before any work
template <class Backend>
void scatter_max_rows(context<Backend> ctx, matrix_view<const float> x, std::span<const std::int32_t> positions,
                      matrix_view<float> y) {
  require_extent("scatter_max_rows: x", "rows", positions.size(), x.extent(0));
  require_extent("scatter_max_rows: y", "columns", x.extent(1), y.extent(1));
  detail::require_positions_of<Backend>("scatter_max_rows: positions", positions, y.extent(0));
  kernel<op::gather, Backend>::scatter_max(ctx, x, positions, y);
}

}  // namespace heddle::inline v0
