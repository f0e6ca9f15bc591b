/// @file
/// Views of queries, keys, values and outputs, head by head, in the memory where projections leave them.
#pragma once

#include <cstddef>

#include "../core/view.hpp"

namespace heddle::inline v0 {

/// `[batch, heads, tokens, head_dim]`; the elements of a head are neighbours, all other strides are free.
template <class T, std::size_t HeadDim = dyn>
using head_view = view<T, extents<dyn, dyn, dyn, HeadDim>, strided>;

/// `[batch, heads, tokens]` with free strides.
template <class T>
using head_rows = view<T, extents<dyn, dyn, dyn>, strided>;

/// Order of the outputs of a fused projection.
enum class qkv_order {
  qkv_heads,  ///< `[3, heads, head_dim]`: all queries, all keys, all values
  heads_qkv   ///< `[heads, 3, head_dim]`: query, key and value of one head together
};

/// The three parts of a fused projection.
template <class T, std::size_t HeadDim>
struct qkv_parts {
  head_view<T, HeadDim> q;
  head_view<T, HeadDim> k;
  head_view<T, HeadDim> v;
};

/// The parts of rows `[batch * tokens, 3 * heads * head_dim]`, in place; `row_stride` floats from row to row (0: no gap).
template <std::size_t HeadDim = dyn, class T>
HEDDLE_HOST_DEVICE constexpr qkv_parts<T, HeadDim> qkv_views(T* rows, std::size_t batch, std::size_t tokens, std::size_t heads,
                                                             qkv_order order = qkv_order::qkv_heads,
                                                             std::size_t head_dim = HeadDim, std::size_t row_stride = 0) {
  const std::size_t pitch = row_stride != 0 ? row_stride : 3 * heads * head_dim;
  const bool together = order == qkv_order::heads_qkv;
  const std::size_t part = together ? head_dim : heads * head_dim;
  const std::size_t head = together ? 3 * head_dim : head_dim;
  const extents<dyn, dyn, dyn, HeadDim> e(batch, heads, tokens, head_dim);
  const auto at = [&](std::size_t i) {
    T* const first = rows == nullptr ? nullptr : rows + i * part;  // no tokens, no memory
    return head_view<T, HeadDim>(first, e, {tokens * pitch, head, pitch, std::size_t{1}});
  };
  return {at(0), at(1), at(2)};
}

/// Rows `[batch * tokens, heads * head_dim]`, as an output projection reads them, head by head.
template <std::size_t HeadDim = dyn, class T>
HEDDLE_HOST_DEVICE constexpr head_view<T, HeadDim> merged_heads(T* rows, std::size_t batch, std::size_t tokens,
                                                                std::size_t heads, std::size_t head_dim = HeadDim,
                                                                std::size_t row_stride = 0) {
  const std::size_t pitch = row_stride != 0 ? row_stride : heads * head_dim;
  return head_view<T, HeadDim>(rows, extents<dyn, dyn, dyn, HeadDim>(batch, heads, tokens, head_dim),
                               {tokens * pitch, head_dim, pitch, std::size_t{1}});
}

}  // namespace heddle::inline v0
