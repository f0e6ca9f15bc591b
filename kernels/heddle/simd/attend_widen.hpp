/// @file
/// Stored elements as vectors of floats and back: float, bfloat16 and half.
#pragma once

#include <cstddef>

#include <heddle/core/dtype.hpp>
#include <heddle/simd/vec.hpp>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace heddle::inline v0::detail {

/// `load`: one vector of stored elements as floats; `store`: rounded to the nearest, ties to even.
template <class Isa, class T>
struct stored {
  using v = vec<Isa>;
  static HEDDLE_ALWAYS_INLINE v load(const T* p) noexcept { return load_partial(p, v::size); }
  static HEDDLE_ALWAYS_INLINE v load_partial(const T* p, std::size_t n) noexcept {
    alignas(64) float x[v::size] = {};
    for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(p[i]);
    return v::load(x);
  }
  static HEDDLE_ALWAYS_INLINE void store(T* p, v x) noexcept { store_partial(p, x, v::size); }
  static HEDDLE_ALWAYS_INLINE void store_partial(T* p, v x, std::size_t n) noexcept {
    alignas(64) float y[v::size];
    x.store(y);
    for (std::size_t i = 0; i < n; ++i) p[i] = T(y[i]);
  }
};

template <class Isa>
struct stored<Isa, float> {
  using v = vec<Isa>;
  static HEDDLE_ALWAYS_INLINE v load(const float* p) noexcept { return v::load(p); }
  static HEDDLE_ALWAYS_INLINE v load_partial(const float* p, std::size_t n) noexcept { return v::load_partial(p, n); }
  static HEDDLE_ALWAYS_INLINE void store(float* p, v x) noexcept { x.store(p); }
  static HEDDLE_ALWAYS_INLINE void store_partial(float* p, v x, std::size_t n) noexcept { x.store_partial(p, n); }
};

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct stored<Isa, bfloat16> {
  using v = vec<Isa>;
  static HEDDLE_ALWAYS_INLINE v widened(__m256i bits) noexcept {
    return v(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16)));
  }
  /// As the constructor of bfloat16.
  static HEDDLE_ALWAYS_INLINE __m256i narrowed(v x) noexcept {
    const __m512i u = _mm512_castps_si512(x.value);
    const __m512i upper = _mm512_srli_epi32(u, 16);
    const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(x.value, x.value, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40)));
  }
  static HEDDLE_ALWAYS_INLINE v load(const bfloat16* p) noexcept {
    return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static HEDDLE_ALWAYS_INLINE v load_partial(const bfloat16* p, std::size_t n) noexcept {
    return widened(_mm256_maskz_loadu_epi16(lanes<isa::avx512>::first(n), p));
  }
  static HEDDLE_ALWAYS_INLINE void store(bfloat16* p, v x) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(x));
  }
  static HEDDLE_ALWAYS_INLINE void store_partial(bfloat16* p, v x, std::size_t n) noexcept {
    _mm256_mask_storeu_epi16(p, lanes<isa::avx512>::first(n), narrowed(x));
  }
};

template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct stored<Isa, half> {
  using v = vec<Isa>;
  static HEDDLE_ALWAYS_INLINE __m256i narrowed(v x) noexcept {
    return _mm512_cvtps_ph(x.value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static HEDDLE_ALWAYS_INLINE v load(const half* p) noexcept {
    return v(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
  }
  static HEDDLE_ALWAYS_INLINE v load_partial(const half* p, std::size_t n) noexcept {
    return v(_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes<isa::avx512>::first(n), p)));
  }
  static HEDDLE_ALWAYS_INLINE void store(half* p, v x) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(x));
  }
  static HEDDLE_ALWAYS_INLINE void store_partial(half* p, v x, std::size_t n) noexcept {
    _mm256_mask_storeu_epi16(p, lanes<isa::avx512>::first(n), narrowed(x));
  }
};
#endif

#if defined(__AVX2__) && defined(__F16C__)
template <>
struct stored<isa::avx2, half> {
  using v = vec<isa::avx2>;
  static HEDDLE_ALWAYS_INLINE __m128i narrowed(v x) noexcept { return _mm256_cvtps_ph(x.value, _MM_FROUND_TO_NEAREST_INT); }
  static HEDDLE_ALWAYS_INLINE v load(const half* p) noexcept {
    return v(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static HEDDLE_ALWAYS_INLINE v load_partial(const half* p, std::size_t n) noexcept {
    half copy[8] = {};
    for (std::size_t i = 0; i < n; ++i) copy[i] = p[i];
    return load(copy);
  }
  static HEDDLE_ALWAYS_INLINE void store(half* p, v x) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrowed(x));
  }
  static HEDDLE_ALWAYS_INLINE void store_partial(half* p, v x, std::size_t n) noexcept {
    half copy[8];
    store(copy, x);
    for (std::size_t i = 0; i < n; ++i) p[i] = copy[i];
  }
};
#endif

/// One vector of a row from element `d` on; zero behind its end.
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE vec<Isa> load_part(const T* row, std::size_t d, std::size_t dim) noexcept {
  return dim - d >= vec<Isa>::size ? stored<Isa, T>::load(row + d) : stored<Isa, T>::load_partial(row + d, dim - d);
}

/// Writes one vector of a row from element `d` on, and nothing behind its end.
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE void store_part(T* row, std::size_t d, std::size_t dim, vec<Isa> x) noexcept {
  if (dim - d >= vec<Isa>::size) {
    stored<Isa, T>::store(row + d, x);
  } else {
    stored<Isa, T>::store_partial(row + d, x, dim - d);
  }
}

}  // namespace heddle::inline v0::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
