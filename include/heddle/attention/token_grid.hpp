/// @file
/// The arrangement of tokens that partitions cut up, and the integer root of the adaptive ones.
#pragma once

#include <cstddef>

#include "../config.hpp"

namespace heddle::inline v0 {

/// Tokens in row-major order of (frame, y, x).
struct token_grid {
  std::size_t frames = 1;
  std::size_t height = 1;
  std::size_t width = 0;

  HEDDLE_HOST_DEVICE constexpr std::size_t size() const noexcept { return frames * height * width; }
  friend constexpr bool operator==(const token_grid&, const token_grid&) noexcept = default;
};

/// A sequence: one row of tokens.
HEDDLE_HOST_DEVICE constexpr token_grid sequence_grid(std::size_t tokens) noexcept { return {1, 1, tokens}; }

/// Sides of one group of a partition; its tokens are numbered row by row.
struct window_extents {
  std::size_t height = 1;
  std::size_t width = 0;

  HEDDLE_HOST_DEVICE constexpr std::size_t size() const noexcept { return height * width; }
  friend constexpr bool operator==(const window_extents&, const window_extents&) noexcept = default;
};

/// `ceil(sqrt(n))` in whole numbers: a float root is wrong for large squares.
HEDDLE_HOST_DEVICE constexpr std::size_t integer_root_ceil(std::size_t n) noexcept {
  if (n < 2) return n;
  std::size_t low = 1;   // low * low < n <= high * high, compared by division so that nothing overflows
  std::size_t high = n;
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    if (middle >= (n + middle - 1) / middle) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return high;
}

}  // namespace heddle::inline v0
