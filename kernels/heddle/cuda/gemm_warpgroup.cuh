/// @file
/// Products of bfloat16 for sm_90a: one warpgroup asks the tile engine for operands, two multiply what has arrived.
#pragma once

#include <heddle/cuda/device/tiles.cuh>
#include <heddle/cuda/device/wgmma.cuh>

#include "gemm_launch.cuh"

namespace heddle::inline v0 {

namespace device {

/// A part `128 x Columns` of an output: every consumer has 64 rows of it. Operands arrive 64 inputs at a time, in rows of 128
/// bytes that the engine permutes.
template <unsigned Columns, unsigned Stages>
struct warpgroup_tile {
  static constexpr unsigned rows = 128;
  static constexpr unsigned columns = Columns;
  static constexpr unsigned stages = Stages;
  static constexpr unsigned depth = 64;
  static constexpr unsigned threads = 256;      ///< of the consumers
  static constexpr unsigned all_threads = 384;  ///< and the producer
  static constexpr unsigned rows_bytes = rows * 128;
  static constexpr unsigned stage_bytes = rows_bytes + columns * 128;
  static constexpr unsigned ring_bytes = Stages * stage_bytes;
  static constexpr unsigned bytes = ring_bytes + 2 * Stages * 8;
  static constexpr unsigned depth_warps = 1;
  static constexpr unsigned sums_pitch = Columns + 8;  ///< as in `product_tile`
  static constexpr unsigned sums_bytes = rows * sums_pitch * 4;
  static_assert(sums_bytes <= ring_bytes, "the sums take the place of the ring");
};

using wide_tile = warpgroup_tile<256, 4>;
using square_tile = warpgroup_tile<128, 6>;

/// A product by tiles of warpgroups.
template <class Tile, class Epilogue>
struct warpgroup_product {
  static constexpr unsigned threads = Tile::all_threads;
  static constexpr unsigned min_blocks = 1;
  tensor_map x;
  tensor_map weights;
  tile_order order;
  std::uint32_t steps;  ///< at least one
  Epilogue epilogue;

  HEDDLE_DEVICE void operator()() const {
    if (thread() == 0) {
      for (unsigned stage = 0; stage < Tile::stages; ++stage) {
        mbarrier_init(full(stage), 1);
        mbarrier_init(empty(stage), Tile::threads / warp_size);
      }
      fence_mbarrier_init();
    }
    sync_block();
    const tile_order::place place = order.at(block_index());
    if (warpgroup() == Tile::threads / warpgroup_size) {
      set_registers_down<40>();
      if (thread() == Tile::threads) produce(place);
    } else {
      set_registers_up<232>();
      consume(place);
    }
  }

 private:
  static HEDDLE_DEVICE shared_address full(unsigned stage) { return shared_base() + Tile::ring_bytes + 8 * stage; }
  static HEDDLE_DEVICE shared_address empty(unsigned stage) { return full(stage) + 8 * Tile::stages; }
  static HEDDLE_DEVICE shared_address buffer(unsigned stage) { return shared_base() + stage * Tile::stage_bytes; }

  /// One lane keeps the ring filled.
  HEDDLE_DEVICE void produce(const tile_order::place& place) const {
    prefetch(x);
    prefetch(weights);
    const int row = static_cast<int>(place.row * Tile::rows);
    const int output = static_cast<int>(place.column * Tile::columns);
    unsigned stage = 0;
    unsigned parity = 1;  // fresh buffers are empty
    HEDDLE_DEVICE_NO_UNROLL
    for (std::uint32_t step = 0; step < steps; ++step) {
      mbarrier_wait(empty(stage), parity);
      mbarrier_arrive_expect(full(stage), Tile::stage_bytes);
      const int k = static_cast<int>(step * Tile::depth);
      tile_load(buffer(stage), x, full(stage), {k, row});
      tile_load(buffer(stage) + Tile::rows_bytes, weights, full(stage), {k, output});
      if (++stage == Tile::stages) stage = 0, parity ^= 1;
    }
  }

