/// @file
/// Short problems: windows, blocks and grids. Lanes are queries: maxima, sums and the output need no reduction across
/// lanes, neither keys nor head_dim are padded, and gathered rows are read in place.
#pragma once

#include <cstddef>

#include <heddle/simd/attend_pack.hpp>
#include <heddle/simd/attend_scratch.hpp>

namespace heddle::inline v0::detail {

/// Keys in one tile of the first product. Where 32 registers are there also one less, if that leaves fewer keys over.
template <class Isa>
inline constexpr std::size_t column_keys = vec<Isa>::size == 16 ? 8 : attend_tile<Isa>::rows;

/// Elements of head_dim in one tile of the second product, 0 where no tile divides it.
template <class Isa, std::size_t HeadDim>
inline constexpr std::size_t column_rows = [] {
  constexpr std::size_t few = column_keys<Isa>;                                                              // 8 or 4
  constexpr std::size_t many = vec<Isa>::size == 16 || attend_tile<Isa>::columns > 2 ? few + few / 2 : few;  // 12, 6 or 4
  if (HeadDim == dyn) return std::size_t{0};
  if (vec<Isa>::size == 16 && HeadDim % few == 0) return few;
  if (HeadDim % many == 0) return many;
  if (HeadDim % few == 0) return few;
  return HeadDim % 10 != 0 ? std::size_t{0} : vec<Isa>::size == 16 ? std::size_t{10} : std::size_t{5};
}();

/// Vectors of queries that are computed together.
template <class Isa, std::size_t HeadDim>
inline constexpr std::size_t most_columns = vec<Isa>::size == 16 && column_rows<Isa, HeadDim> == 8 ? 3 : 2;

/// `scores[r][j V + lane] = start[r][...] + sum_d keys[r][d] panel_j[d][lane]` for `Rows` keys, whose rows lie anywhere, and
/// `Columns` panels of queries; raises the maxima `largest` of the columns.
template <class Isa, std::size_t Rows, std::size_t Columns, std::size_t HeadDim, bool Start>
HEDDLE_NOINLINE void column_scores(const float* const* keys, const float* panels, const float* start, std::size_t start_pitch,
                                   float* scores, float* largest) noexcept {
  using v = vec<Isa>;
  const float* row[Rows];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) row[r] = keys[r];
  v sum[Rows][Columns];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = Start ? v::load(start + r * start_pitch + j * v::size) : v::zero();
  }
  HEDDLE_NO_UNROLL
  for (std::size_t d = 0; d < HeadDim; ++d) {
    v q[Columns];
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) q[j] = v::load(panels + (j * HeadDim + d) * v::size);
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const v x = v::broadcast(row[r] + d);
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = fma(x, q[j], sum[r][j]);
    }
  }
  HEDDLE_UNROLL
  for (std::size_t j = 0; j < Columns; ++j) {
    v m = v::load(largest + j * v::size);
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) m = max(m, sum[r][j]);
    m.store(largest + j * v::size);
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) sum[r][j].store(scores + (r * Columns + j) * v::size);
  }
}

/// `weights[k] = exp(scores[k] - largest)` in place for `Columns` vectors of queries; `inverse` becomes one over the sum
/// (0 for 0), `sum` the sum.
template <class Isa, std::size_t Columns>
HEDDLE_NOINLINE void column_softmax(float* scores, std::size_t keys, const float* largest, float* sum,
                                    float* inverse) noexcept {
  using v = vec<Isa>;
  v shift[Columns], total[Columns];
  HEDDLE_UNROLL
  for (std::size_t j = 0; j < Columns; ++j) {
    shift[j] = v::load(largest + j * v::size) * v(-log2_e);
    total[j] = v::zero();
  }
  HEDDLE_NO_UNROLL
  for (std::size_t k = 0; k < keys; ++k, scores += Columns * v::size) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) {
      const v w = exp2_weight(fma(v::load(scores + j * v::size), v(log2_e), shift[j]));
      w.store(scores + j * v::size);
      total[j] = total[j] + w;
    }
  }
  HEDDLE_UNROLL
  for (std::size_t j = 0; j < Columns; ++j) {
    total[j].store(sum + j * v::size);
    select(total[j] == v::zero(), v::zero(), v(1.0F) / total[j]).store(inverse + j * v::size);
  }
}

