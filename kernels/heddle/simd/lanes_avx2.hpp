/// @file
/// What xsimd lacks or hides, for AVX2 with FMA: see lanes.hpp.
#pragma once

#include "lanes.hpp"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

namespace heddle::inline v0::detail {

template <>
struct lanes<isa::avx2> {
  using arch = xsimd::fma3<xsimd::avx2>;
  using reg = __m256;
  using mask = __m256;
  static constexpr bool has_look_up = false;

  static HEDDLE_ALWAYS_INLINE __m256i first_integers(std::size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
  }
  static HEDDLE_ALWAYS_INLINE reg load(const float* p) { return _mm256_loadu_ps(p); }
  static HEDDLE_ALWAYS_INLINE void store(float* p, reg a) { _mm256_storeu_ps(p, a); }
  static HEDDLE_ALWAYS_INLINE reg load_partial(const float* p, std::size_t n) {
    return _mm256_maskload_ps(p, first_integers(n));
  }
  static HEDDLE_ALWAYS_INLINE void store_partial(float* p, reg a, std::size_t n) {
    _mm256_maskstore_ps(p, first_integers(n), a);
  }
  static HEDDLE_ALWAYS_INLINE mask first(std::size_t n) { return _mm256_castsi256_ps(first_integers(n)); }
  static HEDDLE_ALWAYS_INLINE unsigned bits(mask m) { return static_cast<unsigned>(_mm256_movemask_ps(m)); }
  static HEDDLE_ALWAYS_INLINE reg iota() { return _mm256_set_ps(7.0f, 6.0f, 5.0f, 4.0f, 3.0f, 2.0f, 1.0f, 0.0f); }

  static HEDDLE_ALWAYS_INLINE reg fma(reg a, reg b, reg c) { return _mm256_fmadd_ps(a, b, c); }
  static HEDDLE_ALWAYS_INLINE reg fnma(reg a, reg b, reg c) { return _mm256_fnmadd_ps(a, b, c); }
  static HEDDLE_ALWAYS_INLINE reg min(reg a, reg b) { return _mm256_min_ps(b, a); }
  static HEDDLE_ALWAYS_INLINE reg max(reg a, reg b) { return _mm256_max_ps(b, a); }
  static HEDDLE_ALWAYS_INLINE reg sqrt(reg a) { return _mm256_sqrt_ps(a); }
  static HEDDLE_ALWAYS_INLINE reg round(reg a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static HEDDLE_ALWAYS_INLINE reg copysign(reg magnitude, reg sign) {
    const reg s = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(s, magnitude), _mm256_and_ps(s, sign));
  }
  static HEDDLE_ALWAYS_INLINE reg scale(reg a, reg n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    const __m256i one = _mm256_set1_epi32(127);
    const reg first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, one), 23));
    const reg second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), one), 23));
    return _mm256_mul_ps(_mm256_mul_ps(a, first), second);
  }
  static HEDDLE_ALWAYS_INLINE reg scale_normal(reg a, reg n) {
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg a, reg& mantissa, reg& exponent) {
    const __m256i shifted = _mm256_sub_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(0x3f3504f3));
    const __m256i e = _mm256_srai_epi32(shifted, 23);
    exponent = _mm256_cvtepi32_ps(e);
    mantissa = _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(e, 23)));
  }

  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg quad(const reg* rows, Combine f) {
    const reg ab = f(_mm256_unpacklo_ps(rows[0], rows[1]), _mm256_unpackhi_ps(rows[0], rows[1]));
    const reg cd = f(_mm256_unpacklo_ps(rows[2], rows[3]), _mm256_unpackhi_ps(rows[2], rows[3]));
    return f(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg join(const reg* rows, Combine f) {
    const reg low = quad(rows, f);
    const reg high = quad(rows + 4, f);
    return f(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE float reduce(reg a, Combine f) {
    const reg halves = f(a, _mm256_permute2f128_ps(a, a, 1));
    const reg pairs = f(halves, _mm256_shuffle_ps(halves, halves, 0x4e));
    return _mm256_cvtss_f32(f(pairs, _mm256_shuffle_ps(pairs, pairs, 0xb1)));
  }
  static HEDDLE_ALWAYS_INLINE void transpose(reg* r) {
    reg t[8];
    HEDDLE_UNROLL
    for (int i = 0; i < 8; i += 4) {  // 4 x 4 blocks inside the 128-bit halves
      const reg a = _mm256_unpacklo_ps(r[i], r[i + 1]);
      const reg b = _mm256_unpackhi_ps(r[i], r[i + 1]);
      const reg c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
      const reg d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
      t[i] = _mm256_shuffle_ps(a, c, 0x44);
      t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
      t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
      t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    HEDDLE_UNROLL
    for (int i = 0; i < 4; ++i) {
      r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
      r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
  }
};

}  // namespace heddle::inline v0::detail
#endif