  HEDDLE_DEVICE void consume(const tile_order::place& place) const {
    accumulator<Tile::columns> sums;
    unsigned stage = 0;
    unsigned parity = 0;
    unsigned before = 0;
    HEDDLE_DEVICE_NO_UNROLL
    for (std::uint32_t step = 0; step < steps; ++step) {
      mbarrier_wait(full(stage), parity);
      const std::uint64_t left = matrix_descriptor(buffer(stage) + warpgroup() * 64 * 128, 0, 1024, swizzle::bytes_128);
      const std::uint64_t right = matrix_descriptor(buffer(stage) + Tile::rows_bytes, 0, 1024, swizzle::bytes_128);
      wgmma_fence();
      HEDDLE_DEVICE_UNROLL
      for (unsigned k = 0; k < Tile::depth / 16; ++k)
        wgmma_ss<bf16, Tile::columns>(sums, advanced(left, 32 * k), advanced(right, 32 * k), step + k != 0);
      wgmma_commit();
      wgmma_wait<1>();  // this step's products go on; those of the one before have read their buffer
      if (step != 0 && lane() == 0) mbarrier_arrive(empty(before));
      before = stage;
      if (++stage == Tile::stages) stage = 0, parity ^= 1;
    }
    wgmma_wait<0>(sums);
    barrier_sync(1, Tile::threads);  // both consumers have done with the ring
    store(sums);
    barrier_sync(1, Tile::threads);
    epilogue.template run<Tile>(shared_base(), static_cast<std::int64_t>(place.row) * Tile::rows, place.column * Tile::columns);
  }

  static HEDDLE_DEVICE void store(const accumulator<Tile::columns>& sums) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned j = 0; j < Tile::columns / 8; ++j) HEDDLE_DEVICE_UNROLL
    for (unsigned half = 0; half < 2; ++half) {
      const unsigned row = warp() * 16 + lane() / 4 + 8 * half;
      const unsigned column = 8 * j + lane() % 4 * 2;
      shared_store(shared_base() + (row * Tile::sums_pitch + column) * 4,
                   vector<float, 2>{sums[4 * j + 2 * half], sums[4 * j + 2 * half + 1]});
    }
  }
};

/// Rows of `row_bytes / 2` elements, in boxes of 64 elements by `box_rows` rows.
inline tensor_map map_of_rows(const bfloat16* data, std::uint64_t rows, std::uint64_t elements, std::uint64_t row_stride,
                              std::uint32_t box_rows) {
  const std::uint64_t extents[2] = {elements, rows};
  const std::uint64_t strides[1] = {row_stride * sizeof(bfloat16)};
  const std::uint32_t box[2] = {64, box_rows};
  return make_tensor_map<bfloat16, 2>(data, extents, strides, box, swizzle::bytes_128);
}

template <class Tile, class Epilogue>
void launch_warpgroups(stream s, const row_source<bfloat16>& x, std::uint32_t inputs, const weight_source<bfloat16>& weights,
                       const Epilogue& epilogue) {
  const tile_order order = tiles_of<Tile>(epilogue.rows, epilogue.outputs);
  const row_source<bfloat16>::segment& rows = x.segments[0];
  const tensor_map x_map = map_of_rows(rows.data, static_cast<std::uint64_t>(x.rows), inputs,
                                       static_cast<std::uint64_t>(rows.row_stride), Tile::rows);
  const tensor_map weight_map = map_of_rows(weights.data, weights.outputs, weights.pitch, weights.pitch, Tile::columns);
  launch(s, std::uint64_t{order.row_tiles} * order.column_tiles, Tile::bytes,
         warpgroup_product<Tile, Epilogue>{x_map, weight_map, order, weights.pitch / Tile::depth, epilogue});
}

/// Whether a product goes to warpgroups, and on which tiles: where there are tiles for nearly every multiprocessor, and rows
/// that the tile engine can read.
enum class warpgroup_choice : unsigned char { none, square, wide };

constexpr warpgroup_choice choose_warpgroups(std::int64_t rows, std::uint32_t outputs) noexcept {
  constexpr std::uint64_t processors = 132;
  const auto count = [](tile_order t) { return std::uint64_t{t.row_tiles} * t.column_tiles; };
  if (rows > 0x7fffffff - 128) return warpgroup_choice::none;
  if (outputs > 128 && count(tiles_of<wide_tile>(rows, outputs)) >= processors) return warpgroup_choice::wide;
  if (rows > 64 && outputs > 64 && count(tiles_of<square_tile>(rows, outputs)) >= processors - 12)
    return warpgroup_choice::square;
  return warpgroup_choice::none;
}

/// Enqueues a product by warpgroups if they suit it.
template <class Epilogue>
bool enqueue_warpgroups(stream s, const row_source<bfloat16>& x, std::uint32_t inputs, const weight_source<bfloat16>& weights,
                        const Epilogue& epilogue) {
  if (!x.vectors || x.count != 1 || x.segments[0].row_stride >= std::int64_t{1} << 38) return false;
  switch (choose_warpgroups(epilogue.rows, epilogue.outputs)) {
    case warpgroup_choice::none:
      return false;
    case warpgroup_choice::square:
      launch_warpgroups<square_tile>(s, x, inputs, weights, epilogue);
      return true;
    case warpgroup_choice::wide:
      launch_warpgroups<wide_tile>(s, x, inputs, weights, epilogue);
      return true;
  }
  return false;
}

}  // namespace device

}  // namespace heddle::inline v0
