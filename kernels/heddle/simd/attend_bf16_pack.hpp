/// @file
/// Queries, keys, values and weights of attention as words of two bfloat16, for AVX-512.
///
/// queries `[row][pair of features]`, keys `[panel of 16][pair][16]` (lane = key), values `[pair of keys][feature]`, weights
/// `[row][pair of keys]` over the scores that they were made of: each in the order in which the products read it.
#pragma once

#include <cstring>

#include <heddle/simd/attend_products.hpp>
#include <heddle/simd/gemm_bf16_pack.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
// As in lanes_avx512.hpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace heddle::inline v0::detail {

/// Two vectors of floats as 32 bfloat16 in order.
template <class Isa>
HEDDLE_ALWAYS_INLINE __m512i rounded_words(vec<Isa> low, vec<Isa> high) noexcept {
  if constexpr (pairs<Isa>::native) {
    return pairs<Isa>::rounded(low, high).words;
  } else {
    return _mm512_inserti64x4(_mm512_castsi256_si512(lanes16<Isa>::narrowed(low.value)), lanes16<Isa>::narrowed(high.value), 1);
  }
}

/// 32 elements of a row from element `d` on as words; zero behind its end.
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE __m512i row_words(const T* row, std::size_t d, std::size_t dim) noexcept {
  if constexpr (std::is_same_v<T, bfloat16>) {
    if (dim - d >= tile_inputs) return _mm512_loadu_si512(row + d);
    return _mm512_maskz_loadu_epi16((__mmask32{1} << (dim - d)) - 1, row + d);
  } else {
    const vec<Isa> low = load_part<Isa>(row, d, dim);
    return rounded_words(low, dim - d > vec<Isa>::size ? load_part<Isa>(row, d + vec<Isa>::size, dim) : vec<Isa>::zero());
  }
}

/// A power of two scales a bfloat16 without rounding.
inline bool exact_scale(float scale) noexcept { return (std::bit_cast<std::uint32_t>(scale) & 0x7fffffu) == 0; }

/// 2^f on 0 <= f <= 1, relative error 7.5e-5: bfloat16 has 2e-3.
inline constexpr float exp2_cubic[] = {0.99992522F, 0.695833531F, 0.226067165F, 0.0780245235F};

/// 2^t for weights, as good as bfloat16 needs it: 0 below `smallest_weight` and for -inf, NaN for NaN.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> exp2_rounded(vec<Isa> t) noexcept {
  using v = vec<Isa>;
  const v f = _mm512_reduce_ps(t.value, 1);  // t - floor(t)
  const v p = polynomial(f, exp2_cubic);
  const __mmask16 counts = _mm512_cmp_ps_mask(t.value, _mm512_set1_ps(smallest_weight), _CMP_NLT_UQ);  // true for NaN
  return _mm512_maskz_scalef_ps(counts, p.value, t.value);
}

/// What all products of bfloat16 share. `Unit`: panels of keys are padded to a multiple of so many pairs of features.
template <class Isa, std::size_t Unit>
struct attend_bf16_format {
  using v = vec<Isa>;
  using element = bf16_pair;
  static constexpr std::size_t width = v::size;
  static_assert(width == tile_words);
  static constexpr std::size_t panel_step = 2;

  static constexpr std::size_t pairs_of(std::size_t dim) noexcept { return round_up((dim + 1) / 2, Unit); }
  static constexpr std::size_t out_pitch(std::size_t dim) noexcept { return round_up(dim, width); }
  static constexpr std::size_t query_pitch(std::size_t dim) noexcept { return round_up((dim + 1) / 2, tile_words); }
  static constexpr std::size_t panel_elements(std::size_t dim) noexcept { return pairs_of(dim) * width; }
  static constexpr std::size_t value_elements(std::size_t dim) noexcept { return out_pitch(dim) * (width / 2); }

  /// Scaled where that rounds nothing.
  template <std::size_t D, class Source>
  static void pack_queries(const Source& source, std::size_t first, std::size_t count, std::size_t head_dim, float scale,
                           element* out) noexcept {
    const std::size_t dim = D == dyn ? head_dim : D;
    const bool scales = exact_scale(scale) && scale != 1.0F;
    for (std::size_t i = first; i < first + count; ++i, out += query_pitch(dim)) {
      if (!source.present(i)) {
        std::memset(out, 0, query_pitch(dim) * sizeof(element));
        continue;
      }
      const auto* row = source.row(i);
      for (std::size_t d = 0; d < dim; d += tile_inputs) {
        __m512i words = row_words<Isa>(row, d, dim);
        if (scales)
          words = rounded_words(v(lanes16<Isa>::widened(_mm512_castsi512_si256(words))) * v(scale),
                                v(lanes16<Isa>::widened(_mm512_extracti64x4_epi64(words, 1))) * v(scale));
        _mm512_storeu_si512(out + d / 2, words);
      }
    }
  }

