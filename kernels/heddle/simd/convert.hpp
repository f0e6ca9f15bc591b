/// @file
/// Vectors of floats from and to memory of bfloat16 and half. Rounding is to the nearest value, ties to even; NaN stays
/// NaN; denormal numbers are kept. With every instruction set the bits are those of the scalar types, but for the payload
/// of a NaN.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include <heddle/core/dtype.hpp>

#include "vec.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Registers of `V` elements of 16 bits, for one instruction set.
///
/// - `widen(p)`: `V` bfloat16 as floats; `narrow(p, a)` stores floats as bfloat16.
/// - `split(words, even, odd)`: the two bfloat16 of each 32-bit word as floats, the lower half first.
/// - `widen_half`, `narrow_half`: the same for half, where `has_half`.
template <class Isa>
struct lanes16;

#if defined(__SSE2__)
template <>
struct lanes16<isa::baseline> {
  using reg = __m128;
  static constexpr bool has_half = false;
  static HEDDLE_ALWAYS_INLINE reg widen(const void* p) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64(static_cast<const __m128i*>(p))));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg words, reg& even, reg& odd) {
    even = _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(words), 16));
    odd = _mm_and_ps(words, _mm_castsi128_ps(_mm_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static HEDDLE_ALWAYS_INLINE void narrow(void* p, reg a) {
    const __m128i u = _mm_castps_si128(a);
    const __m128i tie = _mm_and_si128(_mm_srli_epi32(u, 16), _mm_set1_epi32(1));
    const __m128i rounded = _mm_add_epi32(u, _mm_add_epi32(tie, _mm_set1_epi32(0x7fff)));
    const __m128i nan = _mm_castps_si128(_mm_cmpunord_ps(a, a));
    const __m128i quiet = _mm_or_si128(u, _mm_set1_epi32(0x400000));
    const __m128i chosen = _mm_or_si128(_mm_and_si128(nan, quiet), _mm_andnot_si128(nan, rounded));
    const __m128i upper = _mm_srai_epi32(chosen, 16);  // signed, so that the packing keeps the bits
    _mm_storel_epi64(static_cast<__m128i*>(p), _mm_packs_epi32(upper, upper));
  }
};
#elif defined(__aarch64__)
template <>
struct lanes16<isa::baseline> {
  using reg = float32x4_t;
  static constexpr bool has_half = true;
  static HEDDLE_ALWAYS_INLINE reg widen(const void* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(static_cast<const std::uint8_t*>(p))), 16));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg words, reg& even, reg& odd) {
    const uint32x4_t u = vreinterpretq_u32_f32(words);
    even = vreinterpretq_f32_u32(vshlq_n_u32(u, 16));
    odd = vreinterpretq_f32_u32(vandq_u32(u, vdupq_n_u32(0xffff0000u)));
  }
  static HEDDLE_ALWAYS_INLINE void narrow(void* p, reg a) {
    const uint32x4_t u = vreinterpretq_u32_f32(a);
    const uint32x4_t tie = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(u, vaddq_u32(tie, vdupq_n_u32(0x7fff)));
    const uint32x4_t chosen = vbslq_u32(vceqq_f32(a, a), rounded, vorrq_u32(u, vdupq_n_u32(0x400000)));
    vst1_u8(static_cast<std::uint8_t*>(p), vreinterpret_u8_u16(vshrn_n_u32(chosen, 16)));
  }
  static HEDDLE_ALWAYS_INLINE reg widen_half(const void* p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(static_cast<const std::uint8_t*>(p))));
  }
  static HEDDLE_ALWAYS_INLINE void narrow_half(void* p, reg a) {
    vst1_u8(static_cast<std::uint8_t*>(p), vreinterpret_u8_f16(vcvt_f16_f32(a)));
  }
};
#endif