/// `out[r][j V + lane] = inverse[j][lane] sum_k values[k][first + r] weights[k][j V + lane]`.
template <class Isa, std::size_t Rows, std::size_t Columns>
HEDDLE_NOINLINE void column_values(const float* weights, const float* const* values, std::size_t first, std::size_t keys,
                                   const float* inverse, float* out) noexcept {
  using v = vec<Isa>;
  v sum[Rows][Columns];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = v::zero();
  }
  HEDDLE_NO_UNROLL
  for (std::size_t k = 0; k < keys; ++k) {
    const float* value = values[k] + first;
    v w[Columns];
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) w[j] = v::load(weights + j * v::size);
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const v x = v::broadcast(value + r);
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = fma(x, w[j], sum[r][j]);
    }
    weights += Columns * v::size;
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j)
      (sum[r][j] * v::load(inverse + j * v::size)).store(out + (r * Columns + j) * v::size);
  }
}

/// One packed short problem.
template <class Isa, std::size_t HeadDim>
struct attend_columns {
  using v = vec<Isa>;
  static constexpr std::size_t rows = column_keys<Isa>;
  static constexpr std::size_t most = most_columns<Isa, HeadDim>;
  static constexpr bool possible = column_rows<Isa, HeadDim> != 0;

  const float* queries;      ///< panels `[queries / V][head_dim][V]`, scaled
  const float* const* keys;  ///< `[key_count]`: where their rows lie
  const float* const* values;
  std::size_t key_count;  ///< at least `rows`
  const float* bias;      ///< `[key_count, bias_pitch]` with queries in the rows, or null
  std::size_t bias_pitch;
  float* scores;      ///< `[key_count, most V]`
  float* statistics;  ///< `[3][most V]`: maxima, sums, inverses
  float* columns;     ///< `[head_dim, most V]`: the outputs

  /// Scores of `Columns` vectors of queries from `vector` on, and their maxima.
  template <std::size_t Columns>
  void score_queries(std::size_t vector) const noexcept {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) v(lowest_score).store(statistics + j * v::size);
    if (v::size == 16 && (key_count + rows - 2) / (rows - 1) * (rows - 1) < (key_count + rows - 1) / rows * rows) {
      score_all<Columns, v::size == 16 ? rows - 1 : rows>(vector);
    } else {
      score_all<Columns, rows>(vector);
    }
  }

  /// Weights and outputs of the vectors just scored.
  template <std::size_t Columns>
  void weigh_values() const noexcept {
    column_softmax<Isa, Columns>(scores, key_count, statistics, sums(), inverses());
    constexpr std::size_t step = column_rows<Isa, HeadDim>;
    for (std::size_t d = 0; d < HeadDim; d += step)
      column_values<Isa, step, Columns>(scores, values, d, key_count, inverses(), columns + d * Columns * v::size);
  }

  float* sums() const noexcept { return statistics + most * v::size; }
  float* inverses() const noexcept { return statistics + 2 * most * v::size; }

  template <std::size_t Columns, std::size_t Rows>
  HEDDLE_ALWAYS_INLINE void score_all(std::size_t vector) const noexcept {
    for (std::size_t k = 0; k + Rows < key_count; k += Rows) score<Columns, Rows>(vector, k);
    score<Columns, Rows>(vector, key_count - Rows);  // the last tile may compute keys again
  }

  template <std::size_t Columns, std::size_t Rows>
  HEDDLE_ALWAYS_INLINE void score(std::size_t vector, std::size_t k) const noexcept {
    const float* panels = queries + vector * HeadDim * v::size;
    float* out = scores + k * Columns * v::size;
    if (bias != nullptr) {
      column_scores<Isa, Rows, Columns, HeadDim, true>(keys + k, panels, bias + k * bias_pitch + vector * v::size, bias_pitch,
                                                       out, statistics);
    } else {
      column_scores<Isa, Rows, Columns, HeadDim, false>(keys + k, panels, nullptr, 0, out, statistics);
    }
  }

  /// Writes the outputs of vector `j` of the `Columns` just computed: `row(lane)` is where the row of a query begins, or
  /// null for none.
  template <std::size_t Columns, class Row>
  void store(std::size_t j, Row row) const noexcept {
    for (std::size_t d = 0; d < HeadDim; d += v::size) {
      v block[v::size];
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < v::size; ++i)
        block[i] = d + i < HeadDim ? v::load(columns + ((d + i) * Columns + j) * v::size) : v::zero();
      transpose(block);
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < v::size; ++i) {
        const auto out = row(i);
        if (out != nullptr) store_part<Isa>(out, d, HeadDim, block[i]);
      }
    }
  }
};

}  // namespace heddle::inline v0::detail
