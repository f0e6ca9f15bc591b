/// @file
/// How many small problems of attention lie in shared memory: which rows, how far apart, what beside them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <heddle/primitive/attend.hpp>

namespace heddle::inline v0::detail {

constexpr unsigned rounded_up(unsigned n, unsigned step) noexcept { return (n + step - 1) / step * step; }

/// The largest power of two up to 16 that divides a row: what one copy moves.
constexpr unsigned copy_bytes_of(std::size_t row_bytes) noexcept {
  unsigned n = 16;
  while (row_bytes % n != 0) n /= 2;
  return n;
}

/// Rows of queries, keys and values in shared memory. Eight rows that one `load_matrix` reads lie in different banks: the
/// distance from row to row is an odd number of 16 bytes. For floats it is also 4 modulo 16, so that the two values of a
/// column that a lane multiplies are found without conflicts.
template <class T, class Out, std::size_t D>
struct short_layout {
  using value_type = T;
  using output_type = Out;
  static constexpr unsigned element_bytes = sizeof(T);
  static constexpr bool split = std::is_same_v<T, float>;  ///< three products of tf32 parts for every product
  static constexpr unsigned head_dim = static_cast<unsigned>(D);
  static constexpr unsigned dim = rounded_up(head_dim, split ? 8 : 16);  ///< zeros behind head_dim
  static constexpr unsigned tiles_of_dim = dim / 8;
  static constexpr unsigned pitch = split ? rounded_up(dim, 16) + 4 : dim + 8;  ///< elements from row to row
  static constexpr unsigned row_bytes = pitch * sizeof(T);
  static constexpr unsigned copy_bytes = copy_bytes_of(D * sizeof(T));
  static constexpr unsigned copies_per_row = dim * sizeof(T) / copy_bytes;
  static constexpr unsigned out_pitch = rounded_up(dim, 16) + 8;
  static constexpr unsigned out_bytes = out_pitch * sizeof(Out);
  static constexpr unsigned out_copy_bytes = copy_bytes_of(D * sizeof(Out));
  static constexpr unsigned out_copies_per_row = head_dim * sizeof(Out) / out_copy_bytes;

  static constexpr unsigned warps = 4;
  static constexpr unsigned threads = 32 * warps;
  static constexpr unsigned tile_rows = 16;   ///< queries of a warp at a time
  static constexpr unsigned chunk_keys = 64;  ///< keys whose scores are in registers
  static constexpr unsigned stage_row_bytes = std::max(row_bytes, out_bytes);
  static constexpr unsigned stage_bytes = tile_rows * stage_row_bytes;
  /// The next queries of a warp are on their way while it works on these, where that costs little memory.
  static constexpr unsigned stages = stage_row_bytes <= 320 ? 2 : 1;
};

/// What one block holds, from the lowest address up; all offsets in bytes. Made on the host, and known to the kernel.
struct short_blocks {
  unsigned keys = 0;        ///< of a group, which are its queries
  unsigned slots = 1;       ///< problems of a block
  unsigned parts = 1;       ///< blocks that share the queries of their problems
  unsigned entries = 0;     ///< of a table of biases
  unsigned stage = 0;       ///< queries and outputs of every warp
  unsigned values = 0;      ///< the first row of values; keys lie at 0
  unsigned slot_bytes = 0;  ///< keys or values of one problem
  unsigned tables = 0;      ///< biases `[slots, runs, entries]`
  unsigned places = 0;      ///< the place of a position in tables `[padded]`
  unsigned tokens = 0;      ///< `[groups, padded]`
  unsigned codes = 0;       ///< `[groups, padded]`: a query sees keys of its code; -1: padding
  unsigned flawed = 0;      ///< `[slots, padded]`: values that are not finite
  unsigned bytes = 0;

  HEDDLE_HOST_DEVICE constexpr unsigned padded() const noexcept { return (keys + 63) / 64 * 64; }
  HEDDLE_HOST_DEVICE constexpr unsigned row_tiles() const noexcept { return (keys + 15) / 16; }
};

/// The places of `slots` problems of `keys` tokens in a block.
template <class Layout>
constexpr short_blocks place_blocks(unsigned keys, unsigned slots, unsigned runs, unsigned entries, bool flawed) noexcept {
  short_blocks b;
  b.keys = keys;
  b.slots = slots;
  b.entries = entries;
  b.slot_bytes = b.row_tiles() * Layout::tile_rows * Layout::row_bytes;
  b.values = slots * b.slot_bytes;
  b.stage = 2 * b.values;
  b.tables = b.stage + Layout::warps * Layout::stages * Layout::stage_bytes;
  b.places = rounded_up(b.tables + slots * runs * entries * 4, 16);
  b.tokens = b.places + (runs > 0 ? b.padded() * 4 : 0);
  b.codes = b.tokens + slots * b.padded() * 4;
  b.flawed = b.codes + slots * b.padded() * 4;
  b.bytes = b.flawed + (flawed ? slots * b.padded() * 4 : 0);
  return b;
}

/// How many problems make a block: as many as keep its warps busy, in memory of which a processor has several times as much.
/// Where there are few problems the queries of one are shared by several blocks. 0 bytes: they do not fit.
template <class Layout>
constexpr short_blocks choose_blocks(unsigned keys, unsigned heads, unsigned problems, unsigned runs, unsigned entries,
                                     bool flawed, unsigned most_bytes) noexcept {
  constexpr unsigned comfortable = 52 * 1024;  // four blocks on a processor of Hopper, three on one of Ampere
  constexpr unsigned enough = 264;             // blocks: twice the processors of the largest devices
  short_blocks best{};
  unsigned best_idle = 0;
  for (unsigned slots = 1; slots <= 16; ++slots) {
    const short_blocks b = place_blocks<Layout>(keys, slots, runs, entries, flawed);
    if (b.bytes > most_bytes || (slots > 1 && (b.bytes > comfortable || problems < enough * slots))) break;
    const unsigned items = slots * b.row_tiles();
    const unsigned rounds = (items + Layout::warps - 1) / Layout::warps;
    // Idle turns of warps in a thousand, and one more for blocks that cut the heads of a group in two.
    const unsigned idle = (rounds * Layout::warps - items) * 1000 / (rounds * Layout::warps) + (heads % slots != 0 ? 1 : 0);
    if (slots == 1 || idle < best_idle || (idle == best_idle && items <= 4 * Layout::warps)) {
      best = b;
      best_idle = idle;
    }
  }
  if (best.slots == 1 && problems > 0 && problems < enough)
    best.parts = std::min((enough + problems - 1) / problems, (best.row_tiles() + Layout::warps - 1) / Layout::warps);
  return best;
}

}  // namespace heddle::inline v0::detail
