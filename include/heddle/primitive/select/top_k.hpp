/// @file
/// `select_top_k`: the positions of the largest values of every row, always the same ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::select_top_k`.
struct top_k {};
}  // namespace op

/// In which order `select_top_k` returns what it selected.
enum class top_k_order {
  by_value,    ///< largest first; equal values by position
  by_position  ///< ascending positions: the kept rows in their order
};

/// Scratch of `select_top_k` for rows of `columns` values.
template <class Backend>
constexpr std::size_t top_k_bytes(const Backend& backend, std::size_t columns) {
  return for_each_bytes(backend, kernel<op::top_k, Backend>::worker_bytes(columns));
}

/// The positions of the k largest values of every row. Among equal values the lower position is selected first (-0 equals
/// 0), a NaN is selected last: the result is a function of the values alone. With `k` the number of columns this is a stable
/// sort.
///
/// @param values    `[rows, columns]`
/// @param positions `[rows, k]`, k at most the number of columns
/// @throws shape_error, workspace_error before any work
template <class Backend>
void select_top_k(context<Backend> ctx, matrix_view<const float> values, matrix_view<std::int32_t> positions,
                  top_k_order order = top_k_order::by_value) {
  require_extent("select_top_k: positions", "rows", values.extent(0), positions.extent(0));
  if (positions.extent(1) > values.extent(1))
    detail::raise<shape_error>("select_top_k: positions: expected at most " + std::to_string(values.extent(1)) +
                               " columns, got " + std::to_string(positions.extent(1)));
  const std::size_t needed = top_k_bytes(ctx.backend, values.extent(1));
  if (needed > ctx.scratch.remaining()) arena::too_small(needed, ctx.scratch.remaining());
  if (positions.empty()) return;
  using implementation = kernel<op::top_k, Backend>;
  if constexpr (requires { implementation::all(ctx, values, positions, order); }) {
    implementation::all(ctx, values, positions, order);  // all rows at once
  } else {
    ctx.for_each(values.extent(0), implementation::worker_bytes(values.extent(1)), [&](auto worker, std::size_t r) {
      implementation::row(worker.scratch, values.data_handle() + r * values.stride(0), values.extent(1),
                          positions.data_handle() + r * positions.stride(0), positions.extent(1), order);
    });
  }
}

}  // namespace heddle::inline v0
