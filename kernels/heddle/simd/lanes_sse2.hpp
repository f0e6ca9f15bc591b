/// @file
/// What xsimd lacks or hides, for SSE2: see lanes.hpp.
#pragma once

#include "lanes.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>

namespace heddle::inline v0::detail {

template <>
struct lanes<isa::baseline> {
  using arch = xsimd::sse2;
  using reg = __m128;
  using mask = __m128;
  static constexpr bool has_look_up = false;

  static HEDDLE_ALWAYS_INLINE reg load(const float* p) { return _mm_loadu_ps(p); }
  static HEDDLE_ALWAYS_INLINE void store(float* p, reg a) { _mm_storeu_ps(p, a); }
  static HEDDLE_ALWAYS_INLINE reg load_partial(const float* p, std::size_t n) {
    switch (n) {
      case 0:
        return _mm_setzero_ps();
      case 1:
        return _mm_load_ss(p);
      case 2:
        return _mm_loadl_pi(_mm_setzero_ps(), reinterpret_cast<const __m64*>(p));
      case 3:
        return _mm_movelh_ps(_mm_loadl_pi(_mm_setzero_ps(), reinterpret_cast<const __m64*>(p)), _mm_load_ss(p + 2));
      default:
        return _mm_loadu_ps(p);
    }
  }
  static HEDDLE_ALWAYS_INLINE void store_partial(float* p, reg a, std::size_t n) {
    if (n >= 4) return _mm_storeu_ps(p, a);
    if (n >= 2) _mm_storel_pi(reinterpret_cast<__m64*>(p), a);
    if (n == 1) _mm_store_ss(p, a);
    if (n == 3) _mm_store_ss(p + 2, _mm_movehl_ps(a, a));
  }
  static HEDDLE_ALWAYS_INLINE mask first(std::size_t n) {
    return _mm_castsi128_ps(_mm_cmpgt_epi32(_mm_set1_epi32(static_cast<int>(n)), _mm_set_epi32(3, 2, 1, 0)));
  }
  static HEDDLE_ALWAYS_INLINE unsigned bits(mask m) { return static_cast<unsigned>(_mm_movemask_ps(m)); }
  static HEDDLE_ALWAYS_INLINE reg iota() { return _mm_set_ps(3.0f, 2.0f, 1.0f, 0.0f); }

  static HEDDLE_ALWAYS_INLINE reg fma(reg a, reg b, reg c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
  static HEDDLE_ALWAYS_INLINE reg fnma(reg a, reg b, reg c) { return _mm_sub_ps(c, _mm_mul_ps(a, b)); }
  static HEDDLE_ALWAYS_INLINE reg min(reg a, reg b) { return _mm_min_ps(b, a); }
  static HEDDLE_ALWAYS_INLINE reg max(reg a, reg b) { return _mm_max_ps(b, a); }
  static HEDDLE_ALWAYS_INLINE reg sqrt(reg a) { return _mm_sqrt_ps(a); }
  static HEDDLE_ALWAYS_INLINE reg round(reg a) {  // beyond 2^23 every float is whole
    const reg limit = _mm_cmplt_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), a), _mm_set1_ps(8388608.0f));
    const reg near = _mm_cvtepi32_ps(_mm_cvtps_epi32(a));
    return _mm_or_ps(_mm_and_ps(limit, near), _mm_andnot_ps(limit, a));
  }
  static HEDDLE_ALWAYS_INLINE reg copysign(reg magnitude, reg sign) {
    const reg s = _mm_set1_ps(-0.0f);
    return _mm_or_ps(_mm_andnot_ps(s, magnitude), _mm_and_ps(s, sign));
  }
  static HEDDLE_ALWAYS_INLINE reg scale(reg a, reg n) {
    const __m128i whole = _mm_cvtps_epi32(n);
    const __m128i half = _mm_srai_epi32(whole, 1);
    const __m128i one = _mm_set1_epi32(127);
    const reg first = _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(half, one), 23));
    const reg second = _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(_mm_sub_epi32(whole, half), one), 23));
    return _mm_mul_ps(_mm_mul_ps(a, first), second);
  }
  static HEDDLE_ALWAYS_INLINE reg scale_normal(reg a, reg n) {
    return _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(a), _mm_slli_epi32(_mm_cvtps_epi32(n), 23)));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg a, reg& mantissa, reg& exponent) {
    const __m128i shifted = _mm_sub_epi32(_mm_castps_si128(a), _mm_set1_epi32(0x3f3504f3));
    const __m128i e = _mm_srai_epi32(shifted, 23);
    exponent = _mm_cvtepi32_ps(e);
    mantissa = _mm_castsi128_ps(_mm_sub_epi32(_mm_castps_si128(a), _mm_slli_epi32(e, 23)));
  }

  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg join(const reg* rows, Combine f) {
    const reg ab = f(_mm_unpacklo_ps(rows[0], rows[1]), _mm_unpackhi_ps(rows[0], rows[1]));
    const reg cd = f(_mm_unpacklo_ps(rows[2], rows[3]), _mm_unpackhi_ps(rows[2], rows[3]));
    return f(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE float reduce(reg a, Combine f) {
    const reg pairs = f(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(f(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
  }
  static HEDDLE_ALWAYS_INLINE void transpose(reg* r) {
    const reg a = _mm_unpacklo_ps(r[0], r[1]);
    const reg b = _mm_unpackhi_ps(r[0], r[1]);
    const reg c = _mm_unpacklo_ps(r[2], r[3]);
    const reg d = _mm_unpackhi_ps(r[2], r[3]);
    r[0] = _mm_movelh_ps(a, c);
    r[1] = _mm_movehl_ps(c, a);
    r[2] = _mm_movelh_ps(b, d);
    r[3] = _mm_movehl_ps(d, b);
  }
};

}  // namespace heddle::inline v0::detail
#endif
