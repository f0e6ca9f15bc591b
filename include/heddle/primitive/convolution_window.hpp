/// @file
/// The windows of convolutions: size, stride and zero padding along the axes of a map or of a volume of frames.
#pragma once

#include <cstddef>

#include "../core/view.hpp"

namespace heddle::inline v0 {

/// A map whose channel count is known at run time: `[batch, height, width, channels]`, row-major.
template <class T>
using map_view = view<T, dynamic_extents<4>>;

/// Frames of maps: `[batch, frames, height, width, channels]`, row-major.
template <class T>
using volume_view = view<T, dynamic_extents<5>>;

/// A convolution's window along one axis.
struct window_axis {
  std::size_t size = 1;
  std::size_t stride = 1;
  std::size_t before = 0;  ///< zeros in front of the first element
  std::size_t after = 0;   ///< zeros behind the last one

  /// Outputs for `n` inputs. @throws shape_error if the window does not fit into the padded axis
  constexpr std::size_t output(std::size_t n) const {
    const std::size_t padded = n + before + after;
    if (padded < size) detail::raise_shape("convolve: x", "padded rows or columns at least", size, padded);
    return (padded - size) / stride + 1;
  }
  /// True where every output is its own input.
  constexpr bool is_trivial() const noexcept { return size == 1 && stride == 1 && before == 0 && after == 0; }

  /// Zeros of half the size on both sides: an odd size with stride 1 keeps the length.
  static constexpr window_axis centred(std::size_t size, std::size_t stride = 1) { return {size, stride, size / 2, size / 2}; }
};

/// Size, stride and zero padding of a convolution's window on a map.
struct convolution_window {
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t stride = 1;
  std::size_t top = 0;   ///< rows of zeros above the map
  std::size_t left = 0;  ///< columns of zeros left of it
  std::size_t bottom = 0;
  std::size_t right = 0;

  constexpr window_axis rows() const noexcept { return {height, stride, top, bottom}; }
  constexpr window_axis columns() const noexcept { return {width, stride, left, right}; }

  /// Output rows for `n` input rows. @throws shape_error if the window does not fit into the padded map
  constexpr std::size_t output_height(std::size_t n) const { return rows().output(n); }
  /// Output columns for `n` input columns. @throws shape_error if the window does not fit into the padded map
  constexpr std::size_t output_width(std::size_t n) const { return columns().output(n); }

  /// Same padding on all sides.
  static constexpr convolution_window square(std::size_t size, std::size_t stride, std::size_t padding) {
    return {size, size, stride, padding, padding, padding, padding};
  }
};

/// Size, stride and zero padding of a convolution's window on a volume. A sequence is a volume of one row and one column.
struct volume_window {
  window_axis frames{};
  window_axis rows{};
  window_axis columns{};

  /// Elements of the window.
  constexpr std::size_t size() const noexcept { return frames.size * rows.size * columns.size; }
  /// The shape of the output for an input `[batch, frames, height, width, channels]`, with as many channels.
  /// @throws shape_error if the window does not fit into the padded volume
  constexpr dynamic_extents<5> output_extents(const dynamic_extents<5>& x) const {
    return dynamic_extents<5>(x.extent(0), frames.output(x.extent(1)), rows.output(x.extent(2)), columns.output(x.extent(3)),
                              x.extent(4));
  }

  /// A window on maps, every image a frame of its own.
  static constexpr volume_window of(const convolution_window& w) noexcept { return {{}, w.rows(), w.columns()}; }
  /// Odd sizes with half of them as padding: an output for every input.
  static constexpr volume_window centred(std::size_t frames, std::size_t rows, std::size_t columns) {
    return {window_axis::centred(frames), window_axis::centred(rows), window_axis::centred(columns)};
  }
};

}  // namespace heddle::inline v0
