/// @file
/// `gemm` on a device: floats as three products of tf32 on the matrix units, with an error like that of float arithmetic.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/gemm.hpp>

#include "gemm_launch.cuh"
#include "gemm_weights.cuh"

namespace heddle::inline v0 {

namespace device {

template <class T>
bool multiple_of(const void* p, std::size_t elements) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % (elements * sizeof(T)) == 0;
}

/// Segments on the device. @throws shape_error, device_error
template <class T, class Segments>
row_source<T> source_of(const Segments& segments, std::size_t rows) {
  row_source<T> x;
  x.rows = static_cast<std::int64_t>(rows);
  constexpr std::size_t piece = piece_elements<T>;
  std::uint32_t end = 0;
  for (const auto& s : segments) {
    if (s.length == 0) continue;
    if (x.count == x.most_segments)
      heddle::detail::raise_shape("gemm: x", "segments at most", std::size_t{x.most_segments}, std::size_t{x.count} + 1);
    if (rows != 0) require_device_pointer("gemm", "x", s.data);
    x.vectors = x.vectors && end % piece == 0 && multiple_of<T>(s.data, piece) && s.row_stride % piece == 0;
    end += static_cast<std::uint32_t>(s.length);
    x.segments[x.count++] = {s.data, static_cast<std::int64_t>(s.row_stride), end};
  }
  for (std::uint32_t i = x.count; i < x.most_segments; ++i) x.segments[i] = {nullptr, 0, end};
  return x;
}

/// The end of a product. @throws device_error
template <class Y, class Activation>
product_epilogue<Y, Activation> epilogue_of(const char* operation, matrix_view<Y> y, const float* bias,
                                            const Activation& activation, matrix_view<const Y> residual) {
  if (!y.empty()) {
    require_device_pointer(operation, "y", y.data_handle());
    require_device_pointer(operation, "residual", residual.data_handle());
  }
  product_epilogue<Y, Activation> e;
  e.y = y.data_handle();
  e.y_stride = static_cast<std::int64_t>(y.stride(0));
  e.residual = residual.data_handle();
  e.residual_stride = e.residual == nullptr ? 0 : static_cast<std::int64_t>(residual.stride(0));
  e.bias = bias;
  e.rows = static_cast<std::int64_t>(y.extent(0));
  e.outputs = static_cast<std::uint32_t>(y.extent(1));
  e.vectors = multiple_of<Y>(e.y, 4) && e.y_stride % 4 == 0 && multiple_of<Y>(e.residual, 4) && e.residual_stride % 4 == 0;
  e.activation = activation;
  return e;
}

inline weight_source<float> weights_of(const dense_weight& weight) {
  const float_layout layout{weight.outputs, weight.inputs};
  return {weight.data, static_cast<std::uint32_t>(weight.outputs), static_cast<std::uint32_t>(layout.pitch())};
}

}  // namespace device

/// Numbers must be finite and below 2^127; of what is left out of a product see `device::tf32_products`.
template <class Arch>
struct kernel<op::gemm, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;
  /// `device::float_layout`.
  static constexpr std::uint32_t format = 0x3001;

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    const device::float_layout layout{weight.extent(0), weight.extent(1)};
    device::memory block = layout.make(weight, bias);
    const float* const data = block.template as<const float>();
    const auto* const shift = reinterpret_cast<const float*>(block.data() + layout.bias_offset());
    return {layout.outputs, layout.inputs, data, bias.empty() ? nullptr : shift, format, shared_owner(std::move(block))};
  }

  static constexpr std::size_t size_in(std::size_t outputs, std::size_t inputs) noexcept {
    return device::float_layout{outputs, inputs}.elements();
  }

  /// On the device, in the order of the backend's stream: `weight` and `storage` are device memory.
  static dense_weight prepare_in(const backend_type& backend, matrix_view<const float> weight, float* storage) {
    device::require_device_pointer("prepare_dense_in", "weight", weight.data_handle());
    device::require_device_pointer("prepare_dense_in", "storage", storage);
    device::require_aligned("prepare_dense_in", "storage", storage, 16);
    const device::float_layout layout{weight.extent(0), weight.extent(1)};
    device::enqueue_fill(backend.stream, weight.data_handle(), weight.stride(0), weight.stride(1), nullptr, storage, layout);
    return {layout.outputs, layout.inputs, storage, nullptr, format, {}};
  }

  static constexpr std::size_t scaled_size(std::size_t outputs, std::size_t inputs) noexcept {
    return size_in(outputs, inputs);
  }

  /// On the device: `scale` and `storage` are device memory.
  static dense_weight scale_inputs(const backend_type& backend, const dense_weight& weight, std::span<const float> scale,
                                   float* storage) {
    device::require_device_pointer("scale_inputs", "scale", scale.data());
    device::require_device_pointer("scale_inputs", "storage", storage);
    device::require_aligned("scale_inputs", "storage", storage, 16);
    const device::float_layout layout{weight.outputs, weight.inputs};
    device::enqueue_fill(backend.stream, weight.data, layout.pitch(), 1, scale.data(), storage, layout);
    return {layout.outputs, layout.inputs, storage, weight.bias, format, weight.owner};
  }

  template <class Activation>
  static void run(context<backend_type> ctx, const segmented_rows& x, const dense_weight& weight, matrix_view<float> y,
                  Activation activation, matrix_view<const float> residual) {
    device::enqueue_product<device::tf32_products>(ctx.backend.stream, device::source_of<float>(x.segments, x.rows),
                                                   device::weights_of(weight),
                                                   device::epilogue_of("gemm", y, weight.bias, activation, residual));
  }
};

}  // namespace heddle::inline v0