  template <std::size_t D, class Source>
  static void pack_keys(const Source& source, std::size_t first, std::size_t count, std::size_t head_dim,
                        element* out) noexcept {
    const std::size_t dim = D == dyn ? head_dim : D;
    decltype(source.row(first)) rows[width];
    for (std::size_t i = 0; i < width; ++i)
      rows[i] = i < count && source.present(first + i) ? source.row(first + i, i) : nullptr;
    for (std::size_t d = 0; d < dim; d += tile_inputs) {
      v block[width];
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < width; ++i)
        block[i] = rows[i] != nullptr ? v(_mm512_castsi512_ps(row_words<Isa>(rows[i], d, dim))) : v::zero();
      transpose(block);
      float* const to = reinterpret_cast<float*>(out + d / 2 * width);
      const std::size_t left = pairs_of(dim) - d / 2;
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < width; ++i)
        if (i < left) block[i].store(to + i * width);
    }
  }

  /// False if an element is infinite or NaN (asked for by `Check`).
  template <std::size_t D, bool Check, class Source>
  static bool pack_values(const Source& source, std::size_t first, std::size_t count, std::size_t head_dim,
                          element* out) noexcept {
    const std::size_t dim = D == dyn ? head_dim : D;
    const std::size_t pitch = out_pitch(dim);
    const __m512i exponent = _mm512_set1_epi16(0x7f80);
    [[maybe_unused]] __mmask32 infinite = 0;
    for (std::size_t i = 0; i < width; i += 2, out += pitch) {
      const auto* even = i < count && source.present(first + i) ? source.row(first + i, i) : nullptr;
      const auto* odd = i + 1 < count && source.present(first + i + 1) ? source.row(first + i + 1, i + 1) : nullptr;
      for (std::size_t d = 0; d < pitch; d += tile_inputs) {
        const __m512i a = even != nullptr ? row_words<Isa>(even, d, dim) : _mm512_setzero_si512();
        const __m512i b = odd != nullptr ? row_words<Isa>(odd, d, dim) : _mm512_setzero_si512();
        if constexpr (Check)
          infinite |= _mm512_cmpeq_epi16_mask(_mm512_and_si512(a, exponent), exponent) |
                      _mm512_cmpeq_epi16_mask(_mm512_and_si512(b, exponent), exponent);
        _mm512_storeu_si512(out + d, joined_words(_mm512_castsi512_si256(a), _mm512_castsi512_si256(b)));
        if (d + width < pitch)
          _mm512_storeu_si512(out + d + width, joined_words(_mm512_extracti64x4_epi64(a, 1), _mm512_extracti64x4_epi64(b, 1)));
      }
    }
    if constexpr (Check) return infinite == 0;
    return true;
  }

  /// As `softmax_block`, with weights in bfloat16. Sums are those of the weights before rounding.
  static HEDDLE_NOINLINE void softmax(const attend_weight_job& j) noexcept {
    for (std::size_t r0 = 0; r0 < j.rows; r0 += width) {
      float* vectors = j.row_vectors + r0 * width;
      v largest = joined<Isa>(vectors, [](const v* r) { return join_max(r); });
      v old_sum = v::zero();
      if (!j.first) {
        const v before = v::load(j.statistics.largest + r0);
        largest = max(largest, before);
        const v factor = exp2_weight((before - largest) * v(log2_e));
        factor.store(j.statistics.factor + r0);
        old_sum = v::load(j.statistics.sum + r0) * factor;
      }
      largest.store(j.statistics.largest + r0);
      alignas(64) float offset[width];
      (largest * v(-log2_e)).store(offset);
      const std::size_t end = j.rows - r0 < width ? j.rows - r0 : width;
      for (std::size_t r = 0; r < end; ++r)
        weigh_row(j.scores + (r0 + r) * j.pitch, v(offset[r]), j.runs, j.run_count).store(vectors + r * width);
      const v total = joined<Isa>(vectors, [](const v* r) { return join_add(r); });
      (old_sum + total).store(j.statistics.sum + r0);
    }
  }

  static HEDDLE_NOINLINE void keep(const attend_weight_job& j) noexcept {
    for (std::size_t r = 0; r < j.rows; ++r) {
      float* const row = j.scores + r * j.pitch;
      each_two(row, j.runs, j.run_count, [](v low, v high) { return rounded_words(low, high); });
    }
  }

  static float weight(const float* row, std::size_t key) noexcept {
    bfloat16 w;
    std::memcpy(&w, reinterpret_cast<const char*>(row) + key * sizeof w, sizeof w);
    return w;
  }

 private:
  static HEDDLE_ALWAYS_INLINE __m512i joined_words(__m256i even, __m256i odd) noexcept {
    return _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
  }

  /// Replaces the scores of every two panels of the runs by words: written behind where is read.
  template <class F>
  static HEDDLE_ALWAYS_INLINE void each_two(float* row, const panel_run* runs, std::size_t run_count, F&& f) noexcept {
    for (std::size_t i = 0; i < run_count; ++i) {
      const float* p = row + runs[i].first * width;
      float* to = row + runs[i].first * (width / 2);
      for (std::size_t n = 0; n < runs[i].count; n += 2, p += 2 * width, to += width)
        _mm512_storeu_si512(to, f(v::load(p), v::load(p + width)));
    }
  }

  static HEDDLE_ALWAYS_INLINE v weigh_row(float* row, v shift, const panel_run* runs, std::size_t run_count) noexcept {
    v low_sum = v::zero();
    v high_sum = v::zero();
    each_two(row, runs, run_count, [&](v a, v b) {
      const v low = exp2_rounded(fma(a, v(log2_e), shift));
      const v high = exp2_rounded(fma(b, v(log2_e), shift));
      low_sum = low_sum + low;
      high_sum = high_sum + high;
      return rounded_words(low, high);
    });
    return low_sum + high_sum;
  }
};

}  // namespace heddle::inline v0::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
