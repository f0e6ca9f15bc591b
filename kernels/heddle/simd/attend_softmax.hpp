/// @file
/// The softmax of a block of score rows, V rows at a time.
#pragma once

#include <cstddef>
#include <limits>
#include <type_traits>

#include <heddle/simd/attend_tiles.hpp>
#include <heddle/simd/math.hpp>

namespace heddle::inline v0::detail {

/// Where maxima start: finite, so that `exp(-inf - largest)` is 0 also in a row that sees nothing, and so far down that
/// times log2 e it is still finite.
inline constexpr float lowest_score = -2.0e38F;
/// Weights below two to this power are 0: far below what a sum that is at least 1 can hold, and far enough above the
/// denormal numbers that the first products of a sum are none either (each would cost a hundred cycles).
inline constexpr float smallest_weight = -100.0F;
inline constexpr float log2_e = 1.44269504088896341F;

/// The last step of `exp2_weight`: `p 2^n`, or 0 in the lanes where `x` is below `smallest_weight`.
template <class Isa>
struct weight_scale {
  static HEDDLE_ALWAYS_INLINE vec<Isa> apply(vec<Isa> p, vec<Isa> n, vec<Isa> x) noexcept {
    return select(x < vec<Isa>(smallest_weight), vec<Isa>::zero(), vec<Isa>(lanes<Isa>::scale_normal(p.value, n.value)));
  }
};
#if defined(__AVX512F__)
template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct weight_scale<Isa> {
  static HEDDLE_ALWAYS_INLINE vec<Isa> apply(vec<Isa> p, vec<Isa> n, vec<Isa> x) noexcept {
    const __mmask16 normal = _mm512_cmp_ps_mask(x.value, _mm512_set1_ps(smallest_weight), _CMP_NLT_UQ);  // true for NaN
    return _mm512_maskz_scalef_ps(normal, p.value, n.value);
  }
};
#endif

/// 2^x for x <= about 1: -inf (and all below `smallest_weight`) gives 0, NaN gives NaN. Error about one ULP.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> exp2_weight(vec<Isa> x) noexcept {
  using v = vec<Isa>;
  const v bounded = isa::includes<Isa, isa::avx512> ? x : max(x, v(-126.0F));  // integer arithmetic needs the bound
  const v n = round(bounded);
  const v f = bounded - n;
  return weight_scale<Isa>::apply(fma(polynomial(f, exp2_tail), f, v(1.0F)), n, x);
}

/// Statistics of the rows of a block, `[rows padded to V]` each.
struct softmax_rows {
  float* largest = nullptr;  ///< maximum so far
  float* sum = nullptr;      ///< sum of weights so far
  float* factor = nullptr;   ///< what the weights before this chunk are multiplied with
};

/// Joins V vectors of a row each into one vector.
template <class Isa, class Join>
HEDDLE_ALWAYS_INLINE vec<Isa> joined(const float* rows, Join join) noexcept {
  using v = vec<Isa>;
  v r[v::size];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < v::size; ++i) r[i] = v::load(rows + i * v::size);
  return join(static_cast<const v*>(r));
}

/// `scores[r][k] = exp(scores[r][k] - largest)` over the runs, in place; updates the statistics. `row_vectors` holds one
/// vector a row (a multiple of V rows): maxima of the chunk on entry.
template <class Isa>
HEDDLE_NOINLINE void softmax_block(float* scores, std::size_t pitch, std::size_t rows, const panel_run* runs,
                                   std::size_t run_count, float* row_vectors, const softmax_rows& stats,
                                   bool first_chunk) noexcept {
  using v = vec<Isa>;
  for (std::size_t r0 = 0; r0 < rows; r0 += v::size) {
    float* vectors = row_vectors + r0 * v::size;
    v largest = joined<Isa>(vectors, [](const v* r) { return join_max(r); });
    v old_sum = v::zero();
    if (!first_chunk) {
      const v before = v::load(stats.largest + r0);
      largest = max(largest, before);
      const v factor = exp2_weight((before - largest) * v(log2_e));
      factor.store(stats.factor + r0);
      old_sum = v::load(stats.sum + r0) * factor;
    }
    largest.store(stats.largest + r0);
    alignas(64) float offset[v::size];
    (largest * v(-log2_e)).store(offset);
    const std::size_t end = rows - r0 < v::size ? rows - r0 : v::size;
    for (std::size_t r = 0; r < end; ++r) {
      float* row = scores + (r0 + r) * pitch;
      const v shift(offset[r]);
      v sum = v::zero();
      for (std::size_t i = 0; i < run_count; ++i) {
        float* p = row + runs[i].first * v::size;
        for (std::size_t j = 0; j < runs[i].count; ++j, p += v::size) {
          const v w = exp2_weight(fma(v::load(p), v(log2_e), shift));
          w.store(p);
          sum = sum + w;
        }
      }
      sum.store(vectors + r * v::size);
    }
    const v total = joined<Isa>(vectors, [](const v* r) { return join_add(r); });
    (old_sum + total).store(stats.sum + r0);
  }
}

}  // namespace heddle::inline v0::detail
