/// @file
/// `dot_pair`: products of pairs of bfloat16, summed in float. The step under every product of 16-bit matrices.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "convert.hpp"

namespace heddle::inline v0::detail {

/// Two bfloat16 in one 32-bit word: the even element is the lower half.
using bf16_pair = std::uint32_t;

inline constexpr bf16_pair make_pair_bits(bfloat16 even, bfloat16 odd) noexcept {
  return static_cast<bf16_pair>(even.bits) | (static_cast<bf16_pair>(odd.bits) << 16);
}
inline constexpr float even_of(bf16_pair p) noexcept { return std::bit_cast<float>(p << 16); }
inline constexpr float odd_of(bf16_pair p) noexcept { return std::bit_cast<float>(p & 0xffff0000u); }

/// A denormal number as the zero of its sign: what the dot instructions take it for, whatever the control register says.
inline constexpr float flushed(float x) noexcept {
  const auto u = std::bit_cast<std::uint32_t>(x);
  return (u & 0x7f800000u) == 0 ? std::bit_cast<float>(u & 0x80000000u) : x;
}

/// The definition of `dot_pair` where there is an instruction: `(c + a1 b1) + a0 b0`, the odd element first, each step
/// rounded to the nearest float, denormal numbers taken and given as zero. Bit for bit what `vdpbf16ps` was measured to
/// compute on AMD (Zen 5) and on Intel (Sapphire Rapids).
HEDDLE_ALWAYS_INLINE float dot_pair_definition(float c, bf16_pair a, bf16_pair b) noexcept {
  const auto step = [](float sum, float x, float y) { return flushed(std::fma(flushed(x), flushed(y), flushed(sum))); };
  return step(step(c, odd_of(a), odd_of(b)), even_of(a), even_of(b));
}

/// `vec<Isa>::size` pairs, as operands of `dot_pair`. Without a dot instruction they are two vectors of floats.
template <class Isa>
struct pairs {
  static constexpr bool native = false;
  vec<Isa> even;
  vec<Isa> odd;

  static HEDDLE_ALWAYS_INLINE pairs split(vec<Isa> words) noexcept {
    pairs p;
    lanes16<Isa>::split(words.value, p.even.value, p.odd.value);
    return p;
  }
  static HEDDLE_ALWAYS_INLINE pairs load(const bf16_pair* p) noexcept {
    return split(vec<Isa>::load(reinterpret_cast<const float*>(p)));
  }
  static HEDDLE_ALWAYS_INLINE pairs broadcast(const bf16_pair* p) noexcept { return split(vec<Isa>(std::bit_cast<float>(*p))); }
};

/// `c + a1 b1 + a0 b0` in every lane: with the dot instruction as `dot_pair_definition` says, else by two multiply-adds
/// that keep denormal numbers.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> dot_pair(vec<Isa> c, pairs<Isa> a, pairs<Isa> b) noexcept {
  return fma(a.even, b.even, fma(a.odd, b.odd, c));
}

#if defined(__AVX512BF16__) && defined(__AVX512F__)
// As in lanes_avx512.hpp.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
template <class Isa>
  requires(isa::includes<Isa, isa::avx512_bf16>)
struct pairs<Isa> {
  static constexpr bool native = true;
  __m512i words;

  static HEDDLE_ALWAYS_INLINE pairs load(const bf16_pair* p) noexcept { return {_mm512_loadu_si512(p)}; }
  static HEDDLE_ALWAYS_INLINE pairs broadcast(const bf16_pair* p) noexcept { return {_mm512_set1_epi32(static_cast<int>(*p))}; }
  /// Rounds two vectors of floats: lanes of `low`, then of `high`, are the 32 elements in order. Denormal numbers become 0.
  static HEDDLE_ALWAYS_INLINE pairs rounded(vec<Isa> low, vec<Isa> high) noexcept {
    return {(__m512i)_mm512_cvtne2ps_pbh(high.value, low.value)};
  }
};
template <class Isa>
  requires(isa::includes<Isa, isa::avx512_bf16>)
HEDDLE_ALWAYS_INLINE vec<Isa> dot_pair(vec<Isa> c, pairs<Isa> a, pairs<Isa> b) noexcept {
  return _mm512_dpbf16_ps(c.value, (__m512bh)a.words, (__m512bh)b.words);
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif

}  // namespace heddle::inline v0::detail
