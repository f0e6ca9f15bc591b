/// @file
/// The products of one step: fragments from shared memory, matrix instructions, sums in registers. One struct for every pair
/// of element types.
#pragma once

#include "gemm_tile.cuh"

namespace heddle::inline v0 {

namespace device {

/// Sums of one warp: `[part of rows][part of columns][element of the instruction's result]`.
template <class Tile>
struct warp_sums {
  float values[Tile::row_parts][Tile::column_parts][4];

  HEDDLE_DEVICE void clear() {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < Tile::row_parts; ++i) HEDDLE_DEVICE_UNROLL
    for (unsigned j = 0; j < Tile::column_parts; ++j) HEDDLE_DEVICE_UNROLL
    for (unsigned e = 0; e < 4; ++e) values[i][j][e] = 0.0F;
  }
  HEDDLE_DEVICE void add(const warp_sums& other) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < Tile::row_parts; ++i) HEDDLE_DEVICE_UNROLL
    for (unsigned j = 0; j < Tile::column_parts; ++j) HEDDLE_DEVICE_UNROLL
    for (unsigned e = 0; e < 4; ++e) values[i][j][e] += other.values[i][j][e];
  }
};

/// 16 rows of inputs from `row` on, two pieces from `piece` on, as the left operand: rows by the lower lanes, pieces by the upper ones.
template <unsigned Pieces>
HEDDLE_DEVICE void load_left(std::uint32_t (&left)[4], shared_address tile, unsigned row, unsigned piece) {
  load_matrix(left, tile + piece_offset<Pieces>(row + (lane() & 15), piece + (lane() >> 4)));
}

/// Weights of 16 outputs from `row` on, two pieces, as the right operands of two instructions: registers 0, 1 and 2, 3.
template <unsigned Pieces>
HEDDLE_DEVICE void load_right(std::uint32_t (&right)[4], shared_address tile, unsigned row, unsigned piece) {
  load_matrix(right, tile + piece_offset<Pieces>(row + (lane() & 7) + ((lane() >> 4) << 3), piece + ((lane() >> 3) & 1)));
}

/// `step` adds the products of one step to the sums of a warp, whose part of the tile begins at (row, column) and who has one
/// share of the inputs.
///
/// Floats by floats as three products of tf32: big x big, big x small and small x big. What is left out is below 2^-21 of a
/// product. The units of the device cut sums off instead of rounding them, which would add up over long rows: every step
/// starts from zero, and the steps are added in ordinary arithmetic.
struct tf32_products {
  using row_element = float;
  using weight_element = float;
  static constexpr unsigned depth = 32;  ///< inputs of one step
  static constexpr unsigned row_pieces = 8;
  static constexpr unsigned weight_pieces = 8;
  static HEDDLE_DEVICE unsigned row_offset(unsigned row, unsigned piece) { return piece_offset<8>(row, piece); }

  template <class Tile>
  static HEDDLE_DEVICE void step(warp_sums<Tile>& sums, shared_address rows, shared_address weights, unsigned row,
                                 unsigned column, unsigned share) {
    warp_sums<Tile> part;
    part.clear();
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < 4 / Tile::depth_warps; ++n) {
      const unsigned k = 2 * (share * (4 / Tile::depth_warps) + n);
      std::uint32_t right[Tile::column_parts / 2][4], right_small[Tile::column_parts / 2][4];
      HEDDLE_DEVICE_UNROLL
      for (unsigned j = 0; j < Tile::column_parts / 2; ++j) {
        load_right<8>(right[j], weights, column + 16 * j, k);
        HEDDLE_DEVICE_UNROLL
        for (unsigned e = 0; e < 4; ++e) split(right[j][e], right_small[j][e]);
      }
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < Tile::row_parts; ++i) {
        std::uint32_t left[4], left_small[4];
        load_left<8>(left, rows, row + 16 * i, k);
        HEDDLE_DEVICE_UNROLL
        for (unsigned e = 0; e < 4; ++e) split(left[e], left_small[e]);
        multiply<Tile>(part.values[i], left_small, right);
        multiply<Tile>(part.values[i], left, right_small);
        multiply<Tile>(part.values[i], left, right);
      }
    }
    sums.add(part);
  }

 private:
  static HEDDLE_DEVICE void split(std::uint32_t& value, std::uint32_t& small) {
    const tf32_pair parts = split_tf32(float_of_bits(value));
    value = parts.high;
    small = parts.low;
  }
  template <class Tile>
  static HEDDLE_DEVICE void multiply(float (&sums)[Tile::column_parts][4], const std::uint32_t (&left)[4],
                                     const std::uint32_t (&right)[Tile::column_parts / 2][4]) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned j = 0; j < Tile::column_parts; ++j)
      mma<tf32>(sums[j], left, right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
  }
};

