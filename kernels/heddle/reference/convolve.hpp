/// @file
/// `convolve` as its definition reads: every output visits its window, taps outside the map are zero.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/convolve.hpp>

#include "gemm.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Calls `f(tap, element)` for every tap `[0, axis.size)` of output `i` whose element lies among the `n` of the axis.
template <class F>
void for_each_tap(const window_axis& axis, std::size_t n, std::size_t i, F&& f) {
  for (std::size_t tap = 0; tap < axis.size; ++tap) {
    const std::size_t at = i * axis.stride + tap;
    if (at >= axis.before && at - axis.before < n) f(tap, at - axis.before);
  }
}

}  // namespace detail

template <>
struct kernel<op::convolve, reference> {
  static constexpr std::size_t bytes(const reference&, const dynamic_extents<4>&, const convolution_window&) noexcept {
    return 0;
  }

  template <class Activation>
  static void run(context<reference>, const map_view<const float>& x, const dense_weight& weight,
                  const convolution_window& window, const map_view<float>& y, Activation activation,
                  matrix_view<const float> residual) {
    const std::size_t channels = x.extent(3);
    std::size_t position = 0;
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t i = 0; i < y.extent(1); ++i)
        for (std::size_t j = 0; j < y.extent(2); ++j, ++position)
          for (std::size_t n = 0; n < weight.outputs; ++n) {
            double sum = weight.bias == nullptr ? 0.0 : static_cast<double>(weight.bias[n]);
            detail::for_each_tap(window.rows(), x.extent(1), i, [&](std::size_t ky, std::size_t row) {
              detail::for_each_tap(window.columns(), x.extent(2), j, [&](std::size_t kx, std::size_t column) {
                const float* const w = weight.data + n * weight.inputs + (ky * window.width + kx) * channels;
                for (std::size_t c = 0; c < channels; ++c)
                  sum += static_cast<double>(x(b, row, column, c)) * static_cast<double>(w[c]);
              });
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

  template <class T, class Activation>
  static void run(context<reference>, const volume_view<const T>& x, const dense_weight& weight, const volume_window& window,
                  const volume_view<T>& y, Activation activation, matrix_view<const T> residual) {
    std::size_t position = 0;
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t t = 0; t < y.extent(1); ++t)
        for (std::size_t i = 0; i < y.extent(2); ++i)
          for (std::size_t j = 0; j < y.extent(3); ++j, ++position)
            for (std::size_t c = 0; c < y.extent(4); ++c) {
              const double base =
                  residual.data_handle() == nullptr ? 0.0 : static_cast<double>(static_cast<float>(residual(position, c)));
              y(b, t, i, j, c) = T(static_cast<float>(base + activation(one_sum(x, weight, window, b, t, i, j, c))));
            }
  }

 private:
  template <class T>
  static double one_sum(const volume_view<const T>& x, const dense_weight& weight, const volume_window& window, std::size_t b,
                        std::size_t t, std::size_t i, std::size_t j, std::size_t c) {
    double sum = weight.bias == nullptr ? 0.0 : static_cast<double>(weight.bias[c]);
    detail::for_each_tap(window.frames, x.extent(1), t, [&](std::size_t kt, std::size_t frame) {
      detail::for_each_tap(window.rows, x.extent(2), i, [&](std::size_t ky, std::size_t row) {
        detail::for_each_tap(window.columns, x.extent(3), j, [&](std::size_t kx, std::size_t column) {
          const std::size_t tap = (kt * window.rows.size + ky) * window.columns.size + kx;
          sum += static_cast<double>(static_cast<float>(x(b, frame, row, column, c))) *
                 static_cast<double>(weight.data[c * weight.inputs + tap]);
        });
      });
    });
    return sum;
  }
};

}  // namespace heddle::inline v0
