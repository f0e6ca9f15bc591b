/// @file
/// How `gemm` keeps weights and rows of bfloat16. One layout for every instruction set and for tiles:
///
/// weights: groups of two panels of 16 outputs, `[group][pair of inputs][32 outputs]` of 32-bit words (two inputs each);
/// the last group has one panel (`[pair][16]`) where the number of panels is odd. Inputs are padded with zeros to whole
/// tiles (32), outputs to whole panels; the bias is padded to whole groups. So 16 rows of a group are two tiles side by
/// side, and a row of them two vectors of AVX-512.
///
/// rows: either blocks of 16 rows as tiles one after the other, `[block][32 inputs][16 rows]`, or plain rows.
#pragma once

#include <algorithm>
#include <cstring>

#include <heddle/primitive/gemm.hpp>

#include "tile_emulation.hpp"

namespace heddle::inline v0::detail {

inline constexpr std::size_t round_up(std::size_t n, std::size_t step) noexcept { return (n + step - 1) / step * step; }

class gemm_bf16_layout {
  std::size_t outputs_;
  std::size_t inputs_;

 public:
  static constexpr std::uint32_t format = 0x2010;
  static constexpr std::size_t panel = tile_words;  ///< outputs
  static constexpr std::size_t group = 2 * panel;

  constexpr gemm_bf16_layout(std::size_t outputs, std::size_t inputs) noexcept : outputs_(outputs), inputs_(inputs) {}

  /// Tiles along the inputs.
  constexpr std::size_t steps() const noexcept { return (inputs_ + tile_inputs - 1) / tile_inputs; }
  /// Words along the inputs.
  constexpr std::size_t words() const noexcept { return steps() * tile_words; }
  constexpr std::size_t panels() const noexcept { return (outputs_ + panel - 1) / panel; }
  constexpr std::size_t groups() const noexcept { return (panels() + 1) / 2; }
  /// Panels of a group.
  constexpr std::size_t width(std::size_t g) const noexcept { return 2 * g + 2 <= panels() ? 2 : 1; }
  constexpr std::size_t offset(std::size_t g) const noexcept { return g * group * words(); }

  template <class T>
  static bf16_weight prepare(matrix_view<T> weight, std::span<const float> bias) {
    const gemm_bf16_layout l(weight.extent(0), weight.extent(1));
    const std::size_t count = l.panels() * panel * l.words();
    aligned_bytes memory(count * sizeof(bf16_pair) + l.groups() * group * sizeof(float));
    auto* const data = reinterpret_cast<bf16_pair*>(memory.data());
    auto* const start = reinterpret_cast<float*>(data + count);
    std::copy(bias.begin(), bias.end(), start);
    for (std::size_t n = 0; n < l.outputs_; ++n) {
      const std::size_t g = n / group;
      const std::size_t pitch = l.width(g) * panel;
      bf16_pair* const column = data + l.offset(g) + n % group;
      for (std::size_t k = 0; k < l.inputs_; ++k) {
        const bfloat16 w(static_cast<float>(weight(n, k)));
        column[k / 2 * pitch] |= static_cast<bf16_pair>(w.bits) << (k % 2 * 16);
      }
    }
    return {l.outputs_, l.inputs_, data, start, !bias.empty(), format, std::move(memory)};
  }
};

/// 32 elements as 16 words.
template <class Isa, class X>
HEDDLE_ALWAYS_INLINE void pack_words(const X* x, bf16_pair* out) noexcept {
  if constexpr (std::is_same_v<X, bfloat16>) {
    std::memcpy(out, x, tile_inputs * sizeof(bfloat16));
  } else if constexpr (pairs<Isa>::native) {
    _mm512_storeu_si512(out, pairs<Isa>::rounded(vec<Isa>::load(x), vec<Isa>::load(x + 16)).words);
  } else {
    bfloat16 rounded[tile_inputs];
    for (std::size_t i = 0; i < tile_inputs; i += vec<Isa>::size) store_float(vec<Isa>::load(x + i), rounded + i);
    std::memcpy(out, rounded, sizeof rounded);
  }
}

/// A row of `inputs` elements as words, `step` words from one 16 to the next; zeros behind its end.
template <class Isa, class X>
HEDDLE_ALWAYS_INLINE void pack_word_row(const X* x, std::size_t inputs, bf16_pair* out, std::size_t step) noexcept {
  std::size_t k = 0;
  for (; k + tile_inputs <= inputs; k += tile_inputs, out += step) pack_words<Isa>(x + k, out);
  const std::size_t left = inputs - k;
  if (left == 0) return;
  if constexpr (pairs<Isa>::native && std::is_same_v<X, bfloat16>) {
    _mm512_storeu_si512(out, _mm512_maskz_loadu_epi16((std::uint32_t{1} << left) - 1, x + k));
  } else if constexpr (pairs<Isa>::native) {
    const vec<Isa> low = vec<Isa>::load_partial(x + k, std::min(left, vec<Isa>::size));
    const vec<Isa> high =
        left > vec<Isa>::size ? vec<Isa>::load_partial(x + k + vec<Isa>::size, left - vec<Isa>::size) : vec<Isa>::zero();
    _mm512_storeu_si512(out, pairs<Isa>::rounded(low, high).words);
  } else {
    X rest[tile_inputs] = {};
    std::memcpy(static_cast<void*>(rest), x + k, left * sizeof(X));
    pack_words<Isa>(static_cast<const X*>(rest), out);
  }
}

/// Rows as blocks of tiles; the last block is filled with rows of zeros.
template <class Isa, class X>
HEDDLE_NOINLINE void pack_row_tiles(matrix_view<const X> x, std::size_t first, std::size_t rows, std::size_t steps,
                                    bf16_pair* out) noexcept {
  constexpr std::size_t tile_size = tile_rows * tile_words;
  for (std::size_t r = 0; r < round_up(rows, tile_rows); ++r) {
    bf16_pair* const to = out + r / tile_rows * steps * tile_size + r % tile_rows * tile_words;
    if (r < rows) {
      pack_word_row<Isa>(x.data_handle() + (first + r) * x.stride(0), x.extent(1), to, tile_size);
    } else {
      for (std::size_t s = 0; s < steps; ++s) std::memset(to + s * tile_size, 0, tile_words * sizeof(bf16_pair));
    }
  }
}

/// Words from one plain row to the next: not a power of two, so that rows do not fall into one set of the cache.
constexpr std::size_t word_row_pitch(std::size_t words) noexcept { return words + tile_words; }

/// Rows one after the other, with room for `tile_rows` of them beyond the last (their values do not matter).
template <class Isa, class X>
HEDDLE_NOINLINE void pack_word_rows(matrix_view<const X> x, std::size_t first, std::size_t rows, std::size_t words,
                                    bf16_pair* out) noexcept {
  for (std::size_t r = 0; r < rows; ++r)
    pack_word_row<Isa>(x.data_handle() + (first + r) * x.stride(0), x.extent(1), out + r * word_row_pitch(words), tile_words);
}

}  // namespace heddle::inline v0::detail
