/// @file
/// `gemm`: rows times a weight matrix, the primitive under linear layers, pointwise convolutions and patch embeddings.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "../core/context.hpp"
#include "../core/dtype.hpp"
#include "../core/shared_owner.hpp"
#include "activation.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::gemm`.
struct gemm {};
/// Tag of `heddle::gemm` with weights of bfloat16.
struct gemm_bf16 {};
}  // namespace op

/// A weight matrix `[outputs, inputs]` and its bias in the form that one backend's `gemm` reads. Made once, at load, by
/// `prepare_dense`; copies share the memory.
struct dense_weight {
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  const float* data = nullptr;  ///< the kernel's own layout (row-major `[outputs, inputs]` for `reference`)
  const float* bias = nullptr;  ///< `[outputs]` (padded as the kernel needs), or null
  std::uint32_t format = 0;     ///< identifies the layout; 0: not prepared
  shared_owner owner{};         ///< keeps `data` and `bias` alive
};

/// A run of `length` inputs that every row finds at `data + row * row_stride`.
struct row_segment {
  const float* data = nullptr;
  std::size_t row_stride = 0;
  std::size_t length = 0;
};

/// Rows whose inputs lie in several places: the concatenation of `segments`, never copied together. Rows may overlap
/// (`row_stride < length`), which is how a convolution reads its taps.
struct segmented_rows {
  std::size_t rows = 0;
  std::span<const row_segment> segments{};
};

/// Brings a weight matrix `[outputs, inputs]` and an optional bias (empty span: none) into the layout of `Backend`.
/// Allocates; call it at load. @throws shape_error if the bias has another length than `outputs`.
template <class Backend>
dense_weight prepare_dense(const Backend&, matrix_view<const float> weight, std::span<const float> bias = {}) {
  if (!bias.empty()) require_extent("bias", "outputs", weight.extent(0), bias.size());
  return kernel<op::gemm, Backend>::prepare(weight, bias);
}

namespace detail {
template <class Kernel>
void require_prepared(const dense_weight& weight) {
  if (weight.format != Kernel::format)
    raise<weight_error>(
        "weights: not prepared for the backend that runs them; call heddle::prepare<Backend>(model) after binding");
}
}  // namespace detail

/// `y[r, n] = residual[r, n] + activation(sum_k x[r, k] * weight[n, k] + bias[n])`.
///
/// @param x         rows, `[rows, inputs]`, in one or several segments
/// @param weight    prepared for this backend
/// @param y         `[rows, outputs]`
/// @param activation element-wise policy (`identity`, `gelu`, ...), inlined into the epilogue
/// @param residual  `[rows, outputs]`; may be `y` itself; a default-made view means none
/// @throws shape_error, weight_error before any work
template <class Backend, class Activation = identity>
void gemm(context<Backend> ctx, const segmented_rows& x, const dense_weight& weight, matrix_view<float> y,
          Activation activation = {}, matrix_view<const float> residual = {}) {
  using implementation = kernel<op::gemm, Backend>;
  std::size_t inputs = 0;
  for (const row_segment& s : x.segments) inputs += s.length;
  require_extent("gemm: x", "inputs", weight.inputs, inputs);
  require_extent("gemm: y", "rows", x.rows, y.extent(0));
  require_extent("gemm: y", "outputs", weight.outputs, y.extent(1));
  if (residual.data_handle() != nullptr) {
    require_extent("gemm: residual", "rows", x.rows, residual.extent(0));
    require_extent("gemm: residual", "outputs", weight.outputs, residual.extent(1));
  }
  detail::require_prepared<implementation>(weight);
  implementation::run(ctx, x, weight, y, activation, residual);
}

/// The same for rows in one piece.
template <class Backend, class Activation = identity>
void gemm(context<Backend> ctx, matrix_view<const float> x, const dense_weight& weight, matrix_view<float> y,
          Activation activation = {}, matrix_view<const float> residual = {}) {
  const row_segment whole{x.data_handle(), x.stride(0), x.extent(1)};
  gemm(ctx, segmented_rows{x.extent(0), std::span<const row_segment>(&whole, 1)}, weight, y, activation, residual);
}

/// Floats that `scale_inputs` needs for its copy of a weight matrix `[outputs, inputs]`.
template <class Backend>
constexpr std::size_t scaled_weight_size(const Backend&, std::size_t outputs, std::size_t inputs) {
  return kernel<op::gemm, Backend>::scaled_size(outputs, inputs);
}

/// The prepared weight with every input column `k` multiplied by `scale[k]`, written to `storage` (aligned to a cache line,
/// `scaled_weight_size` floats, kept alive by the caller). This is how the gate of squeeze-and-excitation reaches the product
/// without another pass over the map. @throws shape_error, weight_error before any work
template <class Backend>
dense_weight scale_inputs(const Backend& backend, const dense_weight& weight, std::span<const float> scale, float* storage) {
  using implementation = kernel<op::gemm, Backend>;
  require_extent("scale_inputs: scale", "inputs", weight.inputs, scale.size());
  detail::require_prepared<implementation>(weight);
  if constexpr (requires { implementation::scale_inputs(backend, weight, scale, storage); }) {  // puts work into a stream
    return implementation::scale_inputs(backend, weight, scale, storage);
  } else {
    return implementation::scale_inputs(weight, scale, storage);
  }
}

