/// @file
/// `copy_pixels` and `max_pool` on a device: one launch for a map.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/layer/max_pool.hpp>
#include <heddle/primitive/copy_pixels.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// A line of the tiling is a line of pixels with all their channels.
template <unsigned V>
struct copy_pixels_between {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;
  std::uint64_t channels;
  const float* x;
  std::uint64_t x_row, x_column;  ///< distances
  float* y;
  std::uint64_t y_row, y_column;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t row, std::uint64_t i) {
      const std::uint64_t column = i * V / channels;
      const std::uint64_t channel = i * V - column * channels;
      store_floats(y + row * y_row + column * y_column + channel,
                   load_floats<V>(x + row * x_row + column * x_column + channel));
    });
  }
};

/// A line of the tiling is a line of cells with all their channels.
template <unsigned V>
struct largest_of_cells {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;
  const float* x;
  std::uint64_t x_height, x_width, height, width, channels;  ///< of x, and cells
  float* y;
  std::uint64_t y_stride;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t line, std::uint64_t i) {
      const std::uint64_t image = line / height;
      const std::uint64_t column = i * V / channels;
      const std::uint64_t channel = i * V - column * channels;
      const std::uint64_t pitch = x_width * channels;
      const float* const cell = x + (image * x_height + 2 * (line - image * height)) * pitch + 2 * column * channels + channel;
      floats<V> largest = load_floats<V>(cell);
      take(largest, load_floats<V>(cell + channels));
      take(largest, load_floats<V>(cell + pitch));
      take(largest, load_floats<V>(cell + pitch + channels));
      store_floats(y + (line * width + column) * y_stride + channel, largest);
    });
  }

 private:
  static HEDDLE_DEVICE void take(floats<V>& largest, const floats<V>& value) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned k = 0; k < V; ++k) largest[k] = heddle::detail::larger{}(largest[k], value[k]);
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::copy_pixels, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static void run(context<backend_type> ctx, const pixel_view<const float>& x, const pixel_view<float>& y) {
    device::require_device_pointer("copy_pixels", "x", x.data_handle());
    device::require_device_pointer("copy_pixels", "y", y.data_handle());
    if (x.extent(2) % 4 == 0 && vectors(x) && vectors(y)) {
      launch<4>(ctx.backend.stream, x, y);
    } else {
      launch<1>(ctx.backend.stream, x, y);
    }
  }

 private:
  template <class View>
  static bool vectors(const View& v) noexcept {
    return device::rows_of_vectors(v.data_handle(), v.stride(0), v.extent(0)) &&
           device::rows_of_vectors(v.data_handle(), v.stride(1), v.extent(1));
  }

  template <unsigned V>
  static void launch(device::stream stream, const pixel_view<const float>& x, const pixel_view<float>& y) {
    using functor = device::copy_pixels_between<V>;
    const device::row_tiling<functor::threads> tiling(x.extent(0), x.extent(1) * x.extent(2) / V);
    device::launch(
        stream, tiling.grid(), 0,
        functor{tiling, x.extent(2), x.data_handle(), x.stride(0), x.stride(1), y.data_handle(), y.stride(0), y.stride(1)});
  }
};

template <class Arch>
struct kernel<op::max_pool, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static void run(context<backend_type> ctx, const map_view<const float>& x, const matrix_view<float>& y) {
    device::require_device_pointer("max_pool", "x", x.data_handle());
    device::require_device_pointer("max_pool", "y", y.data_handle());
    if (device::rows_of_vectors(x.data_handle(), 0, 1) && device::rows_of_vectors(y)) {
      launch<4>(ctx.backend.stream, x, y);
    } else {
      launch<1>(ctx.backend.stream, x, y);
    }
  }

 private:
  template <unsigned V>
  static void launch(device::stream stream, const map_view<const float>& x, const matrix_view<float>& y) {
    using functor = device::largest_of_cells<V>;
    const std::size_t height = x.extent(1) / 2;
    const std::size_t width = x.extent(2) / 2;
    const device::row_tiling<functor::threads> tiling(x.extent(0) * height, width * x.extent(3) / V);
    device::launch(
        stream, tiling.grid(), 0,
        functor{tiling, x.data_handle(), x.extent(1), x.extent(2), height, width, x.extent(3), y.data_handle(), y.stride(0)});
  }
};

}  // namespace heddle::inline v0
