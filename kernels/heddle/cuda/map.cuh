/// @file
/// `map` and `reduce` on a device. A map is one pass; a reduction gives every block the columns of one sector (32 bytes) or
/// more, sums whole columns in a fixed order, and needs no memory besides its result.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/map.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// `y[r, c] = f(x[r, c])`.
template <class F, unsigned V>
struct map_one {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;
  const float* x;
  std::size_t x_stride;
  float* y;
  std::size_t y_stride;
  F f;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t row, std::uint64_t vector) {
      floats<V> value = load_floats<V>(x + row * x_stride + vector * V);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < V; ++i) value[i] = f(value[i]);
      store_floats(y + row * y_stride + vector * V, value);
    });
  }
};

/// `y[r, c] = f(a[r, c], b[r, c])`; a `b_stride` of 0 repeats one row.
template <class F, unsigned V>
struct map_two {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;
  const float* a;
  std::size_t a_stride;
  const float* b;
  std::size_t b_stride;
  float* y;
  std::size_t y_stride;
  F f;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t row, std::uint64_t vector) {
      floats<V> left = load_floats<V>(a + row * a_stride + vector * V);
      const floats<V> right = load_floats<V>(b + row * b_stride + vector * V);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < V; ++i) left[i] = f(left[i], right[i]);
      store_floats(y + row * y_stride + vector * V, left);
    });
  }
};

/// Combinations of `reduce_rows`.
struct row_sum {
  static HEDDLE_DEVICE float start(float) { return 0.0F; }
  static HEDDLE_DEVICE float combine(float a, float b) { return a + b; }
};
/// A NaN stays.
struct row_maximum {
  static HEDDLE_DEVICE float start(float first) { return first; }
  static HEDDLE_DEVICE float combine(float a, float b) { return b > a || b != b ? b : a; }
};

/// `y[c] = factor * (x[0, c] + x[1, c] + ...)`, or another combination. `lanes` threads beside each other take the vectors of
/// one tile of columns, the lines below each other every so many rows; then halves are combined through shared memory.
template <class Combine, unsigned V>
struct reduce_rows {
  static constexpr unsigned threads = 512;
  static constexpr unsigned chains = 4;  ///< independent sums of one thread
  std::uint64_t rows;
  std::uint64_t columns;
  const float* x;
  std::size_t x_stride;
  float* y;
  float factor;
  unsigned lanes_log2;

  HEDDLE_DEVICE void operator()() const {
    const unsigned lane = thread() & ((1U << lanes_log2) - 1);
    const std::uint64_t tiles = (columns / V - 1) / (1U << lanes_log2) + 1;
    for (std::uint64_t tile = block_index(); tile < tiles; tile += grid_size()) {
      const std::uint64_t column = ((tile << lanes_log2) + lane) * V;
      const floats<V> own = column < columns ? one_line(column) : same_floats<V>(0.0F);
      const floats<V> all = below(own);
      if (thread() == lane && column < columns) store_floats(y + column, all);
      sync_block();
    }
  }

