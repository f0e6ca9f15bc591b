/// @file
/// The register tiles of depthwise convolution: neighbouring outputs of one vector of channels. They know no activation and
/// no residual, so all convolutions of a program share them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "convert.hpp"
#include "map.hpp"

namespace heddle::inline v0::detail {

/// The first `n` of the elements of a vector as floats.
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE vec<Isa> load_elements(const T* p, std::size_t n) noexcept {
  return n == vec<Isa>::size ? load_as_float<Isa>(p) : load_as_float_partial<Isa>(p, n);
}
template <class Isa, class T>
HEDDLE_ALWAYS_INLINE void store_elements(vec<Isa> x, T* p, std::size_t n) noexcept {
  n == vec<Isa>::size ? store_float(x, p) : store_float_partial(x, p, n);
}

/// What one tile of neighbouring rows and columns computes, with stride 1 along both, from stored `T`. Offsets are in
/// elements.
template <class T>
struct depthwise_tile {
  const T* input;       ///< row 0, column 0 of the first frame that the window meets, first channel of the vector
  const float* weight;  ///< `[frames][height][width][lanes]`, from that frame on
  const float* start;   ///< `[lanes]`: the bias
  std::size_t frames;   ///< of the window that lie inside the volume
  std::ptrdiff_t frame_pitch;
  std::ptrdiff_t row_pitch;
  std::ptrdiff_t pitch;   ///< of a column
  std::ptrdiff_t rows;    ///< of the map
  std::ptrdiff_t row;     ///< where the first output's window begins; below zero: above the map
  std::ptrdiff_t column;  ///< the same for columns
  std::uint32_t inside;   ///< bit i: column `column + i` lies inside the map
  std::ptrdiff_t height;  ///< rows of the window
  float* out;
  std::size_t out_row_pitch;
  std::size_t out_pitch;
};
template <class T>
using depthwise_tile_function = void (*)(const depthwise_tile<T>&);

/// Output rows that share their input. Two rows read a third less of the second-level cache than one, but need registers for
/// the weights of both.
#if defined(__aarch64__)
template <class Isa>
inline constexpr std::size_t depthwise_rows = 2;
#else
template <class Isa>
inline constexpr std::size_t depthwise_rows = isa::includes<Isa, isa::avx512> ? 2 : 1;
#endif

/// One input row for output rows [First, Last): every input is loaded once for all outputs that it reaches. `weight` is the
/// window's row that output row 0 meets here; output row r is r rows behind.
template <class Isa, std::size_t Width, std::size_t First, std::size_t Last, class T, std::size_t Rows, std::size_t Columns>
HEDDLE_ALWAYS_INLINE void add_depthwise_row(vec<Isa> (&sum)[Rows][Columns], const T* row, const float* weight,
                                            const depthwise_tile<T>& t) noexcept {
  using v = vec<Isa>;
  v factor[Rows][Width];
  HEDDLE_UNROLL
  for (std::size_t r = First; r < Last; ++r) {
    HEDDLE_UNROLL
    for (std::size_t k = 0; k < Width; ++k) factor[r][k] = v::load(weight + k * v::size - r * (Width * v::size));
  }
  std::ptrdiff_t at = t.column * t.pitch;
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Columns + Width - 1; ++i, at += t.pitch) {
    if ((t.inside >> i & 1u) == 0) continue;
    const v x = load_as_float<Isa>(row + at);
    HEDDLE_UNROLL
    for (std::size_t k = 0; k < Width; ++k) {
      if (i < k || i - k >= Columns) continue;
      HEDDLE_UNROLL
      for (std::size_t r = First; r < Last; ++r) sum[r][i - k] = fma(x, factor[r][k], sum[r][i - k]);
    }
  }
}