/// Floats that `prepare_dense_in` needs for a weight matrix `[outputs, inputs]`.
template <class Backend>
constexpr std::size_t dense_weight_size(const Backend&, std::size_t outputs, std::size_t inputs) {
  return kernel<op::gemm, Backend>::size_in(outputs, inputs);
}

/// As `prepare_dense` without a bias, into `storage` (aligned to a cache line, `dense_weight_size` floats, kept alive by the
/// caller) and without an allocation: for matrices that are results themselves. `weight` may have any strides, so that a
/// matrix `[inputs, outputs]` is given transposed.
template <class Backend>
dense_weight prepare_dense_in(const Backend& backend, matrix_view<const float> weight, float* storage) {
  using implementation = kernel<op::gemm, Backend>;
  if constexpr (requires { implementation::prepare_in(backend, weight, storage); }) {  // puts work into a stream
    return implementation::prepare_in(backend, weight, storage);
  } else {
    return implementation::prepare_in(weight, storage);
  }
}

/// A weight matrix `[outputs, inputs]` rounded to bfloat16, and its bias in float, in the form that `gemm` reads: half the
/// memory of a `dense_weight`, and products of 16 bits where the processor has them. Made once, at load, by
/// `prepare_bf16`; copies share the memory.
struct bf16_weight {
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  const std::uint32_t* data = nullptr;  ///< pairs of elements in the kernel's own layout
  const float* bias = nullptr;          ///< padded as the kernel needs; zeros where there is none
  bool biased = false;                  ///< there is a bias
  std::uint32_t format = 0;             ///< identifies the layout; 0: not prepared
  shared_owner owner{};                 ///< keeps `data` and `bias` alive
};

namespace detail {
template <class T>
inline constexpr bool gemm_bf16_rows = std::is_same_v<T, float> || std::is_same_v<T, bfloat16>;
}

/// Rounds a weight matrix `[outputs, inputs]` of float, bfloat16 or half to bfloat16 and brings it into the layout of
/// `Backend`. Allocates; call it at load. @throws shape_error if the bias (empty: none) has another length than `outputs`.
template <class Backend, class T>
bf16_weight prepare_bf16(const Backend&, matrix_view<T> weight, std::span<const float> bias = {}) {
  static_assert(std::is_convertible_v<T, float>, "heddle::prepare_bf16: weights are float, bfloat16 or half");
  if (!bias.empty()) require_extent("bias", "outputs", weight.extent(0), bias.size());
  return kernel<op::gemm_bf16, Backend>::prepare(weight, bias);
}

/// Scratch of `gemm` with a `bf16_weight`: rows of inputs are brought into the layout of the products.
template <class Backend>
constexpr std::size_t gemm_bytes(const Backend& backend, const bf16_weight& weight, std::size_t rows) {
  return for_each_bytes(backend, kernel<op::gemm_bf16, Backend>::worker_bytes(weight.inputs, rows));
}

/// `y[r, n] = residual[r, n] + activation(sum_k x[r, k] * weight[n, k] + bias[n])` with `x` and `weight` rounded to bfloat16;
/// sums, bias, activation and residual are float, the result is rounded to the type of `y`.
///
/// @param x         `[rows, inputs]` of float or bfloat16
/// @param weight    prepared for this backend
/// @param y         `[rows, outputs]` of float or bfloat16
/// @param residual  `[rows, outputs]` of the type of `y`; may be `y` itself; a default-made view means none
/// Denormal numbers may be taken for zeros. `ctx.scratch` must have `gemm_bytes`.
/// @throws shape_error, weight_error, workspace_error before any work
template <class Backend, class X, class Y, class Activation = identity>
void gemm(context<Backend> ctx, matrix_view<X> x, const bf16_weight& weight, matrix_view<Y> y, Activation activation = {},
          std::type_identity_t<matrix_view<const Y>> residual = {}) {
  static_assert(detail::gemm_bf16_rows<std::remove_const_t<X>> && detail::gemm_bf16_rows<Y>,
                "heddle::gemm: with weights of bfloat16, rows are float or bfloat16");
  using implementation = kernel<op::gemm_bf16, Backend>;
  require_extent("gemm: x", "inputs", weight.inputs, x.extent(1));
  require_extent("gemm: y", "rows", x.extent(0), y.extent(0));
  require_extent("gemm: y", "outputs", weight.outputs, y.extent(1));
  if (residual.data_handle() != nullptr) {
    require_extent("gemm: residual", "rows", x.extent(0), residual.extent(0));
    require_extent("gemm: residual", "outputs", weight.outputs, residual.extent(1));
  }
  if (weight.format != implementation::format)
    detail::raise<weight_error>("weights: not prepared for the backend that runs them; call heddle::prepare_bf16 with it");
  const std::size_t bytes = gemm_bytes(ctx.backend, weight, x.extent(0));
  if (bytes > ctx.scratch.remaining()) arena::too_small(bytes, ctx.scratch.remaining());
  implementation::run(ctx, matrix_view<const std::remove_const_t<X>>(x), weight, y, activation, residual);
}

}  // namespace heddle::inline v0
