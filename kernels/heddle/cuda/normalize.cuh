/// @file
/// `normalize` on a device: a row stays in the registers of a few lanes, of a warp or of a block between its statistics and
/// its result, so that it is read once; only rows of more than 8192 channels are read again. The variance is that of the
/// differences from the mean.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/normalize.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// What every normalisation of rows is given. Without `centred` the mean counts as zero.
struct normalize_arguments {
  std::uint64_t rows;
  std::uint64_t columns;
  const float* x;
  std::size_t x_stride;
  float* y;
  std::size_t y_stride;
  const float* scale;  ///< null: 1
  const float* shift;  ///< null: 0
  float epsilon;
  bool centred;

  /// The part of a sum of squares around the mean that a vector adds.
  template <unsigned V>
  HEDDLE_DEVICE static float squares(const floats<V>& value, float mean) {
    float sum = 0.0F;
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) sum += (value[i] - mean) * (value[i] - mean);
    return sum;
  }

  template <unsigned V>
  HEDDLE_DEVICE static float sum_of(const floats<V>& value) {
    float sum = 0.0F;
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) sum += value[i];
    return sum;
  }

  HEDDLE_DEVICE float factor(float sum_of_squares) const {
    return 1.0F / device::sqrt(sum_of_squares / static_cast<float>(columns) + epsilon);
  }

  template <unsigned V>
  HEDDLE_DEVICE void write(std::uint64_t row, std::uint64_t column, floats<V> value, float mean, float factor) const {
    const floats<V> times = scale == nullptr ? same_floats<V>(1.0F) : load_floats<V>(scale + column);
    const floats<V> plus = shift == nullptr ? same_floats<V>(0.0F) : load_floats<V>(shift + column);
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) value[i] = (value[i] - mean) * factor * times[i] + plus[i];
    store_floats(y + row * y_stride + column, value);
  }
};

/// Rows of at most `Lanes * N * V` channels, each in the registers of `Lanes` lanes.
template <unsigned V, unsigned Lanes, unsigned N>
struct normalize_short_rows {
  static constexpr unsigned threads = 128;
  static constexpr unsigned rows_per_block = threads / Lanes;
  normalize_arguments a;

  HEDDLE_DEVICE void operator()() const {
    const unsigned lane = thread() % Lanes;
    const std::uint64_t tiles = (a.rows - 1) / rows_per_block + 1;
    for (std::uint64_t tile = block_index(); tile < tiles; tile += grid_size()) {
      const std::uint64_t row = tile * rows_per_block + thread() / Lanes;
      const bool inside = row < a.rows;
      floats<V> value[N];
      float sum = 0.0F;
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < N; ++n) {
        const std::uint64_t column = (lane + n * Lanes) * V;
        value[n] = inside && column < a.columns ? load_floats<V>(a.x + row * a.x_stride + column) : same_floats<V>(0.0F);
        sum += normalize_arguments::sum_of(value[n]);
      }
      const float mean = a.centred ? warp_sum<Lanes>(sum) / static_cast<float>(a.columns) : 0.0F;
      float squares = 0.0F;
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < N; ++n)
        if ((lane + n * Lanes) * V < a.columns) squares += normalize_arguments::squares(value[n], mean);
      const float factor = a.factor(warp_sum<Lanes>(squares));
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < N; ++n) {
        const std::uint64_t column = (lane + n * Lanes) * V;
        if (inside && column < a.columns) a.write(row, column, value[n], mean, factor);
      }
    }
  }
};

