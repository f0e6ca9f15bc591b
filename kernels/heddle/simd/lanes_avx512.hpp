/// @file
/// What xsimd lacks or hides, for AVX-512: see lanes.hpp.
#pragma once

#include "lanes.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

// GCC 12 takes its own _mm512_undefined_ps() for a use of an uninitialised variable.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace heddle::inline v0::detail {

template <>
struct lanes<isa::avx512> {
  using arch = xsimd::avx512bw;
  using reg = __m512;
  using mask = __mmask16;
  static constexpr bool has_look_up = true;

  static HEDDLE_ALWAYS_INLINE mask first(std::size_t n) {
    return static_cast<mask>(n >= 16 ? 0xffffu : (1u << static_cast<unsigned>(n)) - 1u);
  }
  static HEDDLE_ALWAYS_INLINE reg load(const float* p) { return _mm512_loadu_ps(p); }
  static HEDDLE_ALWAYS_INLINE void store(float* p, reg a) { _mm512_storeu_ps(p, a); }
  static HEDDLE_ALWAYS_INLINE reg load_partial(const float* p, std::size_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static HEDDLE_ALWAYS_INLINE void store_partial(float* p, reg a, std::size_t n) { _mm512_mask_storeu_ps(p, first(n), a); }
  static HEDDLE_ALWAYS_INLINE reg look_up(const float* table, reg index) {
    return _mm512_permutex2var_ps(_mm512_load_ps(table), _mm512_castps_si512(index), _mm512_load_ps(table + 16));
  }
  static HEDDLE_ALWAYS_INLINE unsigned bits(mask m) { return m; }
  static HEDDLE_ALWAYS_INLINE reg iota() {
    return _mm512_set_ps(15.0f, 14.0f, 13.0f, 12.0f, 11.0f, 10.0f, 9.0f, 8.0f, 7.0f, 6.0f, 5.0f, 4.0f, 3.0f, 2.0f, 1.0f, 0.0f);
  }

  // xsimd 8.1 writes x * y + z here, which Clang does not contract: twice the instructions in every micro-kernel.
  static HEDDLE_ALWAYS_INLINE reg fma(reg a, reg b, reg c) { return _mm512_fmadd_ps(a, b, c); }
  static HEDDLE_ALWAYS_INLINE reg fnma(reg a, reg b, reg c) { return _mm512_fnmadd_ps(a, b, c); }
  static HEDDLE_ALWAYS_INLINE reg min(reg a, reg b) { return _mm512_min_ps(b, a); }
  static HEDDLE_ALWAYS_INLINE reg max(reg a, reg b) { return _mm512_max_ps(b, a); }
  static HEDDLE_ALWAYS_INLINE reg sqrt(reg a) { return _mm512_sqrt_ps(a); }
  static HEDDLE_ALWAYS_INLINE reg round(reg a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static HEDDLE_ALWAYS_INLINE reg copysign(reg magnitude, reg sign) {
    const __m512i s = _mm512_set1_epi32(0x7fffffff);  // bit by bit: s ? magnitude : sign
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(s, _mm512_castps_si512(magnitude), _mm512_castps_si512(sign), 0xca));
  }
  static HEDDLE_ALWAYS_INLINE reg scale(reg a, reg n) { return _mm512_scalef_ps(a, n); }
  static HEDDLE_ALWAYS_INLINE reg scale_normal(reg a, reg n) { return _mm512_scalef_ps(a, n); }
  static HEDDLE_ALWAYS_INLINE void split(reg a, reg& mantissa, reg& exponent) {
    const __m512i shifted = _mm512_sub_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x3f3504f3));
    const __m512i e = _mm512_srai_epi32(shifted, 23);
    exponent = _mm512_cvtepi32_ps(e);
    mantissa = _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(e, 23)));
  }

  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg quad(const reg* rows, Combine f) {
    const reg ab = f(_mm512_unpacklo_ps(rows[0], rows[1]), _mm512_unpackhi_ps(rows[0], rows[1]));
    const reg cd = f(_mm512_unpacklo_ps(rows[2], rows[3]), _mm512_unpackhi_ps(rows[2], rows[3]));
    return f(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg fold(reg low, reg high, Combine f) {
    return f(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd));
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg join(const reg* rows, Combine f) {
    return fold(fold(quad(rows, f), quad(rows + 4, f), f), fold(quad(rows + 8, f), quad(rows + 12, f), f), f);
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE float reduce(reg a, Combine f) {
    const reg halves = f(a, _mm512_shuffle_f32x4(a, a, 0x4e));
    const reg quarters = f(halves, _mm512_shuffle_f32x4(halves, halves, 0xb1));
    const reg pairs = f(quarters, _mm512_shuffle_ps(quarters, quarters, 0x4e));
    return _mm512_cvtss_f32(f(pairs, _mm512_shuffle_ps(pairs, pairs, 0xb1)));
  }
  static HEDDLE_ALWAYS_INLINE void transpose(reg* r) {
    reg t[16];
    HEDDLE_UNROLL
    for (int i = 0; i < 16; i += 4) {  // 4 x 4 blocks inside the 128-bit quarters
      const reg a = _mm512_unpacklo_ps(r[i], r[i + 1]);
      const reg b = _mm512_unpackhi_ps(r[i], r[i + 1]);
      const reg c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
      const reg d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
      t[i] = _mm512_shuffle_ps(a, c, 0x44);
      t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
      t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
      t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    HEDDLE_UNROLL
    for (int i = 0; i < 4; ++i) {  // then the blocks themselves
      const reg even_low = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
      const reg odd_low = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
      const reg even_high = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
      const reg odd_high = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
      r[i] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
      r[i + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
      r[i + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
      r[i + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
    }
  }
};

template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct lanes<Isa> : lanes<isa::avx512> {};

}  // namespace heddle::inline v0::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
