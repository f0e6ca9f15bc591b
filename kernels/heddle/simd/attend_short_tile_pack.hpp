/// @file
/// Rows of short groups (windows, blocks, grids) packed for tiles of bfloat16: queries, panels of keys, pairs of values.
#pragma once

#include <cstddef>
#include <type_traits>

#include <heddle/simd/attend_amx.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
// As in lanes_avx512.hpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace heddle::inline v0::detail {

/// How rows of a short group become tiles. `words` of them: two elements each.
template <class Isa, std::size_t D>
struct short_tile_pack {
  static_assert(D <= tile_inputs);
  static constexpr std::size_t words = (D + 1) / 2;
  static constexpr std::size_t columns = (D + tile_words - 1) / tile_words;  ///< tiles of values side by side

  /// Sixteen elements of a row from `16 half` on, zero behind its end.
  template <class T>
  static HEDDLE_ALWAYS_INLINE __m256i half_row(const T* row, std::size_t half) noexcept {
    if constexpr (std::is_same_v<T, bfloat16>) {
      constexpr std::size_t last = D % 16;
      const bool whole = last == 0 || half + 1 < columns;
      if (whole) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 16 * half));
      return _mm256_maskz_loadu_epi16(static_cast<__mmask16>((1U << last) - 1U), row + 16 * half);
    } else {
      return _mm512_castsi512_si256(rounded_words(load_part<Isa>(row, 16 * half, D), vec<Isa>::zero()));
    }
  }

  /// `[rows in whole tiles][16]`: rows behind the last are whatever was there.
  template <class Source>
  static void queries(const Source& source, std::size_t count, bf16_pair* out) noexcept {
    for (std::size_t i = 0; i < count; ++i, out += tile_words) {
      if (source.present(i)) _mm512_storeu_si512(out, row_words<Isa>(source.row(i), 0, D));
    }
  }

  /// Panels `[panel][16 words][16 keys]`; missing keys and words are zeros.
  template <class Source>
  static void keys(const Source& source, std::size_t count, bf16_pair* out) noexcept {
    for (std::size_t first = 0; first < count; first += tile_words, out += tile_words * tile_words) {
      alignas(64) bf16_pair copies[tile_words][tile_words];  // of rows that are not there or not 16-bit
      const bf16_pair* row[tile_words];
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < tile_words; ++i) {
        row[i] = copies[i];
        const bool present = first + i < count && source.present(first + i);
        if constexpr (std::is_same_v<typename Source::value_type, bfloat16> && D % 8 == 0) {
          if (present) {
            row[i] = reinterpret_cast<const bf16_pair*>(source.row(first + i, i));
            continue;
          }
        }
        _mm512_store_si512(copies[i], present ? row_words<Isa>(source.row(first + i, i), 0, D) : _mm512_setzero_si512());
      }
      transpose_words(row, out);
    }
  }

  /// `[pair of keys][16 columns]` words, the even key in the lower half. False if an element is not finite (`check`).
  template <class Source>
  static bool values(const Source& source, std::size_t count, std::size_t padded, bool check, bf16_pair* out) noexcept {
    const __m512i pair = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                          4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i exponent = _mm512_set1_epi16(0x7f80);
    __mmask32 infinite = 0;
    for (std::size_t i = 0; i < padded; i += 2) {
      const auto* even = i < count && source.present(i) ? source.row(i) : nullptr;
      const auto* odd = i + 1 < count && source.present(i + 1) ? source.row(i + 1, 1) : nullptr;
      HEDDLE_UNROLL
      for (std::size_t c = 0; c < columns; ++c, out += tile_words) {
        const __m256i low = even != nullptr ? half_row(even, c) : _mm256_setzero_si256();
        const __m256i high = odd != nullptr ? half_row(odd, c) : _mm256_setzero_si256();
        const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
        if (check) infinite |= _mm512_cmpeq_epi16_mask(_mm512_and_si512(both, exponent), exponent);
        _mm512_storeu_si512(out, _mm512_permutexvar_epi16(pair, both));
      }
    }
    return infinite == 0;
  }

 private:
  static HEDDLE_ALWAYS_INLINE __m128 quarter(const bf16_pair* p) noexcept {
    return _mm_loadu_ps(reinterpret_cast<const float*>(p));
  }

  /// Four words of rows `i`, `i + 4`, `i + 8`, `i + 12` from word `w` on, side by side.
  static HEDDLE_ALWAYS_INLINE __m512 quarters(const bf16_pair* const* row, std::size_t i, std::size_t w) noexcept {
    __m512 x = _mm512_castps128_ps512(quarter(row[i] + w));
    x = _mm512_insertf32x4(x, quarter(row[i + 4] + w), 1);
    x = _mm512_insertf32x4(x, quarter(row[i + 8] + w), 2);
    return _mm512_insertf32x4(x, quarter(row[i + 12] + w), 3);
  }

  /// 16 rows to `words` rows of 16 keys; blocks of 4 x 4 find their places as they are loaded.
  static HEDDLE_ALWAYS_INLINE void transpose_words(const bf16_pair* const* row, bf16_pair* out) noexcept {
    constexpr std::size_t used = (words + 3) / 4 * 4;
    HEDDLE_UNROLL
    for (std::size_t w = 0; w < used; w += 4, out += 4 * tile_words) {
      const __m512 r0 = quarters(row, 0, w), r1 = quarters(row, 1, w), r2 = quarters(row, 2, w), r3 = quarters(row, 3, w);
      const __m512 a = _mm512_unpacklo_ps(r0, r1), b = _mm512_unpackhi_ps(r0, r1);
      const __m512 c = _mm512_unpacklo_ps(r2, r3), d = _mm512_unpackhi_ps(r2, r3);
      _mm512_storeu_ps(out, _mm512_shuffle_ps(a, c, 0x44));
      _mm512_storeu_ps(out + tile_words, _mm512_shuffle_ps(a, c, 0xee));
      _mm512_storeu_ps(out + 2 * tile_words, _mm512_shuffle_ps(b, d, 0x44));
      _mm512_storeu_ps(out + 3 * tile_words, _mm512_shuffle_ps(b, d, 0xee));
    }
    HEDDLE_UNROLL
    for (std::size_t w = used; w < tile_words; ++w, out += tile_words) _mm512_storeu_ps(out, _mm512_setzero_ps());
  }
};

}  // namespace heddle::inline v0::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
