/// @file
/// Dense convolution on a device: an implicit matrix product on the tiles of `gemm`. Windows are read where they are; nothing
/// is unrolled into columns.
#pragma once

#include "convolve_source.cuh"
#include "gemm.cuh"

namespace heddle::inline v0 {

template <class Arch>
struct kernel<op::convolve, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static constexpr std::size_t bytes(const backend_type&, const dynamic_extents<4>&, const convolution_window&) noexcept {
    return 0;
  }

  template <class Activation>
  static void run(context<backend_type> ctx, const map_view<const float>& x, const dense_weight& weight,
                  const convolution_window& window, const map_view<float>& y, Activation activation,
                  matrix_view<const float> residual) {
    if (y.empty()) return;
    device::require_device_pointer("convolve", "x", x.data_handle());
    const auto end = device::epilogue_of("convolve", as_rows(y), weight.bias, activation, residual);
    if (is_pointwise(window)) {
      const row_segment whole{x.data_handle(), x.extent(3), x.extent(3)};
      return device::enqueue_product<device::tf32_products>(
          ctx.backend.stream, device::source_of<float>(std::span(&whole, 1), y.size() / y.extent(3)),
          device::weights_of(weight), end);
    }
    device::window_source source = device::window_source::of(x.extents(), window);
    source.data = x.data_handle();
    source.vectors = source.vectors && device::multiple_of<float>(source.data, 4);
    device::enqueue_product<device::tf32_products>(ctx.backend.stream, source, device::weights_of(weight), end);
  }

 private:
  static constexpr bool is_pointwise(const convolution_window& w) noexcept {
    return w.height * w.width * w.stride == 1 && w.top + w.left + w.bottom + w.right == 0;
  }
};

}  // namespace heddle::inline v0
