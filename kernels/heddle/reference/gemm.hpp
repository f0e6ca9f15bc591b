/// @file
/// `gemm` as its definition reads: one sum in double precision for every output.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/gemm.hpp>

#include <algorithm>
#include <vector>

namespace heddle::inline v0 {

template <>
struct kernel<op::gemm, reference> {
  /// Row-major `[outputs, inputs]`.
  static constexpr std::uint32_t format = 1;

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    const std::size_t outputs = weight.extent(0);
    const std::size_t inputs = weight.extent(1);
    std::vector<float> memory(outputs * inputs + bias.size());
    for (std::size_t n = 0; n < outputs; ++n)
      for (std::size_t k = 0; k < inputs; ++k) memory[n * inputs + k] = weight(n, k);
    std::copy(bias.begin(), bias.end(), memory.begin() + static_cast<std::ptrdiff_t>(outputs * inputs));
    const float* const data = memory.data();
    return {outputs, inputs, data, bias.empty() ? nullptr : data + outputs * inputs, format, std::move(memory)};
  }

  static constexpr std::size_t size_in(std::size_t outputs, std::size_t inputs) noexcept { return outputs * inputs; }

  static dense_weight prepare_in(matrix_view<const float> weight, float* storage) {
    for (std::size_t n = 0; n < weight.extent(0); ++n)
      for (std::size_t k = 0; k < weight.extent(1); ++k) storage[n * weight.extent(1) + k] = weight(n, k);
    return {weight.extent(0), weight.extent(1), storage, nullptr, format, {}};
  }

  static constexpr std::size_t scaled_size(std::size_t outputs, std::size_t inputs) noexcept { return outputs * inputs; }

  static dense_weight scale_inputs(const dense_weight& weight, std::span<const float> scale, float* storage) {
    for (std::size_t n = 0; n < weight.outputs; ++n)
      for (std::size_t k = 0; k < weight.inputs; ++k)
        storage[n * weight.inputs + k] = weight.data[n * weight.inputs + k] * scale[k];
    return {weight.outputs, weight.inputs, storage, weight.bias, format, weight.owner};
  }

  template <class Activation>
  static void run(context<reference>, const segmented_rows& x, const dense_weight& weight, matrix_view<float> y,
                  Activation activation, matrix_view<const float> residual) {
    for (std::size_t r = 0; r < x.rows; ++r)
      for (std::size_t n = 0; n < weight.outputs; ++n) {
        double sum = weight.bias == nullptr ? 0.0 : static_cast<double>(weight.bias[n]);
        const float* w = weight.data + n * weight.inputs;
        for (const row_segment& s : x.segments)
          for (std::size_t k = 0; k < s.length; ++k)
            sum += static_cast<double>(s.data[r * s.row_stride + k]) * static_cast<double>(*w++);
        const double base = residual.data_handle() == nullptr ? 0.0 : static_cast<double>(residual(r, n));
        y(r, n) = static_cast<float>(base + activation(sum));
      }
  }
};

}  // namespace heddle::inline v0
