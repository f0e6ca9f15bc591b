/// @file
/// The arrangement of tokens that partitions cut up, and the integer root of the adaptive ones.
#pragma once

#include <cstddef>
#include <string>

#include "../core/error.hpp"

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

/// Sides of one group of a partition; its tokens are numbered frame by frame, row by row.
struct window_extents {
  std::size_t height = 1;
  std::size_t width = 0;
  std::size_t depth = 1;  ///< frames

  HEDDLE_HOST_DEVICE constexpr std::size_t size() const noexcept { return depth * height * width; }
  friend constexpr bool operator==(const window_extents&, const window_extents&) noexcept = default;
};

namespace detail {

/// Index maps give tokens as 32-bit numbers, -1 for padding.
inline constexpr std::size_t most_tokens = 0x7fffffffU;

/// @throws shape_error for a grid of more tokens than an index map can name
constexpr void require_tokens(const char* policy, const token_grid& g) {
  if (g.frames == 0 || g.height == 0 || g.width == 0) return;
  if (g.frames <= most_tokens && g.height <= most_tokens / g.frames && g.width <= most_tokens / (g.frames * g.height)) return;
  raise<shape_error>(std::string(policy) + ": expected a grid of at most " + std::to_string(most_tokens) + " tokens, got " +
                     std::to_string(g.frames) + " x " + std::to_string(g.height) + " x " + std::to_string(g.width));
}

}  // namespace detail

/// `ceil(sqrt(n))` in whole numbers: a float root is wrong for large squares.
HEDDLE_HOST_DEVICE constexpr std::size_t integer_root_ceil(std::size_t n) noexcept {
  if (n < 2) return n;
  std::size_t low = 1;  // low * low < n <= high * high, compared by division so that nothing overflows
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
