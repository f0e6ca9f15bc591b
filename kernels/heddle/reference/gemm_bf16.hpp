/// @file
/// `gemm` with weights of bfloat16 as its definition reads: one sum in double precision for every output.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/gemm.hpp>

#include <algorithm>
#include <vector>

namespace heddle::inline v0 {

template <>
struct kernel<op::gemm_bf16, reference> {
  /// Row-major `[outputs, inputs]`, one element in the lower half of each word.
  static constexpr std::uint32_t format = 0x2001;

  struct memory {
    std::vector<std::uint32_t> weight;
    std::vector<float> bias;
  };

  template <class T>
  static bf16_weight prepare(matrix_view<T> weight, std::span<const float> bias) {
    const std::size_t outputs = weight.extent(0);
    const std::size_t inputs = weight.extent(1);
    memory made;
    made.weight.resize(outputs * inputs);
    for (std::size_t n = 0; n < outputs; ++n)
      for (std::size_t k = 0; k < inputs; ++k) made.weight[n * inputs + k] = bfloat16(static_cast<float>(weight(n, k))).bits;
    made.bias.assign(outputs, 0.0f);
    std::copy(bias.begin(), bias.end(), made.bias.begin());
    const std::uint32_t* const data = made.weight.data();
    const float* const start = made.bias.data();
    return {outputs, inputs, data, start, !bias.empty(), format, std::move(made)};
  }

  static constexpr std::size_t worker_bytes(std::size_t, std::size_t) noexcept { return 0; }

  template <class X, class Y, class Activation>
  static void run(context<reference>, matrix_view<const X> x, const bf16_weight& weight, matrix_view<Y> y,
                  Activation activation, matrix_view<const Y> residual) {
    for (std::size_t r = 0; r < x.extent(0); ++r)
      for (std::size_t n = 0; n < weight.outputs; ++n) {
        double sum = static_cast<double>(weight.bias[n]);
        for (std::size_t k = 0; k < weight.inputs; ++k) {
          bfloat16 w;
          w.bits = static_cast<std::uint16_t>(weight.data[n * weight.inputs + k]);
          sum += static_cast<double>(static_cast<float>(bfloat16(static_cast<float>(x(r, k))))) *
                 static_cast<double>(static_cast<float>(w));
        }
        const double base = residual.data_handle() == nullptr ? 0.0 : static_cast<double>(static_cast<float>(residual(r, n)));
        y(r, n) = Y(static_cast<float>(base + activation(sum)));
      }
  }
};

}  // namespace heddle::inline v0
