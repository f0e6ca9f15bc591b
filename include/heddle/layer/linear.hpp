/// @file
/// Linear layer.
#pragma once

#include <vector>

#include "../model/module.hpp"

namespace heddle::inline v0 {

/// Options of `linear`.
struct linear_options {
  bool bias = true;
};

/// `y = x W^T + b` on rows `[rows, In]` to `[rows, Out]`. Parameters: `weight` `[Out, In]`, `bias` `[Out]`.
template <std::size_t In, std::size_t Out, linear_options Options = linear_options{}>
struct linear {
  static constexpr std::size_t in_channels = In;
  static constexpr std::size_t out_channels = Out;

  parameter<Out, In> weight;
  optional_parameter<Options.bias, Out> bias;
  dense_weight prepared;   ///< made by `prepare`

  static constexpr auto members() { return heddle::members<&linear::weight, &linear::bias>("weight", "bias"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return std::uint64_t{In} * Out; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend&, std::size_t) noexcept {
    return 0;
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    prepared = prepare_dense(backend, as_rows(weight.view()), bias.span());
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
    prepared = prepare_dense(backend, make_matrix<const float>(w.data(), Out, In), b);
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
};

}  // namespace heddle::inline v0