#if defined(__AVX2__)
template <>
struct lanes16<isa::avx2> {
  using reg = __m256;
  static HEDDLE_ALWAYS_INLINE reg widen(const void* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))), 16));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg words, reg& even, reg& odd) {
    even = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(words), 16));
    odd = _mm256_and_ps(words, _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static HEDDLE_ALWAYS_INLINE void narrow(void* p, reg a) {
    const __m256i u = _mm256_castps_si256(a);
    const __m256i tie = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(tie, _mm256_set1_epi32(0x7fff)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    const __m256i chosen = _mm256_blendv_epi8(rounded, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
    const __m256i upper = _mm256_srli_epi32(chosen, 16);
    const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
    _mm_storeu_si128(static_cast<__m128i*>(p), packed);
  }
#if defined(__F16C__)
  static constexpr bool has_half = true;
  static HEDDLE_ALWAYS_INLINE reg widen_half(const void* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  static HEDDLE_ALWAYS_INLINE void narrow_half(void* p, reg a) {
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
#else
  static constexpr bool has_half = false;
#endif
};
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
// As in lanes_avx512.hpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct lanes16<Isa> {
  using reg = __m512;
  static constexpr bool has_half = true;
  static HEDDLE_ALWAYS_INLINE reg widen(const void* p) { return widened(_mm256_loadu_si256(static_cast<const __m256i*>(p))); }
  static HEDDLE_ALWAYS_INLINE reg widened(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg words, reg& even, reg& odd) {
    const __m512i u = _mm512_castps_si512(words);
    even = _mm512_castsi512_ps(_mm512_slli_epi32(u, 16));
    odd = _mm512_castsi512_ps(_mm512_and_si512(u, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static HEDDLE_ALWAYS_INLINE void narrow(void* p, reg a) { _mm256_storeu_si256(static_cast<__m256i*>(p), narrowed(a)); }
  // Not vcvtneps2bf16, where there is one: it takes denormal numbers for zeros.
  static HEDDLE_ALWAYS_INLINE __m256i narrowed(reg a) {
    const __m512i u = _mm512_castps_si512(a);
    const __m512i tie = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(tie, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_or_epi32(rounded, nan, u, _mm512_set1_epi32(0x400000)), 16));
  }
  static HEDDLE_ALWAYS_INLINE reg widen_half(const void* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  static HEDDLE_ALWAYS_INLINE void narrow_half(void* p, reg a) {
    _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
};
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

}  // namespace detail

/// `vec<Isa>::size` elements of type float, bfloat16 or half as floats.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> load_as_float(const float* p) noexcept {
  return vec<Isa>::load(p);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> load_as_float(const bfloat16* p) noexcept {
  return detail::lanes16<Isa>::widen(p);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> load_as_float(const half* p) noexcept {
  if constexpr (detail::lanes16<Isa>::has_half) {
    return detail::lanes16<Isa>::widen_half(p);
  } else {
    float lanes[vec<Isa>::size];
    for (std::size_t i = 0; i < vec<Isa>::size; ++i) lanes[i] = p[i];
    return vec<Isa>::load(lanes);
  }
}

/// Stores floats as float, bfloat16 or half.
template <class Isa>
HEDDLE_ALWAYS_INLINE void store_float(vec<Isa> a, float* p) noexcept {
  a.store(p);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE void store_float(vec<Isa> a, bfloat16* p) noexcept {
  detail::lanes16<Isa>::narrow(p, a.value);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE void store_float(vec<Isa> a, half* p) noexcept {
  if constexpr (detail::lanes16<Isa>::has_half) {
    detail::lanes16<Isa>::narrow_half(p, a.value);
  } else {
    float lanes[vec<Isa>::size];
    a.store(lanes);
    for (std::size_t i = 0; i < vec<Isa>::size; ++i) p[i] = half(lanes[i]);
  }
}

/// The first `n <= size` elements, zero in the other lanes; nothing else is read.
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE vec<Isa> load_as_float_partial(const T* p, std::size_t n) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    return vec<Isa>::load_partial(p, n);
  } else {
    T lanes[vec<Isa>::size];
    for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return load_as_float<Isa>(static_cast<const T*>(lanes));
  }
}

/// The first `n <= size` lanes; nothing else is written.
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE void store_float_partial(vec<Isa> a, T* p, std::size_t n) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    a.store_partial(p, n);
  } else {
    T lanes[vec<Isa>::size];
    store_float(a, static_cast<T*>(lanes));
    for (std::size_t i = 0; i < n; ++i) p[i] = lanes[i];
  }
}

}  // namespace heddle::inline v0
