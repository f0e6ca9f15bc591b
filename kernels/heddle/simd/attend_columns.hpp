/// @file
/// Short problems in which everybody sees everybody: windows, blocks and grids. Lanes are queries: maxima, sums and the
/// output need no reduction across lanes, neither keys nor head_dim are padded, and gathered rows are read in place.
#pragma once

#include <cstddef>

#include <heddle/simd/attend_pack.hpp>
#include <heddle/simd/attend_scratch.hpp>

namespace heddle::inline v0::detail {

/// Keys in one tile of the first product.
template <class Isa>
inline constexpr std::size_t column_keys = vec<Isa>::size == 16 ? 8 : attend_tile<Isa>::rows;

/// Elements of head_dim in one tile of the second product, 0 where no tile divides it.
template <class Isa, std::size_t HeadDim>
inline constexpr std::size_t column_rows = [] {
  constexpr std::size_t few = column_keys<Isa>;                                         // 8 or 4
  constexpr std::size_t many = vec<Isa>::size == 16 || attend_tile<Isa>::columns > 2 ? few + few / 2 : few;     // 12, 6 or 4
  if (HeadDim == dyn) return std::size_t{0};
  return HeadDim % many == 0 ? many : HeadDim % few == 0 ? few : std::size_t{0};
}();

/// `weights[k] = exp(scores[k] - largest)` in place for `Columns` vectors of queries; `inverse` becomes one over the sum
/// (0 for 0), `sum` the sum.
template <class Isa, std::size_t Columns>
HEDDLE_NOINLINE void column_softmax(float* scores, std::size_t keys, const float* largest, float* sum, float* inverse) noexcept {
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

/// `out[r][j V + lane] = inverse[j][lane] sum_k values[k][r] weights[k][j V + lane]`.
template <class Isa, std::size_t Rows, std::size_t Columns>
HEDDLE_NOINLINE void column_values(const float* weights, const float* values, std::size_t value_pitch, std::size_t keys,
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
    v w[Columns];
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) w[j] = v::load(weights + j * v::size);
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const v x = v::broadcast(values + r);
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Columns; ++j) sum[r][j] = fma(x, w[j], sum[r][j]);
    }
    weights += Columns * v::size;
    values += value_pitch;
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) (sum[r][j] * v::load(inverse + j * v::size)).store(out + (r * Columns + j) * v::size);
  }
}

/// One packed short problem.
template <class Isa, std::size_t HeadDim>
struct attend_columns {
  using v = vec<Isa>;
  static constexpr std::size_t rows = column_keys<Isa>;
  static constexpr bool possible = column_rows<Isa, HeadDim> != 0;

  const float* queries;        ///< panels `[queries / V][head_dim][V]`, scaled
  const float* keys;           ///< `[key_count, key_pitch]`
  const float* values;         ///< `[key_count, value_pitch]`
  std::size_t key_pitch;
  std::size_t value_pitch;
  std::size_t key_count;       ///< at least `rows`
  const float* bias;           ///< `[key_count, bias_pitch]` with queries in the rows, or null
  std::size_t bias_pitch;
  float* scores;               ///< `[key_count, 2 V]`
  float* statistics;           ///< `[3][2 V]`: maxima, sums, inverses
  float* columns;              ///< `[head_dim, 2 V]`: the outputs

  /// Queries of `Columns` vectors from `vector` on.
  template <std::size_t Columns>
  void run(std::size_t vector) const noexcept {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Columns; ++j) v(lowest_score).store(statistics + j * v::size);
    for (std::size_t k = 0; k + rows < key_count; k += rows) score<Columns>(vector, k);
    score<Columns>(vector, key_count - rows);   // the last tile may compute keys again
    column_softmax<Isa, Columns>(scores, key_count, statistics, statistics + 2 * v::size, statistics + 4 * v::size);
    constexpr std::size_t step = column_rows<Isa, HeadDim>;
    for (std::size_t d = 0; d < HeadDim; d += step)
      column_values<Isa, step, Columns>(scores, values + d, value_pitch, key_count, statistics + 4 * v::size,
                                        columns + d * Columns * v::size);
  }

  template <std::size_t Columns>
  HEDDLE_ALWAYS_INLINE void score(std::size_t vector, std::size_t k) const noexcept {
    const float* panels = queries + vector * HeadDim * v::size;
    float* out = scores + k * Columns * v::size;
    if (bias != nullptr) {
      score_tile<Isa, rows, Columns, HeadDim, true, maxima::by_column>(keys + k * key_pitch, key_pitch, panels, HeadDim,
                                                                       bias + k * bias_pitch + vector * v::size, bias_pitch, out,
                                                                       Columns * v::size, statistics);
    } else {
      score_tile<Isa, rows, Columns, HeadDim, false, maxima::by_column>(keys + k * key_pitch, key_pitch, panels, HeadDim, nullptr, 0, out,
                                                                        Columns * v::size, statistics);
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
        float* out = row(i);
        if (out == nullptr) continue;
        if (HeadDim - d >= v::size) {
          block[i].store(out + d);
        } else {
          block[i].store_partial(out + d, HeadDim - d);
        }
      }
    }
  }
};

}  // namespace heddle::inline v0::detail
