/// @file
/// Matrix products on a device, first part: the tiles of the output that blocks compute, and where operands lie in shared
/// memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/matrix.cuh>
#include <heddle/cuda/device/sync.cuh>

namespace heddle::inline v0 {

namespace device {

/// The part `Rows x Columns` of an output that one block computes. Its warps form a grid `RowWarps x ColumnWarps`, of which
/// there are `DepthWarps`, each for its share of the inputs; their sums are added in a fixed order. Inputs arrive in `Stages`
/// buffers, so that copies run `Stages - 1` steps ahead of the products.
template <unsigned Rows, unsigned Columns, unsigned RowWarps, unsigned ColumnWarps, unsigned Stages, unsigned DepthWarps = 1>
struct product_tile {
  static constexpr unsigned rows = Rows;
  static constexpr unsigned columns = Columns;
  static constexpr unsigned stages = Stages;
  static constexpr unsigned threads = 32 * RowWarps * ColumnWarps * DepthWarps;
  static constexpr unsigned row_warps = RowWarps;
  static constexpr unsigned column_warps = ColumnWarps;
  static constexpr unsigned depth_warps = DepthWarps;
  static constexpr unsigned warp_rows = Rows / RowWarps;
  static constexpr unsigned warp_columns = Columns / ColumnWarps;
  static constexpr unsigned row_parts = warp_rows / 16;       ///< matrix instructions have 16 rows
  static constexpr unsigned column_parts = warp_columns / 8;  ///< and 8 columns
  /// Floats from one row of sums to the next: pairs that a half of a warp stores fall into different banks.
  static constexpr unsigned sums_pitch = Columns + 8;
  static constexpr unsigned sums_bytes = Rows * sums_pitch * 4;
  static_assert(warp_rows % 16 == 0 && warp_columns % 16 == 0, "a warp's part is made of 16 x 16 elements");
};

using large_tile = product_tile<128, 128, 2, 4, 3>;
using medium_tile = product_tile<64, 64, 2, 2, 3>;
using small_tile = product_tile<32, 64, 2, 2, 6, 2>;  // few blocks on a multiprocessor: more copies ahead, more warps

/// Bytes from the start of a tile whose rows have `Pieces` pieces of 16 bytes to piece `piece` of row `row`. Pieces of one
/// row change places, so that eight rows read at one column touch every bank once.
template <unsigned Pieces>
HEDDLE_DEVICE unsigned piece_offset(unsigned row, unsigned piece) {
  static_assert(Pieces == 4 || Pieces == 8, "rows of 64 or 128 bytes");
  if constexpr (Pieces == 4) {
    return row * 64 + ((piece ^ ((row >> 1) & 3)) << 4);
  } else {
    return row * 128 + ((piece ^ (row & 7)) << 4);
  }
}

/// The same for tiles that are read in pairs of floats instead of pieces: four rows, two pieces of each, every bank once.
template <unsigned Pieces>
HEDDLE_DEVICE unsigned pair_offset(unsigned row, unsigned piece) {
  static_assert(Pieces == 8, "rows of 128 bytes");
  return row * 128 + ((piece ^ ((row * 2) & 6)) << 4);
}

/// Two dimensions in one: which tile of the output a block computes. Blocks that run at the same time form a near-square
/// part of the output, whose inputs stay in the cache.
struct tile_order {
  std::uint32_t row_tiles = 0;
  std::uint32_t column_tiles = 0;
  static constexpr std::uint32_t band = 8;  ///< rows of tiles that are computed together

  struct place {
    std::uint32_t row;
    std::uint32_t column;
  };
  HEDDLE_DEVICE place at(std::uint32_t index) const {
    const std::uint32_t whole = band * column_tiles;
    const std::uint32_t first = index / whole * band;
    const std::uint32_t height = row_tiles - first < band ? row_tiles - first : band;
    const std::uint32_t inside = index % whole;
    return {first + inside % height, inside / height};
  }
};

}  // namespace device

}  // namespace heddle::inline v0
