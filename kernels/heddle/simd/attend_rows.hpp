/// @file
/// Few queries (a decode step): rows of keys and values are read where they lie, each once, and nothing is packed.
#pragma once

#include <cstddef>

#include <heddle/core/extents.hpp>
#include <heddle/simd/attend_softmax.hpp>
#include <heddle/simd/attend_widen.hpp>

namespace heddle::inline v0::detail {

/// Asks for a row that is read soon: rows lie anywhere, and the processor does not see the next one coming (20 % of a decode
/// step over stored bfloat16).
template <class T>
HEDDLE_ALWAYS_INLINE void fetch_row(const T* row, std::size_t elements) noexcept {
#if defined(__GNUC__)
  for (std::size_t d = 0; d < elements; d += 64 / sizeof(T)) __builtin_prefetch(row + d);
#endif
}

/// Dot products of a query with `Count` keys, as one vector of partial sums each.
template <class Isa, std::size_t D, std::size_t Count, class T>
HEDDLE_ALWAYS_INLINE void dot_rows(const float* query, const T* const* keys, std::size_t head_dim, vec<Isa>* sums) noexcept {
  using v = vec<Isa>;
  const std::size_t dim = D == dyn ? head_dim : D;
  v sum[Count];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Count; ++i) sum[i] = v::zero();
  std::size_t d = 0;
  HEDDLE_NO_UNROLL
  for (; d + v::size <= dim; d += v::size) {
    const v x = v::load(query + d);
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < Count; ++i) sum[i] = fma(x, stored<Isa, T>::load(keys[i] + d), sum[i]);
  }
  if (d < dim) {
    const v x = v::load(query + d);  // packed: zeros behind head_dim
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < Count; ++i) sum[i] = fma(x, stored<Isa, T>::load_partial(keys[i] + d, dim - d), sum[i]);
  }
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Count; ++i) sums[i] = sum[i];
}

/// The scores of a query and V keys, 0 for keys that are missing (null). `next`: V keys that come
/// soon, or null.
template <class Isa, std::size_t D, class T>
vec<Isa> scores_in_place(const float* query, const T* const* keys, const T* const* next, std::size_t head_dim) noexcept {
  using v = vec<Isa>;
  v sums[v::size];
  for (std::size_t i = 0; i < v::size; i += 4) {
    if (next != nullptr) {
      HEDDLE_UNROLL
      for (std::size_t j = i; j < i + 4; ++j) fetch_row(next[j], D == dyn ? head_dim : D);
    }
    if (keys[i] != nullptr && keys[i + 1] != nullptr && keys[i + 2] != nullptr && keys[i + 3] != nullptr) {
      dot_rows<Isa, D, 4>(query, keys + i, head_dim, sums + i);
      continue;
    }
    for (std::size_t j = i; j < i + 4; ++j) {
      sums[j] = v::zero();
      if (keys[j] != nullptr) dot_rows<Isa, D, 1>(query, keys + j, head_dim, sums + j);
    }
  }
  return join_add(static_cast<const v*>(sums));
}

/// `Columns` vectors of the weighted sum of one query, from element `d` on.
template <class Isa, std::size_t Columns, class T>
HEDDLE_NOINLINE void value_row(const float* weights, const T* const* values, const panel_run* runs, std::size_t run_count,
                               std::size_t d, std::size_t dim, const float* factor, float* out) noexcept {
  using v = vec<Isa>;
  v sum[Columns];
  HEDDLE_UNROLL
  for (std::size_t j = 0; j < Columns; ++j)
    sum[j] = factor == nullptr ? v::zero() : v::load(out + d + j * v::size) * v::broadcast(factor);
  const bool whole = d + Columns * v::size <= dim;
  for (std::size_t i = 0; i < run_count; ++i) {
    const std::size_t last = (runs[i].first + runs[i].count) * v::size;
    HEDDLE_NO_UNROLL
    for (std::size_t k = runs[i].first * v::size; k < last; ++k) {
      if (k + v::size < last) fetch_row(values[k + v::size] + d, Columns * v::size);
      if (weights[k] == 0.0F) continue;  // hidden: its value must not be read
      const v w = v::broadcast(weights + k);
      const T* row = values[k] + d;
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) {
        const v x = whole ? stored<Isa, T>::load(row + j * v::size) : load_part<Isa>(row, j * v::size, dim - d);
        sum[j] = fma(w, x, sum[j]);
      }
    }
  }
  HEDDLE_UNROLL
  for (std::size_t j = 0; j < Columns; ++j) sum[j].store(out + d + j * v::size);
}

/// `out[r] = factor[r] out[r] + sum_k weights[r][k] values[k]` over the keys of the runs whose weight is not 0.
template <class Isa, std::size_t D, class T>
void values_in_place(const float* weights, std::size_t pitch, std::size_t rows, const T* const* values, const panel_run* runs,
                     std::size_t run_count, std::size_t head_dim, const float* factor, float* out,
                     std::size_t out_pitch) noexcept {
  const std::size_t dim = D == dyn ? head_dim : D;
  const std::size_t vectors = (dim + vec<Isa>::size - 1) / vec<Isa>::size;
  for (std::size_t r = 0; r < rows; ++r) {
    each_piece<8>(vectors, [&](auto n, std::size_t first) {
      value_row<Isa, n>(weights + r * pitch, values, runs, run_count, first * vec<Isa>::size, dim,
                        factor == nullptr ? nullptr : factor + r, out + r * out_pitch);
    });
  }
}

}  // namespace heddle::inline v0::detail
