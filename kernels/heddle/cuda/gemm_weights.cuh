/// @file
/// Weight matrices in the layout of the device's matrix products, made on the host at load, or on the device where they are
/// results themselves.
#pragma once

#include <span>
#include <utility>

#include <heddle/cuda/launch.cuh>
#include <heddle/cuda/runtime/runtime.hpp>
#include <heddle/primitive/gemm.hpp>

#include "gemm_source.cuh"

namespace heddle::inline v0 {

namespace device {

/// `[outputs][inputs]`, every row padded with zeros to a multiple of `Step` elements, behind them the bias, padded to four.
template <class T, unsigned Step>
struct weight_layout {
  std::size_t outputs;
  std::size_t inputs;
  constexpr std::size_t pitch() const noexcept { return (inputs + Step - 1) / Step * Step; }
  constexpr std::size_t elements() const noexcept { return outputs * pitch(); }
  constexpr std::size_t bias_offset() const noexcept { return (elements() * sizeof(T) + 255) / 256 * 256; }
  constexpr std::size_t bytes(bool biased) const noexcept { return bias_offset() + (biased ? (outputs + 3) / 4 * 16 : 0); }

  /// Managed memory with the weight and its bias in this layout; the rest is zero.
  template <class U>
  memory make(matrix_view<U> weight, std::span<const float> bias) const {
    if (place_of(weight.data_handle()).kind == memory_kind::device)
      detail::refuse("prepare", "the weight",
                     "lies on the device; it is prepared on the host (heddle::prepare_dense_in takes results)");
    memory block = allocate_managed(bytes(!bias.empty()));
    T* const to = block.template as<T>();
    for (std::size_t n = 0; n < outputs; ++n)
      for (std::size_t k = 0; k < inputs; ++k) to[n * pitch() + k] = T(static_cast<float>(weight(n, k)));
    float* const shift = reinterpret_cast<float*>(block.data() + bias_offset());
    for (std::size_t n = 0; n < bias.size(); ++n) shift[n] = bias[n];
    prefetch(block);
    return block;
  }
};

/// Weights of floats: steps of `tf32_products`.
using float_layout = weight_layout<float, 32>;
/// Weights of bfloat16: steps of `bf16_products`, whole ones of `rounded_products`.
using bf16_layout = weight_layout<bfloat16, 64>;

/// One element of a padded matrix to a thread: a copy of a matrix with any strides, its columns multiplied by `scale`.
struct fill_weights {
  static constexpr unsigned threads = 256;
  const float* from;
  std::int64_t output_stride;
  std::int64_t input_stride;
  const float* scale;  ///< `[inputs]`, or null
  float* to;
  std::uint32_t inputs;
  std::uint32_t pitch;
  std::int64_t elements;

  HEDDLE_DEVICE void operator()() const {
    const std::int64_t i = static_cast<std::int64_t>(block_index()) * threads + thread();
    if (i >= elements) return;
    const std::int64_t n = i / pitch;
    const auto k = static_cast<std::uint32_t>(i % pitch);
    float value = 0.0F;
    if (k < inputs) {
      value = load_global(from + n * output_stride + k * input_stride);
      if (scale != nullptr) value *= load_global(scale + k);
    }
    store_global(to + i, value);
  }
};

/// Enqueues a `fill_weights` into `storage`.
inline void enqueue_fill(stream s, const float* from, std::size_t output_stride, std::size_t input_stride, const float* scale,
                         float* storage, const float_layout& layout) {
  if (layout.elements() == 0) return;
  const fill_weights fill{from,
                          static_cast<std::int64_t>(output_stride),
                          static_cast<std::int64_t>(input_stride),
                          scale,
                          storage,
                          static_cast<std::uint32_t>(layout.inputs),
                          static_cast<std::uint32_t>(layout.pitch()),
                          static_cast<std::int64_t>(layout.elements())};
  launch(s, (layout.elements() + fill_weights::threads - 1) / fill_weights::threads, 0, fill);
}

}  // namespace device

}  // namespace heddle::inline v0
