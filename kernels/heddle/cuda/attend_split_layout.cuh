/// @file
/// Few queries and many keys: how the keys are cut, and what a block holds of them.
#pragma once

#include <cstddef>

#include <heddle/cuda/attend_short_layout.cuh>

namespace heddle::inline v0::detail {

/// Rows in shared memory as in small problems; every warp has keys and values of its own, the next on their way while it
/// works on these.
template <class T, class Out, std::size_t D>
struct split_layout : short_layout<T, Out, D> {
  using base = short_layout<T, Out, D>;
  static constexpr unsigned chunk_keys = base::row_bytes <= 160 ? 32 : 16;  ///< of a warp at a time
  static constexpr unsigned warps = base::row_bytes <= 288 ? 4 : 2;
  static constexpr unsigned threads = 32 * warps;
  static constexpr unsigned stages = 2;
  static constexpr unsigned rows = 16;  ///< queries times heads that share keys

  static constexpr unsigned chunk_bytes = chunk_keys * base::row_bytes;
  static constexpr unsigned stage_bytes = 2 * chunk_bytes;
  static constexpr unsigned sum_pitch = base::dim + 8;               ///< floats from row to row of what warps add up
  static constexpr unsigned sum_bytes = rows * (sum_pitch + 2) * 4;  ///< with maximum and sum
  static constexpr unsigned warp_bytes = rounded_up(std::max(stages * stage_bytes, sum_bytes), 128);
  static constexpr unsigned queries = warps * warp_bytes;  ///< where the queries lie
  static constexpr unsigned bytes = queries + rows * base::row_bytes;
  static_assert(bytes <= 99 * 1024, "a block has to fit every device");
};

/// How one call is cut. The numbers depend on shapes alone, so that sums are always made in the same order.
struct split_cut {
  static constexpr std::size_t least_keys = 256;     ///< shorter ones are no work for many blocks
  static constexpr std::size_t most_rows = 64;       ///< queries times heads that share keys
  static constexpr std::size_t enough_blocks = 264;  ///< twice the processors of the largest devices
  static constexpr std::size_t most_parts = 1024;    ///< parts with memory of their own, of all problems together

  std::size_t problems = 0;  ///< batch items, heads of keys, groups of 16 rows
  std::size_t row_tiles = 1;
  std::size_t parts = 1;  ///< of the keys
  std::size_t span = 0;   ///< keys of a part

  /// `step`: what all warps of a block take at once.
  static constexpr split_cut of(std::size_t batch, std::size_t key_heads, std::size_t rows, std::size_t keys,
                                std::size_t step) noexcept {
    split_cut c;
    c.row_tiles = (rows + 15) / 16;
    c.problems = batch * key_heads * c.row_tiles;
    const std::size_t steps = (keys + step - 1) / step;
    std::size_t parts = c.problems == 0 ? 1 : (enough_blocks + c.problems - 1) / c.problems;
    parts = std::min(parts, (steps + 3) / 4);  // at least four turns for every warp
    if (parts * c.problems > most_parts) parts = most_parts / c.problems;
    if (parts <= 1) parts = 1;
    const std::size_t steps_of_part = (steps + parts - 1) / parts;
    c.span = steps_of_part * step;
    c.parts = (steps + steps_of_part - 1) / steps_of_part;
    return c;
  }
};

/// Scratch of the parts, whatever the number of heads.
constexpr std::size_t split_scratch_bytes(const attend_shape& s) noexcept {
  if (s.queries > split_cut::most_rows || s.keys < split_cut::least_keys) return 0;
  return scratch_bytes<float>(split_cut::most_parts * 16 * (s.head_dim + 2));
}

}  // namespace heddle::inline v0::detail
