/// @file
/// The end of a matrix product: bias, activation, residual and conversion, from sums in shared memory to the output.
#pragma once

#include "gemm_tile.cuh"

namespace heddle::inline v0 {

namespace device {

/// `y[r, n] = residual[r, n] + activation(sums[r, n] + bias[n])`. A warp stores whole rows of the tile: 512 or 256 bytes
/// of floats side by side.
template <class Y, class Activation>
struct product_epilogue {
  Y* y = nullptr;
  std::int64_t y_stride = 0;
  const Y* residual = nullptr;  ///< or null
  std::int64_t residual_stride = 0;
  const float* bias = nullptr;  ///< padded to a multiple of 4, or null
  std::int64_t rows = 0;
  std::uint32_t outputs = 0;
  bool vectors = false;  ///< four elements at a time: `y` and `residual` are aligned so
  [[no_unique_address]] Activation activation{};

  /// `sums`: what `sum_tile` leaves.
  template <class Tile>
  HEDDLE_DEVICE void run(shared_address sums, std::int64_t first_row, std::uint32_t first_output) const {
    constexpr unsigned lines = Tile::columns / 4;
    const unsigned part = thread() % lines * 4;
    const std::uint32_t column = first_output + part;
    if (column >= outputs) return;
    vector<float, 4> shift{};
    if (bias != nullptr) shift = load_vector<4>(bias + column);
    const std::int64_t end =
        rows - first_row < static_cast<std::int64_t>(Tile::rows) ? rows - first_row : static_cast<std::int64_t>(Tile::rows);
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned r = thread() / lines; r < end; r += Tile::threads / lines) {
      const shared_address from = sums + (r * Tile::sums_pitch + part) * 4;
      vector<float, 4> value = shared_load<vector<float, 4>>(from);
      HEDDLE_DEVICE_UNROLL
      for (unsigned share = 1; share < Tile::depth_warps; ++share) {
        const auto more = shared_load<vector<float, 4>>(from + share * Tile::sums_bytes);
        HEDDLE_DEVICE_UNROLL
        for (unsigned e = 0; e < 4; ++e) value[e] += more[e];
      }
      HEDDLE_DEVICE_UNROLL
      for (unsigned e = 0; e < 4; ++e) value[e] = activation(value[e] + shift[e]);
      store(value, first_row + r, column);
    }
  }

 private:
  HEDDLE_DEVICE void store(const vector<float, 4>& value, std::int64_t row, std::uint32_t column) const {
    Y* const to = y + row * y_stride + column;
    const Y* const base = residual == nullptr ? nullptr : residual + row * residual_stride + column;
    if (vectors && column + 4 <= outputs) {
      vector<Y, 4> out;
      vector<Y, 4> add{};
      if (base != nullptr) add = load_vector<4>(base);
      HEDDLE_DEVICE_UNROLL
      for (unsigned e = 0; e < 4; ++e) out[e] = round_to<Y>(base == nullptr ? value[e] : to_float(add[e]) + value[e]);
      store_vector(to, out);
      return;
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned e = 0; e < 4; ++e)
      if (column + e < outputs) {
        const float sum = base == nullptr ? value[e] : to_float(load_global(base + e)) + value[e];
        store_global(to + e, round_to<Y>(sum));
      }
  }
};

}  // namespace device

}  // namespace heddle::inline v0
