/// @file
/// `resize_u8` on a device: one thread for every byte of the result, with the integers of the definition.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/resample/resize_u8.hpp>
#include <heddle/reference/resize_u8.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// Interpolation between `Rule::taps` by as many pixels, or with `Means` the mean of the pixels that are covered.
template <class Rule, bool Means>
struct resize_bytes_of_image {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;  ///< rows x bytes of a row
  const std::uint8_t* x;
  std::uint8_t* y;
  std::uint64_t x_height, x_width, height, width, channels;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t i, std::uint64_t byte) {
      const std::uint64_t j = byte / channels;
      const std::uint8_t* const from = x + (byte - j * channels);
      store_global(y + i * width * channels + byte, Means ? covered(from, i, j) : interpolated(from, i, j));
    });
  }

 private:
  HEDDLE_DEVICE std::uint8_t at(const std::uint8_t* from, std::uint64_t row, std::uint64_t column) const {
    return load_global(from + (row * x_width + column) * channels);
  }

  HEDDLE_DEVICE std::uint8_t interpolated(const std::uint8_t* from, std::uint64_t i, std::uint64_t j) const {
    const heddle::detail::fixed_taps rows = Rule::row_at(i, x_height, height);
    const heddle::detail::fixed_taps columns = Rule::at(j, x_width, width);
    int sums[4] = {};
    HEDDLE_DEVICE_UNROLL
    for (int t = 0; t < Rule::taps; ++t) HEDDLE_DEVICE_UNROLL
    for (int u = 0; u < Rule::taps; ++u)
      sums[t] += columns.weight[u] * static_cast<int>(at(from, rows.index[t], columns.index[u]));
    return heddle::detail::combine_fixed<Rule::taps>(sums, rows.weight);
  }

  HEDDLE_DEVICE std::uint8_t covered(const std::uint8_t* from, std::uint64_t i, std::uint64_t j) const {
    const heddle::detail::area_cover rows(i, x_height, height);
    const heddle::detail::area_cover columns(j, x_width, width);
    float total = 0;
    for (std::uint64_t r = rows.first; r < rows.end; ++r) {
      float sum = 0;
      for (std::uint64_t s = columns.first; s < columns.end; ++s)
        sum += math::product(columns.weight(s), static_cast<float>(at(from, r, s)));
      total += math::product(rows.weight(r), sum);
    }
    return heddle::detail::to_byte(heddle::detail::rounded(total));
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::resize_u8, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static constexpr std::size_t bytes(const backend_type&, const dynamic_extents<3>&, const dynamic_extents<3>&) noexcept {
    return 0;
  }

  template <class Rule>
  static void run(context<backend_type> ctx, const image_u8_view<const std::uint8_t>& x, const image_u8_view<std::uint8_t>& y) {
    device::require_device_pointer("resize_u8", "x", x.data_handle());
    device::require_device_pointer("resize_u8", "y", y.data_handle());
    if constexpr (std::is_same_v<Rule, u8_rule::area>) {
      if (detail::takes_means<Rule>(x, y)) return launch<Rule, true>(ctx.backend.stream, x, y);
    }
    launch<Rule, false>(ctx.backend.stream, x, y);
  }

 private:
  template <class Rule, bool Means>
  static void launch(device::stream stream, const image_u8_view<const std::uint8_t>& x, const image_u8_view<std::uint8_t>& y) {
    using functor = device::resize_bytes_of_image<Rule, Means>;
    const device::row_tiling<functor::threads> tiling(y.extent(0), y.extent(1) * y.extent(2));
    device::launch(
        stream, tiling.grid(), 0,
        functor{tiling, x.data_handle(), y.data_handle(), x.extent(0), x.extent(1), y.extent(0), y.extent(1), y.extent(2)});
  }
};

}  // namespace heddle::inline v0
