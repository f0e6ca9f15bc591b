/// @file
/// The products of `gemm` with weights of bfloat16: blocks of tiles (AMX or its emulation), and register tiles of dot
/// products. They know no activation and no residual. Every output is one chain over the inputs:
/// its bits depend neither on the block that its row fell into nor on the number of workers.
#pragma once

#include "amx.hpp"
#include "gemm_bf16_pack.hpp"

namespace heddle::inline v0::detail {

/// Where the tiles of a block of rows lie: tile `s` of one at `a + s * step`, all in bytes.
struct tile_operand {
  std::size_t step;
  std::size_t pitch;
};

/// Which operand of a block will not be read again soon.
enum class tile_stream { none, rows, weights };

template <int T, bool Once, class Tiles>
HEDDLE_ALWAYS_INLINE void load_tile(Tiles& t, const void* p, std::size_t pitch) noexcept {
  if constexpr (Once) {
    t.template load_once<T>(p, pitch);
  } else {
    t.template load<T>(p, pitch);
  }
}

/// `Rows x Columns` tiles of sums (at most four), from `steps` tiles of inputs. `a[i]` and `b[j]` are the first tiles. Sums are stored to `out`, `[16 Rows, pitch]`. `meanwhile(s)` is called after the products of
/// step `s` were started: they leave the vector units idle.
template <int Rows, int Columns, tile_stream Stream, class Tiles, class Meanwhile>
HEDDLE_ALWAYS_INLINE void tile_block(Tiles& t, const char* const* a, tile_operand ao, const char* const* b, tile_operand bo,
                                     std::size_t steps, float* out, std::size_t pitch, Meanwhile&& meanwhile) noexcept {
  static_assert(Rows * Columns <= 4 && (Rows == 1 || Columns == 1 || (Rows == 2 && Columns == 2)));
  constexpr bool square = Rows == 2 && Columns == 2;
  constexpr bool rows_once = Stream == tile_stream::rows;
  constexpr bool weights_once = Stream == tile_stream::weights;
  t.template zero<0>();
  if constexpr (Rows * Columns > 1) t.template zero<1>();
  if constexpr (Rows * Columns > 2) t.template zero<2>();
  if constexpr (Rows * Columns > 3) t.template zero<3>();
  const char* a0 = a[0];
  const char* b0 = b[0];
  // Distances instead of pointers: one register each, fixed over the steps.
  const std::ptrdiff_t a1 = Rows > 1 ? a[Rows > 1 ? 1 : 0] - a0 : 0;
  const std::ptrdiff_t a2 = Rows > 2 ? a[Rows > 2 ? 2 : 0] - a0 : 0;
  const std::ptrdiff_t a3 = Rows > 3 ? a[Rows > 3 ? 3 : 0] - a0 : 0;
  const std::ptrdiff_t b1 = Columns > 1 ? b[Columns > 1 ? 1 : 0] - b0 : 0;
  const std::ptrdiff_t b2 = Columns > 2 ? b[Columns > 2 ? 2 : 0] - b0 : 0;
  const std::ptrdiff_t b3 = Columns > 3 ? b[Columns > 3 ? 3 : 0] - b0 : 0;
  HEDDLE_NO_UNROLL
  for (std::size_t s = 0; s < steps; ++s, a0 += ao.step, b0 += bo.step) {
    if constexpr (square) {
      load_tile<4, rows_once>(t, a0, ao.pitch);
      load_tile<6, weights_once>(t, b0, bo.pitch);
      t.template dot<0, 4, 6>();
      load_tile<7, weights_once>(t, b0 + b1, bo.pitch);
      t.template dot<1, 4, 7>();
      load_tile<5, rows_once>(t, a0 + a1, ao.pitch);
      t.template dot<2, 5, 6>();
      t.template dot<3, 5, 7>();
    } else if constexpr (Rows == 1) {
      load_tile<4, rows_once>(t, a0, ao.pitch);
      load_tile<6, weights_once>(t, b0, bo.pitch);
      t.template dot<0, 4, 6>();
      if constexpr (Columns > 1) {
        load_tile<7, weights_once>(t, b0 + b1, bo.pitch);
        t.template dot<1, 4, 7>();
      }
      if constexpr (Columns > 2) {
        load_tile<5, weights_once>(t, b0 + b2, bo.pitch);
        t.template dot<2, 4, 5>();
      }
      if constexpr (Columns > 3) {
        load_tile<6, weights_once>(t, b0 + b3, bo.pitch);
        t.template dot<3, 4, 6>();
      }
    } else {
      load_tile<6, weights_once>(t, b0, bo.pitch);
      load_tile<4, rows_once>(t, a0, ao.pitch);
      t.template dot<0, 4, 6>();
      load_tile<5, rows_once>(t, a0 + a1, ao.pitch);
      t.template dot<1, 5, 6>();
      if constexpr (Rows > 2) {
        load_tile<7, rows_once>(t, a0 + a2, ao.pitch);
        t.template dot<2, 7, 6>();
      }
      if constexpr (Rows > 3) {
        load_tile<4, rows_once>(t, a0 + a3, ao.pitch);
        t.template dot<3, 4, 6>();
      }
    }
    meanwhile(s);
  }
  constexpr auto row = [](int i) { return static_cast<std::size_t>(i / Columns) * tile_rows; };
  constexpr auto column = [](int i) { return static_cast<std::size_t>(i % Columns) * tile_words; };
  const std::size_t bytes = pitch * sizeof(float);
  t.template store<0>(out, bytes);
  if constexpr (Rows * Columns > 1) t.template store<1>(out + row(1) * pitch + column(1), bytes);
  if constexpr (Rows * Columns > 2) t.template store<2>(out + row(2) * pitch + column(2), bytes);
  if constexpr (Rows * Columns > 3) t.template store<3>(out + row(3) * pitch + column(3), bytes);
}

/// What one register tile computes: `out[r, c] = sum over pairs of rows[r] . weight[., c]`.
struct dot_tile {
  const bf16_pair* rows;
  std::size_t row_pitch;
  const bf16_pair* weight;  ///< `[words][weight_pitch]`
  std::size_t weight_pitch;
  std::size_t words;
  float* out;
  std::size_t out_pitch;
};
using dot_tile_function = void (*)(const dot_tile&);

/// Rows of the tallest tile of two vectors: without dot instruction every operand is two registers.
template <class Isa>
inline constexpr std::size_t tallest_dot_tile = isa::includes<Isa, isa::avx512> ? 12 : 4;

template <class Isa, std::size_t Rows>
HEDDLE_NOINLINE void run_dot_tile(const dot_tile& t) {
  using v = vec<Isa>;
  constexpr std::size_t vectors = 2;
  v sum[Rows][vectors];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Rows; ++i) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < vectors; ++j) sum[i][j] = v::zero();
  }
  const bf16_pair* w = t.weight;
  const bf16_pair* a = t.rows;
  const bf16_pair* const end = a + t.words;
  const std::size_t row_pitch = t.row_pitch;
  const std::size_t weight_pitch = t.weight_pitch;
  HEDDLE_NO_UNROLL
  for (; a != end; ++a, w += weight_pitch) {
    pairs<Isa> b[vectors];
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < vectors; ++j) b[j] = pairs<Isa>::load(w + j * v::size);
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      const pairs<Isa> x = pairs<Isa>::broadcast(a + i * row_pitch);
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < vectors; ++j) sum[i][j] = dot_pair(sum[i][j], x, b[j]);
    }
  }
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Rows; ++i) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < vectors; ++j) sum[i][j].store(t.out + i * t.out_pitch + j * v::size);
  }
}

/// A tile in use: its height and its function.
struct dot_tile_choice {
  std::size_t rows;
  dot_tile_function run;
};

/// The lowest tile of at least `rows` rows, or the tallest.
template <class Isa>
dot_tile_choice choose_dot_tile(std::size_t rows) {
  if constexpr (tallest_dot_tile<Isa> == 12) {
    if (rows > 10) return {12, run_dot_tile<Isa, 12>};
    if (rows > 8) return {10, run_dot_tile<Isa, 10>};
    if (rows > 6) return {8, run_dot_tile<Isa, 8>};
    if (rows > 4) return {6, run_dot_tile<Isa, 6>};
  }
  if (rows > 2) return {4, run_dot_tile<Isa, 4>};
  if (rows > 1) return {2, run_dot_tile<Isa, 2>};
  return {1, run_dot_tile<Isa, 1>};
}

}  // namespace heddle::inline v0::detail