/// Rows of bfloat16 by weights of bfloat16.
struct bf16_products {
  using row_element = bfloat16;
  using weight_element = bfloat16;
  static constexpr unsigned depth = 64;
  static constexpr unsigned row_pieces = 8;
  static constexpr unsigned weight_pieces = 8;
  static HEDDLE_DEVICE unsigned row_offset(unsigned row, unsigned piece) { return piece_offset<8>(row, piece); }

  template <class Tile>
  static HEDDLE_DEVICE void step(warp_sums<Tile>& sums, shared_address rows, shared_address weights, unsigned row,
                                 unsigned column, unsigned share) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < 4 / Tile::depth_warps; ++n) {
      const unsigned k = 2 * (share * (4 / Tile::depth_warps) + n);
      std::uint32_t right[Tile::column_parts / 2][4];
      HEDDLE_DEVICE_UNROLL
      for (unsigned j = 0; j < Tile::column_parts / 2; ++j) load_right<8>(right[j], weights, column + 16 * j, k);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < Tile::row_parts; ++i) {
        std::uint32_t left[4];
        load_left<8>(left, rows, row + 16 * i, k);
        HEDDLE_DEVICE_UNROLL
        for (unsigned j = 0; j < Tile::column_parts; ++j)
          mma<bf16>(sums.values[i][j], left, right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
};

/// Rows of float, rounded on their way to the instructions, by weights of bfloat16.
struct rounded_products {
  using row_element = float;
  using weight_element = bfloat16;
  static constexpr unsigned depth = 32;
  static constexpr unsigned row_pieces = 8;
  static constexpr unsigned weight_pieces = 4;
  static HEDDLE_DEVICE unsigned row_offset(unsigned row, unsigned piece) { return pair_offset<8>(row, piece); }

  template <class Tile>
  static HEDDLE_DEVICE void step(warp_sums<Tile>& sums, shared_address rows, shared_address weights, unsigned row,
                                 unsigned column, unsigned share) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < 2 / Tile::depth_warps; ++n) {
      const unsigned k = share * (2 / Tile::depth_warps) + n;
      std::uint32_t right[Tile::column_parts / 2][4];
      HEDDLE_DEVICE_UNROLL
      for (unsigned j = 0; j < Tile::column_parts / 2; ++j) load_right<4>(right[j], weights, column + 16 * j, 2 * k);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < Tile::row_parts; ++i) {
        std::uint32_t left[4];
        HEDDLE_DEVICE_UNROLL
        for (unsigned e = 0; e < 4; ++e)
          left[e] = load_pair(rows, row + 16 * i + lane() / 4 + 8 * (e & 1), 4 * k + 2 * (e >> 1));
        HEDDLE_DEVICE_UNROLL
        for (unsigned j = 0; j < Tile::column_parts; ++j)
          mma<bf16>(sums.values[i][j], left, right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
      }
    }
  }

 private:
  /// Two neighbouring floats of the eight in pieces `piece` and `piece + 1`.
  static HEDDLE_DEVICE std::uint32_t load_pair(shared_address rows, unsigned row, unsigned piece) {
    const unsigned t = lane() % 4;
    const auto pair = shared_load<vector<float, 2>>(rows + pair_offset<8>(row, piece + t / 2) + t % 2 * 8);
    return pack<bf16>(pair[0], pair[1]);
  }
};

}  // namespace device

}  // namespace heddle::inline v0
