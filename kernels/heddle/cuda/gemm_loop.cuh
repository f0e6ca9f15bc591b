/// @file
/// The loop of a matrix product: copies run ahead of the products through a ring of buffers, and the sums of a tile end in
/// shared memory.
#pragma once

#include "gemm_products.cuh"
#include "gemm_source.cuh"

#if HEDDLE_CUDA_EMULATED
#define HEDDLE_DEVICE_CALLED
#else
#define HEDDLE_DEVICE_CALLED __device__ __noinline__
#endif

namespace heddle::inline v0 {

namespace device {

/// Bytes of one buffer of the ring, and of all that a block needs: the sums take the place of the ring at the end.
template <class Tile, class Products>
struct ring {
  static constexpr unsigned rows_bytes = Tile::rows * Products::row_pieces * 16;
  static constexpr unsigned weights_bytes = Tile::columns * Products::weight_pieces * 16;
  static constexpr unsigned stage_bytes = rows_bytes + weights_bytes;
  static constexpr unsigned all_sums_bytes = Tile::depth_warps * Tile::sums_bytes;
  static constexpr unsigned bytes = Tile::stages * stage_bytes > all_sums_bytes ? Tile::stages* stage_bytes : all_sums_bytes;
};

/// What the threads of a block copy: thread `t` piece `t % pieces` of every so many rows, so that a row's pieces are read
/// together and a thread's place in the inputs is found once a step.
template <class Tile, class Products, class Source>
class tile_copies {
  using memory = ring<Tile, Products>;
  static constexpr unsigned row_pieces = Products::row_pieces;
  static constexpr unsigned weight_pieces = Products::weight_pieces;
  static constexpr unsigned rows_apart = Tile::threads / row_pieces;
  static constexpr unsigned weights_apart = Tile::threads / weight_pieces;
  static constexpr unsigned row_count = Tile::rows / rows_apart;
  static constexpr unsigned weight_count = Tile::columns / weights_apart;
  static_assert(Tile::rows % rows_apart == 0 && Tile::columns % weights_apart == 0, "every thread copies as much");

  typename Source::row_state rows_[row_count];
  std::uint32_t first_output_;

 public:
  HEDDLE_DEVICE tile_copies(const Source& x, std::int64_t first_row, std::uint32_t first_output) : first_output_(first_output) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < row_count; ++i) rows_[i] = x.row(first_row + thread() / row_pieces + i * rows_apart);
  }

  /// Enqueues the copies of step `step`.
  HEDDLE_DEVICE void issue(const Source& x, const weight_source<typename Products::weight_element>& weights,
                           shared_address stage, std::uint32_t step) const {
    const unsigned piece = thread() % row_pieces;
    const std::uint32_t k = step * Products::depth + piece * piece_elements<typename Products::row_element>;
    const typename Source::place place = x.at(k);
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < row_count; ++i)
      copy_piece(x, stage + Products::row_offset(thread() / row_pieces + i * rows_apart, piece), rows_[i], place, k);
    const unsigned weight_piece = thread() % weight_pieces;
    const std::uint32_t weight_k = step * Products::depth + weight_piece * piece_elements<typename Products::weight_element>;
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < weight_count; ++i) {
      const unsigned row = thread() / weight_pieces + i * weights_apart;
      weights.copy_piece(stage + memory::rows_bytes + piece_offset<weight_pieces>(row, weight_piece), first_output_ + row,
                         weight_k);
    }
  }
};

/// Stores the sums of a warp, whose part of the tile begins at (row, column), to shared memory.
template <class Tile>
HEDDLE_DEVICE void store_sums(const warp_sums<Tile>& sums, shared_address to, unsigned row, unsigned column) {
  HEDDLE_DEVICE_UNROLL
  for (unsigned i = 0; i < Tile::row_parts; ++i) HEDDLE_DEVICE_UNROLL
  for (unsigned j = 0; j < Tile::column_parts; ++j) HEDDLE_DEVICE_UNROLL
  for (unsigned half = 0; half < 2; ++half) {
    const unsigned r = row + 16 * i + lane() / 4 + 8 * half;
    const unsigned c = column + 8 * j + lane() % 4 * 2;
    shared_store(to + (r * Tile::sums_pitch + c) * 4,
                 vector<float, 2>{sums.values[i][j][2 * half], sums.values[i][j][2 * half + 1]});
  }
}

/// The sums of the tile at (first_row, first_output), over all inputs, to shared memory: `[depth_warps][row][sums_pitch]`
/// floats from `memory` on, which every thread of the block may read on return. A function of its own: what is done with the sums
/// differs from use to use, this part does not, and is compiled once for all of them.
template <class Tile, class Products, class Source>
HEDDLE_DEVICE_CALLED void sum_tile(const Source& x, const weight_source<typename Products::weight_element>& weights,
                                   std::int64_t first_row, std::uint32_t first_output, shared_address memory) {
  using stages = ring<Tile, Products>;
  const std::uint32_t steps = weights.pitch / Products::depth;
  const unsigned share = warp() / (Tile::row_warps * Tile::column_warps);  // of the inputs of every step
  const unsigned row = warp() / Tile::column_warps % Tile::row_warps * Tile::warp_rows;
  const unsigned column = warp() % Tile::column_warps * Tile::warp_columns;
  const tile_copies<Tile, Products, Source> copies(x, first_row, first_output);
  warp_sums<Tile> sums;
  sums.clear();
  HEDDLE_DEVICE_NO_UNROLL
  for (std::uint32_t step = 0; step < Tile::stages - 1; ++step) {
    if (step < steps) copies.issue(x, weights, memory + step * stages::stage_bytes, step);
    copy_commit();
  }
  unsigned used = 0;                 // the buffer of this step
  unsigned free = Tile::stages - 1;  // the one whose step was the last
  HEDDLE_DEVICE_NO_UNROLL
  for (std::uint32_t step = 0; step < steps; ++step) {
    copy_wait<Tile::stages - 2>();
    sync_block();
    if (step + Tile::stages - 1 < steps) copies.issue(x, weights, memory + free * stages::stage_bytes, step + Tile::stages - 1);
    copy_commit();
    const shared_address stage = memory + used * stages::stage_bytes;
    Products::template step<Tile>(sums, stage, stage + stages::rows_bytes, row, column, share);
    free = used;
    used = used + 1 == Tile::stages ? 0 : used + 1;
  }
  copy_wait<0>();
  sync_block();
  store_sums<Tile>(sums, memory + share * Tile::sums_bytes, row, column);
  sync_block();
}

}  // namespace device

}  // namespace heddle::inline v0

#undef HEDDLE_DEVICE_CALLED
