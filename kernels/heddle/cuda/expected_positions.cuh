/// @file
/// `expected_positions` on a device: a block for every map, sums in double precision and in a fixed order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/expected_positions.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

struct expected_position_of_map {
  static constexpr unsigned threads = 256;
  static constexpr unsigned warps = threads / warp_size;
  static constexpr std::size_t shared_bytes = warps * (sizeof(float) + 3 * sizeof(double));
  std::uint64_t maps;
  std::uint64_t rows;
  std::uint64_t columns;
  const float* scores;
  float* shares;
  std::size_t pitch;  ///< of `shares`

  HEDDLE_DEVICE void operator()() const {
    const shared_view<double> sums{shared_base()};
    for (std::uint64_t m = block_index(); m < maps; m += grid_size()) {
      const float* const map = scores + m * rows * columns;
      const float top = largest(map);
      double sum = 0, x = 0, y = 0;
      for (std::uint64_t i = thread(); i < rows * columns; i += threads) {
        const auto p = static_cast<double>(device::exp(load_global(map + i) - top));
        const std::uint64_t row = i / columns;
        sum += p;
        x += p * static_cast<double>(i - row * columns);
        y += p * static_cast<double>(row);
      }
      sum = warp_sum(sum);
      x = warp_sum(x);
      y = warp_sum(y);
      if (lane() == 0) {
        sums.store(warp(), sum);
        sums.store(warps + warp(), x);
        sums.store(2 * warps + warp(), y);
      }
      sync_block();
      if (thread() < 2) {  // x, then y
        const double total = all_warps(sums, 0);
        const double side = static_cast<double>(thread() == 0 ? columns : rows);
        store_global(shares + m * pitch + thread(), static_cast<float>(all_warps(sums, (1 + thread()) * warps) / total / side));
      }
      sync_block();
    }
  }

 private:
  /// The largest score, as the definition compares them: not a number is never larger.
  HEDDLE_DEVICE float largest(const float* map) const {
    const shared_view<float> tops{shared_base() + static_cast<shared_address>(3 * warps * sizeof(double))};
    float top = -std::numeric_limits<float>::infinity();
    for (std::uint64_t i = thread(); i < rows * columns; i += threads) {
      const float s = load_global(map + i);
      top = s > top ? s : top;
    }
    top = warp_max(top);
    if (lane() == 0) tops.store(warp(), top);
    sync_block();
    HEDDLE_DEVICE_UNROLL
    for (unsigned w = 0; w < warps; ++w) top = device::max(top, tops.load(w));
    return top;
  }

  static HEDDLE_DEVICE double all_warps(const shared_view<double>& sums, unsigned first) {
    double all = 0;
    HEDDLE_DEVICE_UNROLL
    for (unsigned w = 0; w < warps; ++w) all += sums.load(first + w);
    return all;
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::expected_positions, cuda_backend<Arch>> {
  static void run(context<cuda_backend<Arch>> ctx, const map_view<const float>& scores, const matrix_view<float>& shares) {
    using functor = device::expected_position_of_map;
    device::require_device_pointer("expected_positions", "scores", scores.data_handle());
    device::require_device_pointer("expected_positions", "shares", shares.data_handle());
    device::launch(ctx.backend.stream, device::grid_of(scores.extent(0)), functor::shared_bytes,
                   functor{scores.extent(0), scores.extent(1), scores.extent(2), scores.data_handle(), shares.data_handle(),
                           shares.stride(0)});
  }
};

}  // namespace heddle::inline v0
