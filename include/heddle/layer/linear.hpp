/// @file
/// Linear layer.
#pragma once

#include <type_traits>
#include <vector>

#include "../model/module.hpp"

namespace heddle::inline v0 {

/// What the factors of a product are rounded to. Sums, biases, activations, norms, scores and softmax are float in any case.
enum class precision {
  f32,  ///< not rounded
  bf16  ///< to bfloat16: half the memory of the weights, and products of 16 bits where the processor has them
};

/// Options of `linear`.
struct linear_options {
  bool bias = true;
  precision products = precision::f32;
};

namespace detail {
/// What rows between two products are stored as.
template <precision Products>
using product_element = std::conditional_t<Products == precision::bf16, bfloat16, float>;
}  // namespace detail

/// `y = x W^T + b` on rows `[rows, In]` to `[rows, Out]`. Parameters: `weight` `[Out, In]`, `bias` `[Out]`. With
/// `precision::bf16`, weights and rows are rounded to bfloat16 (parameters may be of any type in the file), and rows in and
/// out may be bfloat16 as well.
template <std::size_t In, std::size_t Out, linear_options Options = linear_options{}>
struct linear {
  static constexpr std::size_t in_channels = In;
  static constexpr std::size_t out_channels = Out;

  parameter<Out, In> weight;
  optional_parameter<Options.bias, Out> bias;
  std::conditional_t<Options.products == precision::bf16, bf16_weight, dense_weight> prepared;  ///< made by `prepare`

  static constexpr auto members() { return heddle::members<&linear::weight, &linear::bias>("weight", "bias"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return std::uint64_t{In} * Out; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) noexcept {
    if constexpr (Options.products == precision::bf16) {
      return for_each_bytes(backend, kernel<op::gemm_bf16, Backend>::worker_bytes(In, rows));
    } else {
      return 0;
    }
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    prepare_from(backend, as_rows(weight.view()), bias.span());
  }

  /// As `prepare`, with every output multiplied by its entry of `scale` `[Out]`: how a layer scale is folded.
  template <class Backend>
  HEDDLE_COLD void prepare_scaled(const Backend& backend, std::span<const float> scale) {
    std::vector<float> w(Out * In);
    std::vector<float> b(bias.span().size());
    for (std::size_t o = 0; o < Out; ++o) {
      for (std::size_t i = 0; i < In; ++i) w[o * In + i] = scale[o] * weight.data()[o * In + i];
      if (!b.empty()) b[o] = scale[o] * bias.span()[o];
    }
    prepare_from(backend, make_matrix<const float>(w.data(), Out, In), b);
  }

  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    gemm(ctx, x, prepared, y);
  }
  /// `y = activation(x W^T + b)`
  template <class Backend, class Activation>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, Activation activation) const {
    gemm(ctx, x, prepared, y, activation);
  }
  /// `y += x W^T + b`
  template <class Backend>
  void accumulate_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    gemm(ctx, x, prepared, y, identity{}, as_const(y));
  }

  /// As the above, on rows of float or bfloat16.
  template <class Backend, class X, class Y, class Activation = identity>
    requires(Options.products == precision::bf16)
  void forward_rows(context<Backend> ctx, matrix_view<X> x, matrix_view<Y> y, Activation activation = {}) const {
    gemm(ctx, x, prepared, y, activation);
  }
  template <class Backend, class X, class Y>
    requires(Options.products == precision::bf16)
  void accumulate_rows(context<Backend> ctx, matrix_view<X> x, matrix_view<Y> y) const {
    gemm(ctx, x, prepared, y, identity{}, as_const(y));
  }

 private:
  template <class Backend>
  void prepare_from(const Backend& backend, matrix_view<const float> w, std::span<const float> b) {
    if constexpr (Options.products == precision::bf16) {
      prepared = prepare_bf16(backend, w, b);
    } else {
      prepared = prepare_dense(backend, w, b);
    }
  }
};

}  // namespace heddle::inline v0
