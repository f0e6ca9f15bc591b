/// @file
/// What a block of the warp-specialised attention holds in shared memory (sm_90a).
#pragma once

#include <cstddef>

#include <heddle/cuda/device/device.cuh>

namespace heddle::inline v0::detail {

/// Tiles as the tile engine writes them: panels of 64 elements, 128 bytes a row, permuted over 128 bytes; head dimensions of
/// 128 have two panels. Queries of two warpgroups, a ring of tiles of keys and one of values.
template <unsigned Dim>
struct hopper_layout {
  static_assert(Dim == 64 || Dim == 128, "heads of one or two panels");
  static constexpr unsigned dim = Dim;
  static constexpr unsigned panels = Dim / 64;
  static constexpr unsigned row_bytes = 128;  ///< of a panel
  static constexpr unsigned queries = 128;    ///< of a block, 64 for each consumer
  static constexpr unsigned keys = 128;       ///< of a tile
  static constexpr unsigned stages = Dim == 64 ? 4 : 2;
  static constexpr unsigned panel_bytes = 128 * row_bytes;
  static constexpr unsigned tile_bytes = panels * panel_bytes;
  static constexpr unsigned eight_rows = 8 * row_bytes;  ///< from 8 rows to the next 8, in descriptors

  static constexpr unsigned k_offset = tile_bytes;  ///< queries lie at 0
  static constexpr unsigned v_offset = k_offset + stages * tile_bytes;
  static constexpr unsigned barrier_offset = v_offset + stages * tile_bytes;
  static constexpr unsigned barriers = 2 + 5 * stages;
  static constexpr unsigned flaw_offset =
      (barrier_offset + 8 * barriers + 15) / 16 * 16;                 ///< `[stages, 4]`: a bit for each key
  static constexpr unsigned list_offset = flaw_offset + stages * 16;  ///< `[2, stages]`: tiles of keys, of values
  static constexpr unsigned bytes = list_offset + stages * 8;
  static_assert(bytes <= 227 * 1024, "one block of a processor of Hopper");

  static constexpr unsigned consumers = 2;  ///< warpgroups
  static constexpr unsigned checkers = 3;   ///< warps beside the producer's
  static constexpr unsigned threads = 128 * (1 + consumers);
  /// 65536 registers of a processor: 128 lanes with few, 256 with what the products take.
  static constexpr unsigned producer_registers = 40;
  static constexpr unsigned consumer_registers = 232;
  static_assert(128 * producer_registers + 256 * consumer_registers <= 65536);
};

/// Places in a ring of `Stages`, counted on; waiting for a stage to be full (or, for who fills it, empty) is waiting for a parity.
template <unsigned Stages>
struct ring_place {
  unsigned count = 0;
  HEDDLE_DEVICE unsigned stage() const { return count % Stages; }
  HEDDLE_DEVICE unsigned full_parity() const { return count / Stages & 1U; }
  HEDDLE_DEVICE unsigned empty_parity() const { return full_parity() ^ 1U; }
  HEDDLE_DEVICE void advance() { ++count; }
};

}  // namespace heddle::inline v0::detail