 private:
  /// The rows of this thread's line.
  HEDDLE_DEVICE floats<V> one_line(std::uint64_t column) const {
    const std::uint64_t lines = threads >> lanes_log2;
    const floats<V> first = load_floats<V>(x + column);
    floats<V> sum[chains];
    HEDDLE_DEVICE_UNROLL
    for (unsigned k = 0; k < chains; ++k) HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) sum[k][i] = Combine::start(first[i]);
    std::uint64_t row = thread() >> lanes_log2;
    for (; row + (chains - 1) * lines < rows; row += chains * lines) HEDDLE_DEVICE_UNROLL
    for (unsigned k = 0; k < chains; ++k) add(sum[k], load_floats<V>(x + (row + k * lines) * x_stride + column));
    for (; row < rows; row += lines) add(sum[0], load_floats<V>(x + row * x_stride + column));
    add(sum[0], sum[1]);
    add(sum[2], sum[3]);
    add(sum[0], sum[2]);
    return sum[0];
  }

  /// All lines of a column together, in the threads of the first line.
  HEDDLE_DEVICE floats<V> below(floats<V> own) const {
    const shared_view<floats<V>> lines{shared_base()};
    lines.store(thread(), own);
    for (unsigned half = threads / 2; half >= 1U << lanes_log2; half /= 2) {
      sync_block();
      if (thread() < half) {
        add(own, lines.load(thread() + half));
        lines.store(thread(), own);
      }
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) own[i] *= factor;
    return own;
  }

  static HEDDLE_DEVICE void add(floats<V>& sum, const floats<V>& value) {
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) sum[i] = Combine::combine(sum[i], value[i]);
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::map, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  template <class F>
  static void unary(context<backend_type> ctx, matrix_view<const float> x, matrix_view<float> y, F f) {
    if (y.empty()) return;
    device::require_device_pointer("map", "x", x.data_handle());
    device::require_device_pointer("map", "y", y.data_handle());
    if (device::rows_without_gaps(x) && device::rows_without_gaps(y)) {
      x = make_matrix(x.data_handle(), 1, x.size());
      y = make_matrix(y.data_handle(), 1, y.size());
    }
    if (device::rows_of_vectors(x) && device::rows_of_vectors(y)) {
      one<4>(ctx, x, y, f);
    } else {
      one<1>(ctx, x, y, f);
    }
  }

  template <class F>
  static void binary(context<backend_type> ctx, matrix_view<const float> a, matrix_view<const float> b, matrix_view<float> y,
                     F f) {
    if (y.empty()) return;
    device::require_device_pointer("map", "a", a.data_handle());
    device::require_device_pointer("map", "b", b.data_handle());
    device::require_device_pointer("map", "y", y.data_handle());
    const bool repeated = b.extent(0) == 1;
    if (!repeated && device::rows_without_gaps(a) && device::rows_without_gaps(b) && device::rows_without_gaps(y)) {
      a = make_matrix(a.data_handle(), 1, a.size());
      b = make_matrix(b.data_handle(), 1, b.size());
      y = make_matrix(y.data_handle(), 1, y.size());
    }
    if (device::rows_of_vectors(a) && device::rows_of_vectors(b) && device::rows_of_vectors(y)) {
      two<4>(ctx, a, b, y, f);
    } else {
      two<1>(ctx, a, b, y, f);
    }
  }

 private:
  template <unsigned V, class F>
  static void one(context<backend_type>& ctx, const matrix_view<const float>& x, const matrix_view<float>& y, const F& f) {
    using functor = device::map_one<F, V>;
    const device::row_tiling<functor::threads> tiling(y.extent(0), y.extent(1) / V);
    device::launch(ctx.backend.stream, tiling.grid(), 0,
                   functor{tiling, x.data_handle(), x.stride(0), y.data_handle(), y.stride(0), f});
  }

  template <unsigned V, class F>
  static void two(context<backend_type>& ctx, const matrix_view<const float>& a, const matrix_view<const float>& b,
                  const matrix_view<float>& y, const F& f) {
    using functor = device::map_two<F, V>;
    const device::row_tiling<functor::threads> tiling(y.extent(0), y.extent(1) / V);
    device::launch(ctx.backend.stream, tiling.grid(), 0,
                   functor{tiling, a.data_handle(), a.stride(0), b.data_handle(), b.extent(0) == 1 ? 0 : b.stride(0),
                           y.data_handle(), y.stride(0), f});
  }
};

template <class Arch>
struct kernel<op::reduce, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static void mean(context<backend_type> ctx, matrix_view<const float> x, std::span<float> y) {
    reduce<device::row_sum>(ctx, x, y, static_cast<float>(1.0 / static_cast<double>(x.extent(0))));
  }

  static void maximum(context<backend_type> ctx, matrix_view<const float> x, std::span<float> y) {
    reduce<device::row_maximum>(ctx, x, y, 1.0F);
  }

 private:
  template <class Combine>
  static void reduce(context<backend_type>& ctx, const matrix_view<const float>& x, std::span<float> y, float factor) {
    if (y.empty()) return;
    device::require_device_pointer("reduce", "x", x.data_handle());
    device::require_device_pointer("reduce", "y", y.data());
    if (device::rows_of_vectors(x) && device::rows_of_vectors(y.data(), 0, 1)) {
      launch<Combine, 4>(ctx, x, y, factor);
    } else {
      launch<Combine, 1>(ctx, x, y, factor);
    }
  }

  template <class Combine, unsigned V>
  static void launch(context<backend_type>& ctx, const matrix_view<const float>& x, std::span<float> y, float factor) {
    using functor = device::reduce_rows<Combine, V>;
    // A sector wide while there are few columns, so that many blocks share the rows; a line wide where there are enough.
    const unsigned lanes_log2 = (V == 4 ? 1U : 3U) + (y.size() >= 8192 ? 2U : 0U);
    const std::uint64_t tiles = ((y.size() / V - 1) >> lanes_log2) + 1;
    device::launch(ctx.backend.stream, device::grid_of(tiles), functor::threads * V * sizeof(float),
                   functor{x.extent(0), x.extent(1), x.data_handle(), x.stride(0), y.data(), factor, lanes_log2});
  }
};

}  // namespace heddle::inline v0
