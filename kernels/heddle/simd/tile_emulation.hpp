/// @file
/// The tiles of AMX in plain C++: the same interface and arithmetic as `amx_tiles`, so that packing, padding and the
/// kernels on tiles are tested on any machine.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>

#include "dot.hpp"

namespace heddle::inline v0::detail {

/// Rows of a tile, and 32-bit words of a row: a tile holds 16 rows of 16 floats or of 32 bfloat16.
inline constexpr std::size_t tile_rows = 16;
inline constexpr std::size_t tile_words = 16;
/// Inputs that one product of tiles sums.
inline constexpr std::size_t tile_inputs = 2 * tile_words;

/// Eight tiles. `dot<C, A, B>`: `C[m][n] += sum over k of A[m][2k] B[k][2n] + A[m][2k+1] B[k][2n+1]`: two chains from zero,
/// even and odd elements, each step rounded to the nearest float, then their sum, then C; denormal numbers are taken and
/// given as zero.
class emulated_tiles {
  bf16_pair tile_[8][tile_rows][tile_words] = {};

 public:
  static constexpr bool available() noexcept { return true; }

  template <int T>
  void zero() noexcept {
    std::memset(tile_[T], 0, sizeof tile_[T]);
  }
  /// 16 rows of 64 bytes, `pitch` bytes apart (0: the same row again and again).
  template <int T>
  void load(const void* p, std::size_t pitch) noexcept {
    for (std::size_t r = 0; r < tile_rows; ++r)
      std::memcpy(tile_[T][r], static_cast<const char*>(p) + r * pitch, sizeof tile_[T][r]);
  }
  template <int T>
  void load_once(const void* p, std::size_t pitch) noexcept {
    load<T>(p, pitch);
  }
  template <int T>
  void store(void* p, std::size_t pitch) const noexcept {
    for (std::size_t r = 0; r < tile_rows; ++r) std::memcpy(static_cast<char*>(p) + r * pitch, tile_[T][r], sizeof tile_[T][r]);
  }
  template <int C, int A, int B>
  void dot() noexcept {
    for (std::size_t m = 0; m < tile_rows; ++m)
      for (std::size_t n = 0; n < tile_words; ++n) {
        float even = 0.0f;
        float odd = 0.0f;
        for (std::size_t k = 0; k < tile_words; ++k) {
          even = step(even, even_of(tile_[A][m][k]), even_of(tile_[B][k][n]));
          odd = step(odd, odd_of(tile_[A][m][k]), odd_of(tile_[B][k][n]));
        }
        const float c = flushed(std::bit_cast<float>(tile_[C][m][n]));
        tile_[C][m][n] = std::bit_cast<bf16_pair>(flushed(c + flushed(even + odd)));
      }
  }

 private:
  static float step(float sum, float x, float y) noexcept { return flushed(std::fma(flushed(x), flushed(y), sum)); }
};

}  // namespace heddle::inline v0::detail
