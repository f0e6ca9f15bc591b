/// @file
/// Depthwise convolution on vectors of channels.
#pragma once

#include <heddle/primitive/convolve.hpp>

#include <algorithm>
#include <cstring>

#include "map.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Floats on the heap that a prepared weight shares.
inline std::shared_ptr<float> make_weight_memory(std::size_t count) {
  auto memory = std::make_shared<aligned_bytes>(count * sizeof(float));
  float* const data = reinterpret_cast<float*>(memory->data());
  return std::shared_ptr<float>(std::move(memory), data);
}

}  // namespace detail

/// The weight is `[tap][channels]`, channels padded to whole vectors. Every output is one chain of multiply-adds over its
/// taps in row-major order, starting at the bias, wherever in a tile it is.
template <class Isa, class Executor>
struct kernel<op::depthwise, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;
  static constexpr std::uint32_t format = 0x200u + static_cast<std::uint32_t>(v::size);
  static constexpr std::size_t tile = 4;   ///< output columns that share a load of the weights

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    const std::size_t channels = weight.extent(0);
    const std::size_t taps = weight.extent(1);
    const std::size_t pitch = padded(channels);
    const auto memory = detail::make_weight_memory((taps + 1) * pitch);
    for (std::size_t t = 0; t < taps; ++t)
      for (std::size_t c = 0; c < channels; ++c) memory.get()[t * pitch + c] = weight(c, t);
    float* const start = memory.get() + taps * pitch;   // the bias, zero where there is none
    std::copy(bias.begin(), bias.end(), start);
    return {channels, taps, memory.get(), start, format, memory};
  }

  template <class Activation>
  static void run(context<backend_type> ctx, const map_view<const float>& x, const dense_weight& weight, const convolution_window& window,
                  const map_view<float>& y, Activation activation) {
    const std::size_t rows = y.extent(1);
    ctx.backend.parallel_for(y.extent(0) * rows, [&](std::size_t task, std::size_t) {
      one_row(x, weight, window, y, task / rows, task % rows, activation);
    });
  }

 private:
  static constexpr std::size_t padded(std::size_t channels) noexcept { return (channels + v::size - 1) / v::size * v::size; }

  /// Where the taps of one output row lie: rows [begin, end) of the window are inside the map.
  struct row_taps {
    const float* input;        ///< element (image, first input row used, column 0)
    std::size_t begin;
    std::size_t end;
    std::size_t row_stride;
    std::size_t channels;
    std::size_t pitch;
  };

  template <class Activation>
  static void one_row(const map_view<const float>& x, const dense_weight& weight, const convolution_window& window, const map_view<float>& y,
                      std::size_t image, std::size_t row, Activation activation) {
    const std::size_t height = x.extent(1);
    const std::size_t width = x.extent(2);
    const std::size_t channels = x.extent(3);
    const std::size_t top = row * window.stride;
    row_taps taps{};
    taps.begin = std::min(window.height, window.top > top ? window.top - top : std::size_t{0});
    taps.end = std::max(taps.begin, std::min(window.height, height + window.top > top ? height + window.top - top : std::size_t{0}));
    taps.row_stride = width * channels;
    taps.channels = channels;
    taps.pitch = padded(channels);
    taps.input = x.data_handle() + image * height * taps.row_stride + (top + taps.begin - window.top) * taps.row_stride;
    float* const out = y.data_handle() + (image * y.extent(1) + row) * y.extent(2) * channels;

    // columns [inner_begin, inner_end) have all their taps inside the map
    const std::size_t columns = y.extent(2);
    const std::size_t inner_begin = std::min(columns, (window.left + window.stride - 1) / window.stride);
    const std::size_t reach = width + window.left;
    const std::size_t inner_end = reach < window.width ? inner_begin : std::max(inner_begin, std::min(columns, (reach - window.width) / window.stride + 1));
    for (std::size_t j = 0; j < inner_begin; ++j) border_column(taps, weight, window, width, j, out, activation);
    std::size_t j = inner_begin;
    if (window.width == 3 && window.stride == 1)
      for (; j + tile <= inner_end; j += tile) columns_of_three_taps(taps, weight, window, j, out, activation);
    for (; j + tile <= inner_end; j += tile) columns_at<tile>(taps, weight, window, j, out, activation);
    for (; j < inner_end; ++j) columns_at<1>(taps, weight, window, j, out, activation);
    for (; j < columns; ++j) border_column(taps, weight, window, width, j, out, activation);
  }

  template <std::size_t Columns, class Activation>
  static void columns_at(const row_taps& taps, const dense_weight& weight, const convolution_window& window, std::size_t j, float* out,
                         Activation activation) {
    const std::size_t channels = taps.channels;
    const float* const first = taps.input + (j * window.stride - window.left) * channels;
    const std::size_t step = window.stride * channels;
    detail::for_row_vectors<Isa>(channels, [&](std::size_t c, std::size_t n) {
      v sum[Columns];
      HEDDLE_UNROLL
      for (std::size_t t = 0; t < Columns; ++t) sum[t] = v::load(weight.bias + c);
      const float* input = first + c;
      for (std::size_t ky = taps.begin; ky < taps.end; ++ky, input += taps.row_stride) {
        const float* w = weight.data + ky * window.width * taps.pitch + c;
        const float* p = input;
        HEDDLE_NO_UNROLL
        for (std::size_t kx = 0; kx < window.width; ++kx, w += taps.pitch, p += channels) {
          const v factor = v::load(w);
          HEDDLE_UNROLL
          for (std::size_t t = 0; t < Columns; ++t) sum[t] = fma(detail::load_lanes<Isa>(p + t * step, n), factor, sum[t]);
        }
      }
      HEDDLE_UNROLL
      for (std::size_t t = 0; t < Columns; ++t) detail::store_lanes<Isa>(activation(sum[t]), out + (j + t) * channels + c, n);
    });
  }

  /// `columns_at` for the commonest window: neighbouring outputs share their inputs, each is loaded once for three taps.
  template <class Activation>
  static void columns_of_three_taps(const row_taps& taps, const dense_weight& weight, const convolution_window& window, std::size_t j, float* out,
                                    Activation activation) {
    const std::size_t channels = taps.channels;
    const float* const first = taps.input + (j - window.left) * channels;
    detail::for_row_vectors<Isa>(channels, [&](std::size_t c, std::size_t n) {
      v sum[tile];
      HEDDLE_UNROLL
      for (std::size_t t = 0; t < tile; ++t) sum[t] = v::load(weight.bias + c);
      const float* input = first + c;
      const float* w = weight.data + taps.begin * 3 * taps.pitch + c;
      HEDDLE_NO_UNROLL
      for (std::size_t ky = taps.begin; ky < taps.end; ++ky, input += taps.row_stride, w += 3 * taps.pitch) {
        v x[tile + 2];
        HEDDLE_UNROLL
        for (std::size_t t = 0; t < tile + 2; ++t) x[t] = detail::load_lanes<Isa>(input + t * channels, n);
        HEDDLE_UNROLL
        for (std::size_t kx = 0; kx < 3; ++kx) {
          const v factor = v::load(w + kx * taps.pitch);
          HEDDLE_UNROLL
          for (std::size_t t = 0; t < tile; ++t) sum[t] = fma(x[t + kx], factor, sum[t]);
        }
      }
      HEDDLE_UNROLL
      for (std::size_t t = 0; t < tile; ++t) detail::store_lanes<Isa>(activation(sum[t]), out + (j + t) * channels + c, n);
    });
  }

  template <class Activation>
  static void border_column(const row_taps& taps, const dense_weight& weight, const convolution_window& window, std::size_t width, std::size_t j,
                            float* out, Activation activation) {
    const std::size_t channels = taps.channels;
    const std::size_t left = j * window.stride;
    const std::size_t begin = std::min(window.width, window.left > left ? window.left - left : std::size_t{0});
    const std::size_t end = std::max(begin, std::min(window.width, width + window.left > left ? width + window.left - left : std::size_t{0}));
    detail::for_row_vectors<Isa>(channels, [&](std::size_t c, std::size_t n) {
      v sum = v::load(weight.bias + c);
      for (std::size_t ky = taps.begin; ky < taps.end; ++ky)
        for (std::size_t kx = begin; kx < end; ++kx) {
          const float* const p = taps.input + (ky - taps.begin) * taps.row_stride + (left + kx - window.left) * channels + c;
          sum = fma(detail::load_lanes<Isa>(p, n), v::load(weight.data + (ky * window.width + kx) * taps.pitch + c), sum);
        }
      detail::store_lanes<Isa>(activation(sum), out + j * channels + c, n);
    });
  }
};

}  // namespace heddle::inline v0
