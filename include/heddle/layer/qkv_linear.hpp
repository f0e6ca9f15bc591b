/// @file
/// The projection to queries, keys and values of models whose keys have no bias.
#pragma once

#include <vector>

#include "linear.hpp"

namespace heddle::inline v0 {

/// `[q k v] = x W^T + (q_bias, 0, v_bias)` on rows `[rows, In]` to `[rows, 3 Inner]` (Liu et al., arXiv 2111.09883, official
/// code: a bias of keys would not change cosines in any useful way). Parameters: `weight` `[3 Inner, In]`, `q_bias`, `v_bias`
/// `[Inner]`.
template <std::size_t In, std::size_t Inner, precision Products = precision::f32>
struct qkv_linear {
  static constexpr std::size_t in_channels = In;
  static constexpr std::size_t out_channels = 3 * Inner;

  parameter<3 * Inner, In> weight;
  parameter<Inner> q_bias;
  parameter<Inner> v_bias;
  std::conditional_t<Products == precision::bf16, bf16_weight, dense_weight> prepared;  ///< made by `prepare`

  static constexpr auto members() {
    return heddle::members<&qkv_linear::weight, &qkv_linear::q_bias, &qkv_linear::v_bias>("weight", "q_bias", "v_bias");
  }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return std::uint64_t{In} * 3 * Inner; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) noexcept {
    return linear<In, 3 * Inner, linear_options{.products = Products}>::row_scratch_bytes(backend, rows);
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    std::vector<float> bias(3 * Inner);
    for (std::size_t i = 0; i < Inner; ++i) {
      bias[i] = q_bias.data()[i];
      bias[2 * Inner + i] = v_bias.data()[i];
    }
    if constexpr (Products == precision::bf16) {
      prepared = prepare_bf16(backend, as_rows(weight.view()), bias);
    } else {
      prepared = prepare_dense(backend, as_rows(weight.view()), bias);
    }
  }

  /// `y` of bfloat16 with products of bfloat16, else of float.
  template <class Backend, class Y>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<Y> y) const {
    gemm(ctx, x, prepared, y);
  }
};

}  // namespace heddle::inline v0