/// Rows of at most `threads * N * V` channels, each in the registers of a block; with N = 0 of any length, read three times.
template <unsigned V, unsigned N>
struct normalize_long_rows {
  static constexpr unsigned threads = 256;
  normalize_arguments a;

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t row = block_index(); row < a.rows; row += grid_size()) {
      if constexpr (N == 0) {
        streamed(a.x + row * a.x_stride, row);
      } else {
        kept(a.x + row * a.x_stride, row);
      }
      sync_block();  // the sums are read: the next row may write its own
    }
  }

 private:
  static constexpr unsigned step = threads * V;

  HEDDLE_DEVICE void kept(const float* x, std::uint64_t row) const {
    floats<V> value[N == 0 ? 1 : N];
    float sum = 0.0F;
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < N; ++n) {
      const std::uint64_t column = thread() * V + n * step;
      value[n] = column < a.columns ? load_floats<V>(x + column) : same_floats<V>(0.0F);
      sum += normalize_arguments::sum_of(value[n]);
    }
    const float mean = a.centred ? block_sum(sum, 0) / static_cast<float>(a.columns) : 0.0F;
    float squares = 0.0F;
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < N; ++n)
      if (thread() * V + n * step < a.columns) squares += normalize_arguments::squares(value[n], mean);
    const float factor = a.factor(block_sum(squares, 1));
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < N; ++n) {
      const std::uint64_t column = thread() * V + n * step;
      if (column < a.columns) a.write(row, column, value[n], mean, factor);
    }
  }

  HEDDLE_DEVICE void streamed(const float* x, std::uint64_t row) const {
    float mean = 0.0F;
    if (a.centred) {
      float sum = 0.0F;
      for (std::uint64_t column = thread() * V; column < a.columns; column += step)
        sum += normalize_arguments::sum_of(load_floats<V>(x + column));
      mean = block_sum(sum, 0) / static_cast<float>(a.columns);
    }
    float squares = 0.0F;
    for (std::uint64_t column = thread() * V; column < a.columns; column += step)
      squares += normalize_arguments::squares(load_floats<V>(x + column), mean);
    const float factor = a.factor(block_sum(squares, 1));
    for (std::uint64_t column = thread() * V; column < a.columns; column += step)
      a.write(row, column, load_floats<V>(x + column), mean, factor);
  }

  /// The sum over the block, in every thread. `slot` keeps the two sums of a row apart.
  HEDDLE_DEVICE static float block_sum(float value, unsigned slot) {
    constexpr unsigned warps = threads / 32;
    const shared_view<float> sums{shared_base()};
    value = warp_sum<32>(value);
    if (lane() == 0) sums.store(slot * warps + warp(), value);
    sync_block();
    value = sums.load(slot * warps + lane() % warps);
    return warp_sum<warps>(value);
  }

 public:
  static constexpr std::size_t shared_bytes = 2 * threads / 32 * sizeof(float);
};

}  // namespace device

template <class Arch>
struct kernel<op::normalize, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static void layer(context<backend_type> ctx, matrix_view<const float> x, std::span<const float> scale,
                    std::span<const float> shift, float epsilon, matrix_view<float> y) {
    run(ctx, x, scale, shift, epsilon, y, true);
  }

  static void rms(context<backend_type> ctx, matrix_view<const float> x, std::span<const float> scale, float epsilon,
                  matrix_view<float> y) {
    run(ctx, x, scale, {}, epsilon, y, false);
  }

 private:
  static void run(context<backend_type>& ctx, const matrix_view<const float>& x, std::span<const float> scale,
                  std::span<const float> shift, float epsilon, const matrix_view<float>& y, bool centred) {
    if (y.empty()) return;
    device::require_device_pointer("normalize", "x", x.data_handle());
    device::require_device_pointer("normalize", "y", y.data_handle());
    device::require_device_pointer("normalize", "scale", scale.data());
    device::require_device_pointer("normalize", "shift", shift.data());
    const device::normalize_arguments a{x.extent(0),
                                        x.extent(1),
                                        x.data_handle(),
                                        x.stride(0),
                                        y.data_handle(),
                                        y.stride(0),
                                        scale.empty() ? nullptr : scale.data(),
                                        shift.empty() ? nullptr : shift.data(),
                                        epsilon,
                                        centred};
    const bool vectors = device::rows_of_vectors(x) && device::rows_of_vectors(y) &&
                         device::rows_of_vectors(scale.data(), 0, 1) && device::rows_of_vectors(shift.data(), 0, 1);
    if (vectors) {
      choose<4>(ctx.backend.stream, a);
    } else {
      choose<1>(ctx.backend.stream, a);
    }
  }

  /// The smallest kernel that holds a row.
  template <unsigned V>
  static void choose(device::stream stream, const device::normalize_arguments& a) {
    const std::uint64_t vectors = a.columns / V;
    if (vectors <= 8) return launch_short<V, 8, 1>(stream, a);
    if (vectors <= 32) return launch_short<V, 16, 2>(stream, a);
    if (vectors <= 64) return launch_short<V, 32, 2>(stream, a);
    if (vectors <= 128) return launch_short<V, 32, 4>(stream, a);
    if (vectors <= 256) return launch_short<V, 32, 8>(stream, a);
    if (vectors <= 2048) return launch_long<V, 8>(stream, a);
    launch_long<V, 0>(stream, a);
  }

  template <unsigned V, unsigned Lanes, unsigned N>
  static void launch_short(device::stream stream, const device::normalize_arguments& a) {
    using functor = device::normalize_short_rows<V, Lanes, N>;
    device::launch(stream, device::grid_of((a.rows - 1) / functor::rows_per_block + 1), 0, functor{a});
  }

  template <unsigned V, unsigned N>
  static void launch_long(device::stream stream, const device::normalize_arguments& a) {
    using functor = device::normalize_long_rows<V, N>;
    device::launch(stream, device::grid_of(a.rows), functor::shared_bytes, functor{a});
  }
};

}  // namespace heddle::inline v0
