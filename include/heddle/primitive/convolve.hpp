/// @file
/// `convolve`: dense and pointwise convolutions of maps, depthwise ones of maps and volumes, all in token order.
#pragma once

#include <cstddef>
#include <span>

#include "convolution_window.hpp"
#include "gemm.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::convolve`.
struct convolve {};
/// Tag of `heddle::convolve_depthwise`.
struct depthwise {};
}  // namespace op

/// Brings a depthwise weight, given as `[channels, window elements]` (the official `(C, 1, kh, kw)` or `(C, 1, kt, kh, kw)`), and an optional bias
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

namespace detail {
template <class Backend, class T, class Activation>
void convolve_depthwise(const context<Backend>& ctx, const volume_view<const T>& x, const dense_weight& weight,
                        const volume_window& window, const volume_view<T>& y, Activation activation,
                        const matrix_view<const T>& residual) {
  constexpr const char* axes[] = {"images", "frames", "rows", "columns", "channels"};
  const dynamic_extents<5> expected = window.output_extents(x.extents());
  for (std::size_t r = 0; r < 5; ++r) require_extent("convolve_depthwise: y", axes[r], expected.extent(r), y.extent(r));
  require_extent("convolve_depthwise: window", "elements", weight.inputs, window.size());
  require_extent("convolve_depthwise: x", "channels", weight.outputs, x.extent(4));
  if (residual.data_handle() != nullptr) {
    require_extent("convolve_depthwise: residual", "positions", y.extent(0) * y.extent(1) * y.extent(2) * y.extent(3),
                   residual.extent(0));
    require_extent("convolve_depthwise: residual", "channels", y.extent(4), residual.extent(1));
  }
  require_prepared<kernel<op::depthwise, Backend>>(weight);
  kernel<op::depthwise, Backend>::run(ctx, x, weight, window, y, activation, residual);
}

/// A map as a volume of one frame.
template <class T>
volume_view<T> one_frame(const map_view<T>& map) {
  return volume_view<T>(map.data_handle(), dynamic_extents<5>(map.extent(0), 1, map.extent(1), map.extent(2), map.extent(3)));
}
}  // namespace detail

/// Depthwise convolution of a volume: every channel with its own window;
/// `y[b, t, i, j, c] = residual + activation(bias[c] + sum_{u, v, w} weight[c, u, v, w] x[b, st t + u - pt, si i + v - pi, sj j + w - pj, c])`.
///
/// Taps outside the volume are zero. `residual` is `[positions of y, channels]`, none if default-made, and may be the rows
/// of `y`. No scratch. `y` must not overlap `x`. @throws shape_error, weight_error before any work
template <class Backend, class Activation = identity>
void convolve_depthwise(context<Backend> ctx, volume_view<const float> x, const dense_weight& weight,
                        const volume_window& window, volume_view<float> y, Activation activation = {},
                        matrix_view<const float> residual = {}) {
  detail::convolve_depthwise(ctx, x, weight, window, y, activation, residual);
}

/// The same for a volume of bfloat16: weights, bias and sums are floats, what comes out is rounded once.
template <class Backend, class Activation = identity>
void convolve_depthwise(context<Backend> ctx, volume_view<const bfloat16> x, const dense_weight& weight,
                        const volume_window& window, volume_view<bfloat16> y, Activation activation = {},
                        matrix_view<const bfloat16> residual = {}) {
  detail::convolve_depthwise(ctx, x, weight, window, y, activation, residual);
}

/// The same for a map.
template <class Backend, class Activation = identity>
void convolve_depthwise(context<Backend> ctx, map_view<const float> x, const dense_weight& weight,
                        const convolution_window& window, map_view<float> y, Activation activation = {},
                        matrix_view<const float> residual = {}) {
  detail::convolve_depthwise(ctx, detail::one_frame(x), weight, volume_window::of(window), detail::one_frame(y), activation,
                             residual);
}

/// The same for a map of bfloat16.
template <class Backend, class Activation = identity>
void convolve_depthwise(context<Backend> ctx, map_view<const bfloat16> x, const dense_weight& weight,
                        const convolution_window& window, map_view<bfloat16> y, Activation activation = {},
                        matrix_view<const bfloat16> residual = {}) {
  detail::convolve_depthwise(ctx, detail::one_frame(x), weight, volume_window::of(window), detail::one_frame(y), activation,
                             residual);
}

}  // namespace heddle::inline v0
