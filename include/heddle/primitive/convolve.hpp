/// @file
/// `convolve`: dense, pointwise and depthwise two-dimensional convolutions of maps in token order.
#pragma once

#include <cstddef>
#include <span>

#include "gemm.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::convolve`.
struct convolve {};
/// Tag of `heddle::convolve_depthwise`.
struct depthwise {};
}  // namespace op

/// A map whose channel count is known at run time: `[batch, height, width, channels]`, row-major.
template <class T>
using map_view = view<T, dynamic_extents<4>>;

/// Size, stride and zero padding of a convolution's window.
struct convolution_window {
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t stride = 1;
  std::size_t top = 0;      ///< rows of zeros above the map
  std::size_t left = 0;     ///< columns of zeros left of it
  std::size_t bottom = 0;
  std::size_t right = 0;

  /// Output rows for `n` input rows. @throws shape_error if the window does not fit into the padded map
  constexpr std::size_t output_height(std::size_t n) const { return output(n + top + bottom, height); }
  /// Output columns for `n` input columns. @throws shape_error if the window does not fit into the padded map
  constexpr std::size_t output_width(std::size_t n) const { return output(n + left + right, width); }

  /// Same padding on all sides.
  static constexpr convolution_window square(std::size_t size, std::size_t stride, std::size_t padding) {
    return {size, size, stride, padding, padding, padding, padding};
  }

 private:
  constexpr std::size_t output(std::size_t padded, std::size_t size) const {
    if (padded < size) detail::raise_shape("convolve: x", "padded rows or columns at least", size, padded);
    return (padded - size) / stride + 1;
  }
};

/// Brings a depthwise weight, given as `[channels, window elements]` (the official `(C, 1, kh, kw)`), and an optional bias
/// into the layout of `Backend`: `outputs` is the number of channels, `inputs` that of window elements.
/// @throws shape_error if the bias has another length
template <class Backend>
dense_weight prepare_depthwise(const Backend&, matrix_view<const float> weight, std::span<const float> bias = {}) {
  if (!bias.empty()) require_extent("bias", "channels", weight.extent(0), bias.size());
  return kernel<op::depthwise, Backend>::prepare(weight, bias);
}

namespace detail {
inline void check_convolve(const map_view<const float>& x, const map_view<float>& y, const convolution_window& window,
                           const matrix_view<const float>& residual) {
  require_extent("convolve: y", "images", x.extent(0), y.extent(0));
  require_extent("convolve: y", "rows", window.output_height(x.extent(1)), y.extent(1));
  require_extent("convolve: y", "columns", window.output_width(x.extent(2)), y.extent(2));
  if (residual.data_handle() != nullptr) {
    require_extent("convolve: residual", "positions", y.extent(0) * y.extent(1) * y.extent(2), residual.extent(0));
    require_extent("convolve: residual", "channels", y.extent(3), residual.extent(1));
  }
}
}  // namespace detail

/// Dense convolution as an implicit matrix product: `y = residual + activation(conv(x) + bias)`.
///
/// The weight is prepared by `prepare_dense` from `[out channels, window rows * window columns * in channels]` (note the
/// order: channels vary fastest). `residual` is `[batch * out height * out width, out channels]`, none if default-made, and
/// may be the rows of `y`. `y` must not overlap `x`. Scratch: `convolve_bytes`.
/// @throws shape_error, weight_error, workspace_error before any work
template <class Backend, class Activation = identity>
void convolve(context<Backend> ctx, map_view<const float> x, const dense_weight& weight, const convolution_window& window,
              map_view<float> y, Activation activation = {}, matrix_view<const float> residual = {}) {
  detail::check_convolve(x, y, window, residual);
  require_extent("convolve: x", "channels", weight.inputs, window.height * window.width * x.extent(3));
  require_extent("convolve: y", "channels", weight.outputs, y.extent(3));
  detail::require_prepared<kernel<op::gemm, Backend>>(weight);
  kernel<op::convolve, Backend>::run(ctx, x, weight, window, y, activation, residual);
}

/// Scratch bytes of `convolve` for an input of `[batch, height, width, channels]`.
template <class Backend>
constexpr std::size_t convolve_bytes(const Backend& backend, const dynamic_extents<4>& x, const convolution_window& window) {
  return kernel<op::convolve, Backend>::bytes(backend, x, window);
}

/// Depthwise convolution: every channel with its own window; `y = activation(conv(x) + bias)`. No scratch. `y` must not
/// overlap `x`. @throws shape_error, weight_error before any work
template <class Backend, class Activation = identity>
void convolve_depthwise(context<Backend> ctx, map_view<const float> x, const dense_weight& weight, const convolution_window& window,
                        map_view<float> y, Activation activation = {}) {
  detail::check_convolve(x, y, window, {});
  require_extent("convolve_depthwise: window", "elements", weight.inputs, window.height * window.width);
  require_extent("convolve_depthwise: x", "channels", weight.outputs, x.extent(3));
  require_extent("convolve_depthwise: y", "channels", weight.outputs, y.extent(3));
  detail::require_prepared<kernel<op::depthwise, Backend>>(weight);
  kernel<op::depthwise, Backend>::run(ctx, x, weight, window, y, activation);
}

}  // namespace heddle::inline v0
