/// @file
/// `gemm` with weights of bfloat16 on a device.
#pragma once

#include "gemm.cuh"
#include "gemm_warpgroup.cuh"

namespace heddle::inline v0 {

namespace device {

inline weight_source<bfloat16> weights_of(const bf16_weight& weight) {
  const bf16_layout layout{weight.outputs, weight.inputs};
  return {reinterpret_cast<const bfloat16*>(weight.data), static_cast<std::uint32_t>(weight.outputs),
          static_cast<std::uint32_t>(layout.pitch())};
}

/// A matrix as the one segment of its rows.
template <class X>
row_source<X> source_of(matrix_view<const X> x) {
  struct segment {
    const X* data;
    std::size_t row_stride;
    std::size_t length;
  };
  const segment whole{x.data_handle(), x.stride(0), x.extent(1)};
  return source_of<X>(std::span(&whole, 1), x.extent(0));
}

}  // namespace device

template <class Arch>
struct kernel<op::gemm_bf16, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;
  /// `device::bf16_layout`.
  static constexpr std::uint32_t format = 0x3002;

  template <class T>
  static bf16_weight prepare(matrix_view<T> weight, std::span<const float> bias) {
    const device::bf16_layout layout{weight.extent(0), weight.extent(1)};
    device::memory block = layout.make(weight, bias);
    const auto* const data = block.template as<const std::uint32_t>();
    const auto* const shift = bias.empty() ? nullptr : reinterpret_cast<const float*>(block.data() + layout.bias_offset());
    return {layout.outputs, layout.inputs, data, shift, !bias.empty(), format, shared_owner(std::move(block))};
  }

  static constexpr std::size_t worker_bytes(std::size_t, std::size_t) noexcept { return 0; }

  template <class X, class Y, class Activation>
  static void run(context<backend_type> ctx, matrix_view<const X> x, const bf16_weight& weight, matrix_view<Y> y,
                  Activation activation, matrix_view<const Y> residual) {
    using products = std::conditional_t<std::is_same_v<X, bfloat16>, device::bf16_products, device::rounded_products>;
    const device::row_source<X> rows = device::source_of<X>(x);
    const auto end = device::epilogue_of("gemm", y, weight.bias, activation, residual);
    if constexpr (std::is_base_of_v<arch::sm_90a, Arch> && std::is_same_v<X, bfloat16>) {
      if (device::enqueue_warpgroups(ctx.backend.stream, rows, static_cast<std::uint32_t>(weight.inputs),
                                     device::weights_of(weight), end))
        return;
    }
    device::enqueue_product<products>(ctx.backend.stream, rows, device::weights_of(weight), end);
  }
};

}  // namespace heddle::inline v0
