/// @file
/// The two products of attention as leaf functions that know no policy: every composition of a program shares them.
#pragma once

#include <cstddef>

#include <heddle/core/extents.hpp>
#include <heddle/simd/math.hpp>

namespace heddle::inline v0::detail {

/// A run of neighbouring panels (vectors of keys) that a block of queries sees.
struct panel_run {
  std::size_t first = 0;
  std::size_t count = 0;
  bool refine = false;  ///< masks or functions must still be applied to its scores
};

/// Rows and columns (in vectors) of the register tiles, and the queries of a block. The rows are those of both products,
/// so that scores of rows that do not exist are computed, never stored and never read by others.
template <class Isa>
struct attend_tile {
#if defined(__aarch64__)
  static constexpr std::size_t rows = 8;  // 32 registers: 24 sums, 3 vectors of keys, 1 broadcast
  static constexpr std::size_t columns = 3;
#else
  static constexpr std::size_t rows = 4;  // 16 registers and no fma: 8 sums, 2 vectors, 1 broadcast, 1 product
  static constexpr std::size_t columns = 2;
#endif
  static constexpr std::size_t value_columns = columns;
  static constexpr std::size_t block = 32;
};
template <>
struct attend_tile<isa::avx2> {
  static constexpr std::size_t rows = 4;  // 16 registers: 12 sums, 3 vectors of keys, 1 broadcast
  static constexpr std::size_t columns = 3;
  static constexpr std::size_t value_columns = 3;
  static constexpr std::size_t block = 32;
};
template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct attend_tile<Isa> {
#if defined(TRY_ROWS)
  static constexpr std::size_t rows = TRY_ROWS;
  static constexpr std::size_t columns = TRY_COLUMNS;
  static constexpr std::size_t value_columns = TRY_VALUE_COLUMNS;
  static constexpr std::size_t block = TRY_BLOCK;
#else
  static constexpr std::size_t rows = 14;  // 32 registers: 28 sums, 2 vectors of keys, 1 broadcast
  static constexpr std::size_t columns = 2;
  static constexpr std::size_t value_columns = 2;
  static constexpr std::size_t block = 28;
#endif
};

/// `scores[r][j V + lane] = start[r][...] + sum_d q[r][d] panel_j[d][lane]` for `Rows` queries and `Columns` panels.
///
/// @param q       `[rows, q_pitch]`, scaled
/// @param panels  `[columns][head_dim][V]`
/// @param start   where the sums start (`Start`; else from zero)
/// @param largest `[rows, V]`: maxima to be raised (`Maxima`)
template <class Isa, std::size_t Rows, std::size_t Columns, std::size_t HeadDim, bool Start, bool Maxima>
HEDDLE_NOINLINE void score_tile(const float* q, std::size_t q_pitch, const float* panels, std::size_t head_dim,
                                const float* start, std::size_t start_pitch, float* scores, std::size_t pitch, float* largest) {
  using v = vec<Isa>;
  const std::size_t dim = HeadDim == dyn ? head_dim : HeadDim;
  v sum[Rows][Columns];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = Start ? v::load(start + r * start_pitch + j * v::size) : v::zero();
  }
  const float* key = panels;
  HEDDLE_NO_UNROLL
  for (std::size_t d = 0; d < dim; ++d) {
    v k[Columns];
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) k[j] = v::load(key + j * dim * v::size);
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const v x = v::broadcast(q + r * q_pitch + d);
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = fma(x, k[j], sum[r][j]);
    }
    key += v::size;
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) sum[r][j].store(scores + r * pitch + j * v::size);
    if constexpr (Maxima) {
      v m = v::load(largest + r * v::size);
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) m = max(m, sum[r][j]);
      m.store(largest + r * v::size);
    }
  }
}

/// `out[r][j V + lane] = factor[r] out[r][...] + sum_k weights[r][k] values[k][...]` over the keys of the runs;
/// without `Continue` the sums start from zero and `factor` is not read.
///
/// One column of vectors alone cannot hide the latency of a multiply-add: even and odd keys then have sums of their own
/// (runs hold whole vectors of keys, an even number). `keys`, an even number, ends the last run.
template <class Isa, std::size_t Rows, std::size_t Columns, bool Continue>
HEDDLE_NOINLINE void value_tile(const float* weights, std::size_t pitch, const float* values, std::size_t value_pitch,
                                const panel_run* runs, std::size_t run_count, std::size_t keys, const float* factor, float* out,
                                std::size_t out_pitch) {
  using v = vec<Isa>;
  constexpr std::size_t parts = Columns == 1 ? 2 : 1;
  v sum[Rows][Columns * parts];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j)
      sum[r][j] = Continue ? v::load(out + r * out_pitch + j * v::size) * v::broadcast(factor + r) : v::zero();
    if constexpr (parts == 2) sum[r][1] = v::zero();
  }
  for (std::size_t i = 0; i < run_count; ++i) {
    const std::size_t first = runs[i].first * v::size;
    const std::size_t end = first + runs[i].count * v::size;
    const std::size_t last = end < keys ? end : keys;
    const float* value = values + first * value_pitch;
    const float* weight = weights + first;
    HEDDLE_NO_UNROLL
    for (std::size_t k = first; k < last; k += parts) {
      v x[Columns * parts];
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns * parts; ++j) x[j] = v::load(value + (parts == 2 ? j * value_pitch : j * v::size));
      HEDDLE_UNROLL
      for (std::size_t r = 0; r < Rows; ++r) {
        if constexpr (parts == 2) {
          sum[r][0] = fma(v::broadcast(weight + r * pitch), x[0], sum[r][0]);
          sum[r][1] = fma(v::broadcast(weight + r * pitch + 1), x[1], sum[r][1]);
        } else {
          const v w = v::broadcast(weight + r * pitch);
          HEDDLE_UNROLL
          for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = fma(w, x[j], sum[r][j]);
        }
      }
      value += parts * value_pitch;
      weight += parts;
    }
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    if constexpr (parts == 2) {
      (sum[r][0] + sum[r][1]).store(out + r * out_pitch);
    } else {
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) sum[r][j].store(out + r * out_pitch + j * v::size);
    }
  }
}

/// Calls `f(std::integral_constant<std::size_t, n>)` for `n` in 1..Most.
template <std::size_t Most, class F>
HEDDLE_ALWAYS_INLINE void with_columns(std::size_t n, F&& f) {
  if constexpr (Most > 1) {
    if (n < Most) return with_columns<Most - 1>(n, static_cast<F&&>(f));
  }
  f(std::integral_constant<std::size_t, Most>{});
}

/// Cuts `total` vectors into pieces of at most `Most`, as even as possible: `f(constant, first)`.
template <std::size_t Most, class F>
HEDDLE_ALWAYS_INLINE void each_piece(std::size_t total, F&& f) {
  std::size_t pieces = (total + Most - 1) / Most;
  for (std::size_t first = 0; first < total; --pieces) {
    const std::size_t n = (total - first + pieces - 1) / pieces;
    with_columns<Most>(n, [&](auto columns) { f(columns, first); });
    first += n;
  }
}

}  // namespace heddle::inline v0::detail
