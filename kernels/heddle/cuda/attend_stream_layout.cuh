/// @file
/// What a block of the streaming kernel of `attend` holds in shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <heddle/cuda/device/device.cuh>

namespace heddle::inline v0::detail {

/// Tiles of queries, keys and values of heads of up to `Dim` elements, and what is known of their positions. Eight rows that
/// one `load_matrix` reads lie in different banks: the distance from row to row is an odd number of 16 bytes; for floats it is
/// also 4 modulo 16, so that the two values that a lane multiplies are found without conflicts. Offsets are in bytes.
template <class T, unsigned Dim>
struct stream_layout {
  using value_type = T;
  static constexpr bool split = std::is_same_v<T, float>;  ///< three products of tf32 parts for every product
  static constexpr unsigned dim = Dim;
  static_assert(Dim % 16 == 0, "a tile of heads is a multiple of 16 elements wide");
  static constexpr unsigned tiles_of_dim = dim / 8;
  static constexpr unsigned pitch = split ? dim + 4 : dim + 8;  ///< elements from row to row
  static constexpr unsigned row_bytes = pitch * sizeof(T);
  static constexpr unsigned vectors_per_row = dim * sizeof(T) / 16;

  static constexpr unsigned warps = 4;
  static constexpr unsigned threads = 32 * warps;
  static constexpr unsigned queries = 16 * warps;
  static constexpr unsigned stages = 2;
  /// Keys of one tile: as many as leave room for three blocks on a processor of Ampere, if 16 do.
  static constexpr unsigned chunk_keys = [] {
    constexpr unsigned comfortable = 52 * 1024;
    unsigned n = 64;
    while (n > 16 && (queries + 2 * stages * n) * row_bytes > comfortable) n /= 2;
    return n;
  }();
  static constexpr unsigned position_stages = 3;  ///< positions are listed a tile earlier than rows are read
  static constexpr unsigned listed_tiles = 512;   ///< whose classes are known

  static constexpr unsigned tile_bytes = chunk_keys * row_bytes;
  static constexpr unsigned k_offset = queries * row_bytes;
  static constexpr unsigned v_offset = k_offset + stages * tile_bytes;
  static constexpr unsigned token_offset = v_offset + stages * tile_bytes;
  static constexpr unsigned place_offset = token_offset + position_stages * chunk_keys * 4;
  static constexpr unsigned flaw_offset = place_offset + position_stages * chunk_keys * 4;
  static constexpr unsigned class_offset = flaw_offset + stages * warps * 4;
  static constexpr unsigned bytes = class_offset + listed_tiles * 2;
};

}  // namespace heddle::inline v0::detail
