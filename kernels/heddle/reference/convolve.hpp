/// @file
/// `convolve` as its definition reads: every output visits its window, taps outside the map are zero.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/convolve.hpp>

#include "gemm.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Calls `f(tap, row, column)` for every tap of the window of output (`i`, `j`) that lies inside the map.
template <class F>
void for_each_tap(const map_view<const float>& x, const convolution_window& window, std::size_t i, std::size_t j, F&& f) {
  for (std::size_t ky = 0; ky < window.height; ++ky)
    for (std::size_t kx = 0; kx < window.width; ++kx) {
      const std::size_t row = i * window.stride + ky;
      const std::size_t column = j * window.stride + kx;
      if (row < window.top || row - window.top >= x.extent(1)) continue;
      if (column < window.left || column - window.left >= x.extent(2)) continue;
      f(ky * window.width + kx, row - window.top, column - window.left);
    }
}

}  // namespace detail

template <>
struct kernel<op::convolve, reference> {
  static constexpr std::size_t bytes(const reference&, const dynamic_extents<4>&, const convolution_window&) noexcept { return 0; }

  template <class Activation>
  static void run(context<reference>, const map_view<const float>& x, const dense_weight& weight, const convolution_window& window,
                  const map_view<float>& y, Activation activation, matrix_view<const float> residual) {
    const std::size_t channels = x.extent(3);
    std::size_t position = 0;
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t i = 0; i < y.extent(1); ++i)
        for (std::size_t j = 0; j < y.extent(2); ++j, ++position)
          for (std::size_t n = 0; n < weight.outputs; ++n) {
            double sum = weight.bias == nullptr ? 0.0 : static_cast<double>(weight.bias[n]);
            detail::for_each_tap(x, window, i, j, [&](std::size_t tap, std::size_t row, std::size_t column) {
              const float* const w = weight.data + n * weight.inputs + tap * channels;
              for (std::size_t c = 0; c < channels; ++c) sum += static_cast<double>(x(b, row, column, c)) * static_cast<double>(w[c]);
            });
            const double base = residual.data_handle() == nullptr ? 0.0 : static_cast<double>(residual(position, n));
            y(b, i, j, n) = static_cast<float>(base + activation(sum));
          }
  }
};

template <>
struct kernel<op::depthwise, reference> {
  static constexpr std::uint32_t format = kernel<op::gemm, reference>::format;

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    return kernel<op::gemm, reference>::prepare(weight, bias);
  }

  template <class Activation>
  static void run(context<reference>, const map_view<const float>& x, const dense_weight& weight, const convolution_window& window,
                  const map_view<float>& y, Activation activation) {
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t i = 0; i < y.extent(1); ++i)
        for (std::size_t j = 0; j < y.extent(2); ++j)
          for (std::size_t c = 0; c < y.extent(3); ++c) {
            double sum = weight.bias == nullptr ? 0.0 : static_cast<double>(weight.bias[c]);
            detail::for_each_tap(x, window, i, j, [&](std::size_t tap, std::size_t row, std::size_t column) {
              sum += static_cast<double>(x(b, row, column, c)) * static_cast<double>(weight.data[c * weight.inputs + tap]);
            });
            y(b, i, j, c) = static_cast<float>(activation(sum));
          }
  }
};

}  // namespace heddle::inline v0
