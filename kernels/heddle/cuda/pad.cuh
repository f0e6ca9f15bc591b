/// @file
/// `pad` on a device: rows of the result are copied in vectors; only what lies outside the map asks the mode where it comes from.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/pad.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// One row of `y` (all its columns and channels) is one row of the tiling.
template <class Mode, unsigned V>
struct pad_rows {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;
  const float* x;
  float* y;
  std::uint64_t x_height, x_width, y_height, channels;
  std::uint64_t top, left;

  HEDDLE_DEVICE void operator()() const {
    const std::uint64_t pitch = x_width * channels;
    tiling.for_each([&](std::uint64_t row, std::uint64_t vector) {
      const std::uint64_t image = row / y_height;
      const std::int64_t line = source(row - image * y_height, top, x_height);
      // Where the row of x would begin in the row of y, everything is at its own place.
      std::int64_t element = static_cast<std::int64_t>(vector * V) - static_cast<std::int64_t>(left * channels);
      if (element < 0 || element >= static_cast<std::int64_t>(pitch)) element = outside(vector * V);
      const bool zero = line < 0 || element < 0;
      const floats<V> value = zero ? same_floats<V>(0.0F)
                                   : load_floats<V>(x + (image * x_height + static_cast<std::uint64_t>(line)) * pitch +
                                                    static_cast<std::uint64_t>(element));
      store_floats(y + (row * tiling.vectors + vector) * V, value);
    });
  }

 private:
  static HEDDLE_DEVICE std::int64_t source(std::uint64_t i, std::uint64_t before, std::uint64_t n) {
    return Mode::source(static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(before), static_cast<std::ptrdiff_t>(n));
  }

  HEDDLE_DEVICE std::int64_t outside(std::uint64_t element) const {
    const std::uint64_t column = element / channels;
    const std::int64_t from = source(column, left, x_width);
    return from < 0 ? -1 : from * static_cast<std::int64_t>(channels) + static_cast<std::int64_t>(element - column * channels);
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::pad, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  template <class Mode>
  static void run(context<backend_type> ctx, const map_view<const float>& x, const map_view<float>& y, const pad_sides& sides) {
    device::require_device_pointer("pad", "x", x.data_handle());
    device::require_device_pointer("pad", "y", y.data_handle());
    const bool vectors = x.extent(3) % 4 == 0 && device::rows_of_vectors(x.data_handle(), 0, 1) &&
                         device::rows_of_vectors(y.data_handle(), 0, 1);
    if (vectors) {
      launch<Mode, 4>(ctx.backend.stream, x, y, sides);
    } else {
      launch<Mode, 1>(ctx.backend.stream, x, y, sides);
    }
  }

 private:
  template <class Mode, unsigned V>
  static void launch(device::stream stream, const map_view<const float>& x, const map_view<float>& y, const pad_sides& sides) {
    using functor = device::pad_rows<Mode, V>;
    const device::row_tiling<functor::threads> tiling(y.extent(0) * y.extent(1), y.extent(2) * y.extent(3) / V);
    device::launch(stream, tiling.grid(), 0,
                   functor{tiling, x.data_handle(), y.data_handle(), x.extent(1), x.extent(2), y.extent(1), x.extent(3),
                           sides.top, sides.left});
  }
};

}  // namespace heddle::inline v0