/// `out[r, c] = start + sum over the window of x * weight`, taps in row-major order, one chain of multiply-adds each.
template <class Isa, class T, std::size_t Width, std::size_t Rows, std::size_t Columns>
HEDDLE_NOINLINE void run_depthwise_tile(const depthwise_tile<T>& t) {
  using v = vec<Isa>;
  static_assert(Rows <= 2);
  constexpr std::ptrdiff_t weight_row = Width * v::size;
  v sum[Rows][Columns];
  const v start = v::load(t.start);
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t c = 0; c < Columns; ++c) sum[r][c] = start;
  }
  const T* frame = t.input;
  const float* weight = t.weight;
  const std::ptrdiff_t below = t.rows - t.row;
  const std::ptrdiff_t reach = t.height + static_cast<std::ptrdiff_t>(Rows) - 1;
  const std::ptrdiff_t begin = t.row < 0 ? -t.row : 0;
  const std::ptrdiff_t end = below < reach ? below : reach;
  for (std::size_t f = 0; f < t.frames; ++f, frame += t.frame_pitch, weight += t.height * weight_row) {
    HEDDLE_NO_UNROLL
    for (std::ptrdiff_t k = begin; k < end; ++k) {
      const T* const row = frame + (t.row + k) * t.row_pitch;
      const float* const w = weight + k * weight_row;
      if constexpr (Rows == 1) {
        add_depthwise_row<Isa, Width, 0, 1>(sum, row, w, t);
      } else if (k == 0) {
        add_depthwise_row<Isa, Width, 0, 1>(sum, row, w, t);
      } else if (k == t.height) {
        add_depthwise_row<Isa, Width, 1, 2>(sum, row, w, t);
      } else {
        add_depthwise_row<Isa, Width, 0, 2>(sum, row, w, t);
      }
    }
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t c = 0; c < Columns; ++c) sum[r][c].store(t.out + r * t.out_row_pitch + c * t.out_pitch);
  }
}

/// The tile of the widths in use: 8, 7 (the maps of 224-pixel pictures have multiples of 7) or 4 columns.
template <class Isa, class T, std::size_t Width, std::size_t Rows>
depthwise_tile_function<T> choose_depthwise_tile(std::size_t columns) {
  if (columns == 8) return run_depthwise_tile<Isa, T, Width, Rows, 8>;
  if (columns == 7) return run_depthwise_tile<Isa, T, Width, Rows, 7>;
  return run_depthwise_tile<Isa, T, Width, Rows, 4>;
}
template <class Isa, class T>
depthwise_tile_function<T> choose_depthwise_tile(std::size_t width, std::size_t rows, std::size_t columns) {
  if constexpr (depthwise_rows<Isa> == 2)
    if (rows == 2)
      return width == 3 ? choose_depthwise_tile<Isa, T, 3, 2>(columns) : choose_depthwise_tile<Isa, T, 5, 2>(columns);
  return width == 3 ? choose_depthwise_tile<Isa, T, 3, 1>(columns) : choose_depthwise_tile<Isa, T, 5, 1>(columns);
}

/// Neighbouring outputs of any window and stride, or of fewer channels than a vector has. All rows and all columns
/// [tap_begin, tap_end) of the window lie inside the map.
template <class T>
struct depthwise_strip {
  const T* input;       ///< the first tap of the first output
  const float* weight;  ///< of that tap, `[frames][height][width][lanes]`
  const float* start;
  std::size_t frames;
  std::size_t rows;
  std::size_t columns;  ///< taps that are used of a row
  std::size_t frame_pitch;
  std::size_t row_pitch;
  std::size_t pitch;
  std::size_t step;  ///< from one output's taps to the next one's
  std::size_t weight_frame_pitch;
  std::size_t weight_row_pitch;
  std::size_t lanes;  ///< channels of the vector
  float* out;
  std::size_t out_pitch;
};

template <class Isa, std::size_t Columns, bool WholeVector, class T>
HEDDLE_NOINLINE void run_depthwise_strip(const depthwise_strip<T>& t) {
  using v = vec<Isa>;
  const std::size_t lanes = WholeVector ? v::size : t.lanes;
  const std::size_t step = t.step;
  v sum[Columns];
  HEDDLE_UNROLL
  for (std::size_t c = 0; c < Columns; ++c) sum[c] = v::load(t.start);
  for (std::size_t f = 0; f < t.frames; ++f)
    for (std::size_t r = 0; r < t.rows; ++r) {
      const T* p = t.input + f * t.frame_pitch + r * t.row_pitch;
      const float* w = t.weight + f * t.weight_frame_pitch + r * t.weight_row_pitch;
      HEDDLE_NO_UNROLL
      for (std::size_t k = 0; k < t.columns; ++k, p += t.pitch, w += v::size) {
        const v factor = v::load(w);
        HEDDLE_UNROLL
        for (std::size_t c = 0; c < Columns; ++c) sum[c] = fma(load_elements<Isa>(p + c * step, lanes), factor, sum[c]);
      }
    }
  HEDDLE_UNROLL
  for (std::size_t c = 0; c < Columns; ++c) sum[c].store(t.out + c * t.out_pitch);
}
template <class Isa, std::size_t Columns, class T>
void run_depthwise_strip(const depthwise_strip<T>& t) {
  if (t.lanes == vec<Isa>::size) return run_depthwise_strip<Isa, Columns, true>(t);
  run_depthwise_strip<Isa, Columns, false>(t);
}

}  // namespace heddle::inline v0::detail
