/// @file
/// The rows of a convolution's matrix product: every output position's window, found in the map while it is read.
#pragma once

#include <heddle/primitive/convolve.hpp>

#include "gemm_source.cuh"

namespace heddle::inline v0 {

namespace device {

/// Windows of a map as rows of a product (see `row_source`). Where no padding lies beside the map, the taps of one window row
/// follow each other in memory and are one run: an embedding of patches reads whole rows of them.
struct window_source {
  using element = float;
  const float* data = nullptr;
  std::int64_t positions = 0;
  std::int64_t row_pitch = 0;  ///< elements of one row of the map
  std::uint32_t height = 0;    ///< of the map
  std::uint32_t width = 0;
  std::uint32_t channels = 0;
  std::uint32_t output_height = 0;
  std::uint32_t output_width = 0;
  std::uint32_t stride = 1;
  std::uint32_t top = 0;
  std::uint32_t left = 0;
  std::uint32_t run = 0;           ///< inputs that follow each other in memory
  std::uint32_t window_pitch = 0;  ///< inputs of one row of the window
  std::uint32_t inputs = 0;
  bool vectors = false;

  struct row_state {
    std::int64_t offset;  ///< of the window's first element, which may lie outside
    std::int32_t row;
    std::int32_t column;
  };
  struct place {
    std::int64_t offset;  ///< from there
    std::int32_t row;
    std::int32_t column;
    std::uint32_t left;
  };

  HEDDLE_DEVICE row_state row(std::int64_t position) const {
    if (position >= positions) return {0, outside, 0};
    const std::int64_t line = position / output_width;
    const auto j = static_cast<std::uint32_t>(position % output_width);
    const std::int64_t image = line / output_height;
    const auto i = static_cast<std::uint32_t>(line % output_height);
    const auto row = static_cast<std::int32_t>(i * stride) - static_cast<std::int32_t>(top);
    const auto column = static_cast<std::int32_t>(j * stride) - static_cast<std::int32_t>(left);
    return {(image * height + row) * row_pitch + static_cast<std::int64_t>(column) * channels, row, column};
  }
  HEDDLE_DEVICE place at(std::uint32_t k) const {
    if (k >= inputs) return {0, 0, 0, 0};
    const std::uint32_t window_row = k / window_pitch;
    const std::uint32_t inside = k % window_pitch;
    const std::uint32_t tap = inside / run;
    return {window_row * row_pitch + inside, static_cast<std::int32_t>(window_row), static_cast<std::int32_t>(tap),
            run - inside % run};
  }
  HEDDLE_DEVICE std::uint32_t find(const row_state& r, const place& p, const float*& from) const {
    const bool inside =
        static_cast<std::uint32_t>(r.row + p.row) < height && static_cast<std::uint32_t>(r.column + p.column) < width;
    from = data + (inside ? r.offset + p.offset : 0);
    return inside ? p.left : 0;
  }

  /// The windows of `x`, without the address.
  static window_source of(const dynamic_extents<4>& x, const convolution_window& window) {
    window_source s;
    const auto narrow = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
    s.height = narrow(x.extent(1));
    s.width = narrow(x.extent(2));
    s.channels = narrow(x.extent(3));
    s.row_pitch = static_cast<std::int64_t>(x.extent(2) * x.extent(3));
    s.output_height = narrow(window.output_height(x.extent(1)));
    s.output_width = narrow(window.output_width(x.extent(2)));
    s.positions = static_cast<std::int64_t>(x.extent(0) * s.output_height * s.output_width);
    s.stride = narrow(window.stride);
    s.top = narrow(window.top);
    s.left = narrow(window.left);
    s.window_pitch = narrow(window.width * x.extent(3));
    s.inputs = narrow(window.height) * s.window_pitch;
    const bool in_one_run = window.left == 0 && window.right == 0;
    s.run = in_one_run ? s.window_pitch : s.channels;
    s.vectors = s.run % 4 == 0 && s.row_pitch % 4 == 0 && (s.channels * s.stride) % 4 == 0;
    return s;
  }

 private:
  static constexpr std::int32_t outside = -0x40000000;
};

}  // namespace device

}  // namespace heddle::inline v0
