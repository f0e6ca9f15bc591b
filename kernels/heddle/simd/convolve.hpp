/// @file
/// Dense convolution on vectors as an implicit matrix product: a band of the map is copied into a border of zeros, and the
/// inputs of an output are then `window.height` runs of `window.width * channels` floats, which `gemm`'s tiles read in
/// place. Neighbouring outputs share most of a run; nothing is unrolled into columns.
#pragma once

#include <heddle/primitive/convolve.hpp>

#include <algorithm>
#include <cstring>

#include "gemm.hpp"

namespace heddle::inline v0 {

namespace detail {

/// How a convolution is cut into bands of output rows. Depends on the shapes alone.
struct convolution_bands {
  std::size_t columns;  ///< of the padded map
  std::size_t channels;
  std::size_t output_rows;  ///< of one image
  std::size_t rows;         ///< output rows of a band
  std::size_t per_image;
  bool copies;  ///< false without padding: the map is read where it is

  constexpr convolution_bands(const dynamic_extents<4>& x, const convolution_window& window)
      : columns(x.extent(2) + window.left + window.right),
        channels(x.extent(3)),
        output_rows(window.output_height(x.extent(1))),
        rows(1),
        per_image(0),
        copies(window.top + window.left + window.bottom + window.right != 0) {
    constexpr std::size_t band_floats = 64 * 1024;  // stays in the second-level cache
    constexpr std::size_t enough_bands = 16;
    const std::size_t input_rows = band_floats / std::max<std::size_t>(1, columns * channels);
    const std::size_t fitting = input_rows < window.height ? 1 : (input_rows - window.height) / window.stride + 1;
    rows = std::clamp<std::size_t>(fitting, 1, std::clamp<std::size_t>(x.extent(0) * output_rows / enough_bands, 1, 16));
    per_image = (output_rows + rows - 1) / rows;
  }

  constexpr std::size_t band_size(const convolution_window& window) const {
    return copies ? ((rows - 1) * window.stride + window.height) * columns * channels : 0;
  }
  constexpr std::size_t bytes_per_worker(const convolution_window& window) const {
    return scratch_bytes<float>(band_size(window)) + scratch_bytes<row_segment>(window.height);
  }
};

/// Rows [first, first + count) of the padded map; `image` is the map without its padding.
inline void copy_band(const float* image, std::size_t height, std::size_t width, std::size_t channels,
                      const convolution_window& window, std::size_t first, std::size_t count, float* band) {
  const std::size_t left = window.left * channels;
  const std::size_t used = width * channels;
  const std::size_t right = window.right * channels;
  for (std::size_t i = 0; i < count; ++i, band += left + used + right) {
    const std::size_t row = first + i;
    if (row < window.top || row - window.top >= height) {
      std::memset(band, 0, (left + used + right) * sizeof(float));
      continue;
    }
    if (left != 0) std::memset(band, 0, left * sizeof(float));
    std::memcpy(band + left, image + (row - window.top) * used, used * sizeof(float));
    if (right != 0) std::memset(band + left + used, 0, right * sizeof(float));
  }
}

constexpr bool is_pointwise(const convolution_window& w) noexcept {
  return w.height * w.width * w.stride == 1 && w.top + w.left + w.bottom + w.right == 0;
}

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::convolve, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;

  static constexpr std::size_t bytes(const backend_type& backend, const dynamic_extents<4>& x,
                                     const convolution_window& window) {
    if (detail::is_pointwise(window)) return 0;
    return for_each_bytes(backend, detail::convolution_bands(x, window).bytes_per_worker(window));
  }

  template <class Activation>
  static void run(context<backend_type> ctx, const map_view<const float>& x, const dense_weight& weight,
                  const convolution_window& window, const map_view<float>& y, Activation activation,
                  matrix_view<const float> residual) {
    if (detail::is_pointwise(window)) {
      const matrix_view<const float> rows = as_rows(x);
      const row_segment whole{rows.data_handle(), rows.stride(0), rows.extent(1)};
      return kernel<op::gemm, backend_type>::run(ctx, segmented_rows{rows.extent(0), std::span<const row_segment>(&whole, 1)},
                                                 weight, as_rows(y), activation, residual);
    }
    if (y.empty()) return;
    const detail::convolution_bands bands(x.extents(), window);
    ctx.for_each(x.extent(0) * bands.per_image, bands.bytes_per_worker(window), [&](auto worker, std::size_t index) {
      const std::size_t image = index / bands.per_image;
      const std::size_t first = index % bands.per_image * bands.rows;
      const std::size_t count = std::min(bands.rows, bands.output_rows - first);
      const float* const map = x.data_handle() + image * x.extent(1) * x.extent(2) * x.extent(3);
      const float* input = map + first * window.stride * bands.columns * bands.channels;
      if (bands.copies) {
        float* const band = worker.scratch.template take<float>(bands.band_size(window));
        detail::copy_band(map, x.extent(1), x.extent(2), bands.channels, window, first * window.stride,
                          (count - 1) * window.stride + window.height, band);
        input = band;
      }
      row_segment* const segments = worker.scratch.template take<row_segment>(window.height);
      one_band(input, bands, weight, window, y, (image * y.extent(1) + first) * y.extent(2), count, activation, residual,
               segments);
    });
  }

 private:
  /// `count` rows of outputs, the first of them at `position`; `input` is the first row of the first window.
  template <class Activation>
  static void one_band(const float* input, const detail::convolution_bands& bands, const dense_weight& weight,
                       const convolution_window& window, const map_view<float>& y, std::size_t position, std::size_t count,
                       Activation activation, matrix_view<const float> residual, row_segment* segments) {
    const std::size_t columns = y.extent(2);
    const std::size_t pitch = bands.columns * bands.channels;
    const bool adds = residual.data_handle() != nullptr;
    const std::size_t panels = detail::gemm_packing<Isa>(weight.outputs, weight.inputs).panels();
    for (std::size_t panel = 0; panel < panels; ++panel)  // outermost: a panel is read once for a band
      for (std::size_t row = 0; row < count; ++row) {
        for (std::size_t t = 0; t < window.height; ++t)
          segments[t] = {input + (row * window.stride + t) * pitch, window.stride * bands.channels,
                         window.width * bands.channels};
        const std::size_t at = position + row * columns;
        const detail::gemm_operands g{
            {segments, window.height},          columns,     &weight,
            y.data_handle() + at * y.extent(3), y.extent(3), adds ? residual.data_handle() + at * residual.stride(0) : nullptr,
            adds ? residual.stride(0) : 0};
        detail::gemm_block<Isa>(g, 0, columns, panel, panel + 1, activation);
      }
  }
};

}  // namespace heddle::inline v0
