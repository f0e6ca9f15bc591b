/// @file
/// `map` and `reduce`: element-wise functions of rows, and sums over rows.
#pragma once

#include <span>

#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::map`.
struct map {};
/// Tag of `heddle::mean_rows`, `heddle::max_rows`.
struct reduce {};
}  // namespace op

/// `y[r, c] = f(x[r, c])` for a policy generic in its number type (an activation, for one). `y` may be `x`.
/// @throws shape_error before any work
template <class Backend, class F>
void map(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, F f) {
  require_extent("map: y", "rows", x.extent(0), y.extent(0));
  require_extent("map: y", "columns", x.extent(1), y.extent(1));
  kernel<op::map, Backend>::unary(ctx, x, y, f);
}

/// `y[r, c] = f(a[r, c], b[r, c])`. A `b` of one row is used for every row. `y` may be `a` or `b`.
/// @throws shape_error before any work
template <class Backend, class F>
void map(context<Backend> ctx, matrix_view<const float> a, matrix_view<const float> b, matrix_view<float> y, F f) {
  if (b.extent(0) != 1) require_extent("map: b", "rows", a.extent(0), b.extent(0));
  require_extent("map: b", "columns", a.extent(1), b.extent(1));
  require_extent("map: y", "rows", a.extent(0), y.extent(0));
  require_extent("map: y", "columns", a.extent(1), y.extent(1));
  kernel<op::map, Backend>::binary(ctx, a, b, y, f);
}

/// `y[c] = mean over r of x[r, c]`: global average pooling of a map in token order. The order of summation depends on the
/// shape alone. @throws shape_error before any work, also for no rows
template <class Backend>
void mean_rows(context<Backend> ctx, matrix_view<const float> x, std::span<float> y) {
  require_extent("mean_rows: y", "columns", x.extent(1), y.size());
  if (x.extent(0) == 0) detail::raise<shape_error>("mean_rows: x has no rows");
  kernel<op::reduce, Backend>::mean(ctx, x, y);
}

/// `y[c] = max over r of x[r, c]`. @throws shape_error before any work, also for no rows
template <class Backend>
void max_rows(context<Backend> ctx, matrix_view<const float> x, std::span<float> y) {
  require_extent("max_rows: y", "columns", x.extent(1), y.size());
  if (x.extent(0) == 0) detail::raise<shape_error>("max_rows: x has no rows");
  kernel<op::reduce, Backend>::maximum(ctx, x, y);
}

}  // namespace heddle::inline v0
