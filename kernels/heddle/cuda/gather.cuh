/// @file
/// `gather_rows` and the scatters on a device. What is scattered is collected: a warp owns a row of the result, looks through
/// the positions and takes its rows in their order, so that nothing depends on who comes first. A position beyond the rows
/// is left out like a negative one: nobody can be told before the launch.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/gather.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// `y[i] = x[positions[i]]`.
template <unsigned V>
struct gather_rows_at {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;
  const float* x;
  std::uint64_t x_stride, x_rows;
  const std::int32_t* positions;
  float* y;
  std::uint64_t y_stride;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t row, std::uint64_t i) {
      const std::int32_t from = load_global(positions + row);
      const bool inside = from >= 0 && static_cast<std::uint64_t>(from) < x_rows;
      const floats<V> value =
          inside ? load_floats<V>(x + static_cast<std::uint64_t>(from) * x_stride + i * V) : same_floats<V>(0.0F);
      store_floats(y + row * y_stride + i * V, value);
    });
  }
};

/// What a scatter does with the rows of one position.
struct last_row {
  using sum_type = float;
  static constexpr bool one = true;  ///< the last row counts alone
  static HEDDLE_DEVICE float combine(float, float row, float) { return row; }
};
struct sum_of_rows {
  using sum_type = double;
  static constexpr bool one = false;
  static HEDDLE_DEVICE double combine(double sum, float row, float weight) {
    return sum + static_cast<double>(weight) * static_cast<double>(row);
  }
};
/// A NaN stays.
struct maximum_of_rows {
  using sum_type = float;
  static constexpr bool one = false;
  static HEDDLE_DEVICE float combine(float largest, float row, float) { return row > largest || row != row ? row : largest; }
};

/// `y[r] = combine(y[r], all x[i] with positions[i] == r)`, a warp for every row and slice of columns.
template <class Combine, unsigned V>
struct collect_rows {
  static constexpr unsigned threads = 128;
  static constexpr unsigned warps = threads / 32;
  static constexpr unsigned vectors = 2;               ///< of a lane
  static constexpr unsigned slice = 32 * V * vectors;  ///< columns of a warp
  const float* x;
  std::uint64_t x_stride;
  const std::int32_t* positions;
  std::uint64_t count;   ///< of positions
  const float* weights;  ///< null: all 1
  float* y;
  std::uint64_t y_stride, rows, columns;

  HEDDLE_HOST_DEVICE std::uint64_t slices() const { return (columns - 1) / slice + 1; }
  std::uint64_t blocks() const { return (rows * slices() - 1) / warps + 1; }

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t w = std::uint64_t{block_index()} * warps + warp(); w < rows * slices();
         w += std::uint64_t{grid_size()} * warps) {
      const std::uint64_t row = w / slices();
      collect(row, (w - row * slices()) * slice + lane() * V);
    }
  }

 private:
  using sum_type = typename Combine::sum_type;

  HEDDLE_DEVICE void collect(std::uint64_t row, std::uint64_t column) const {
    float* const to = y + row * y_stride;
    sum_type sum[vectors][V];
    bool found = false;
    // From the last positions on if one row counts, else in their order.
    for (std::uint64_t done = 0; done < count; done += 32) {
      const std::uint64_t at = done + lane();
      const std::uint64_t i = Combine::one ? count - 1 - at : at;
      const bool mine = at < count && load_global(positions + i) == static_cast<std::int32_t>(row);
      std::uint32_t hits = ballot(mine);
      if (hits == 0) continue;
      if (!found && !Combine::one) start(sum, to, column);
      found = true;
      take(hits, done, column, sum);
      if (Combine::one) break;
    }
    if (found) finish(sum, to, column);
  }

  /// Two rows at a time: the second is on its way while the first is added.
  HEDDLE_DEVICE void take(std::uint32_t hits, std::uint64_t done, std::uint64_t column, sum_type (&sum)[vectors][V]) const {
    while (hits != 0) {
      const std::uint64_t first = done + lowest(hits);
      hits &= hits - 1;
      const bool both = !Combine::one && hits != 0;
      const std::uint64_t second = both ? done + lowest(hits) : first;
      hits = Combine::one ? 0 : hits & (hits - 1);
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < vectors; ++n) {
        const std::uint64_t c = column + n * 32 * V;
        if (c >= columns) continue;
        const floats<V> a = load_floats<V>(x + index(first) * x_stride + c);
        const floats<V> b = load_floats<V>(x + index(second) * x_stride + c);
        HEDDLE_DEVICE_UNROLL
        for (unsigned k = 0; k < V; ++k) {
          sum[n][k] = Combine::combine(sum[n][k], a[k], weight(first));
          if (both) sum[n][k] = Combine::combine(sum[n][k], b[k], weight(second));
        }
      }
    }
  }

  HEDDLE_DEVICE std::uint64_t index(std::uint64_t at) const { return Combine::one ? count - 1 - at : at; }
  HEDDLE_DEVICE float weight(std::uint64_t at) const { return weights == nullptr ? 1.0F : load_global(weights + at); }
  static HEDDLE_DEVICE unsigned lowest(std::uint32_t bits) { return count_bits((bits & (0U - bits)) - 1); }

  HEDDLE_DEVICE void start(sum_type (&sum)[vectors][V], const float* from, std::uint64_t column) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < vectors; ++n) {
      const std::uint64_t c = column + n * 32 * V;
      const floats<V> value = c < columns ? load_floats<V>(from + c) : same_floats<V>(0.0F);
      HEDDLE_DEVICE_UNROLL
      for (unsigned k = 0; k < V; ++k) sum[n][k] = value[k];
    }
  }

  HEDDLE_DEVICE void finish(const sum_type (&sum)[vectors][V], float* to, std::uint64_t column) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < vectors; ++n) {
      const std::uint64_t c = column + n * 32 * V;
      if (c >= columns) continue;
      floats<V> value;
      HEDDLE_DEVICE_UNROLL
      for (unsigned k = 0; k < V; ++k) value[k] = static_cast<float>(sum[n][k]);
      store_floats(to + c, value);
    }
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::gather, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  static void gather(context<backend_type> ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                     const matrix_view<float>& y) {
    if (y.empty()) return;
    require(x, positions, y);
    if (device::rows_of_vectors(x) && device::rows_of_vectors(y)) {
      move<4>(ctx.backend.stream, x, positions, y);
    } else {
      move<1>(ctx.backend.stream, x, positions, y);
    }
  }

  static void scatter(context<backend_type> ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                      const matrix_view<float>& y) {
    collect<device::last_row>(ctx, x, positions, y, {});
  }

  static void scatter_add(context<backend_type> ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                          const matrix_view<float>& y, std::span<const float> weights) {
    collect<device::sum_of_rows>(ctx, x, positions, y, weights);
  }

  static void scatter_max(context<backend_type> ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                          const matrix_view<float>& y) {
    collect<device::maximum_of_rows>(ctx, x, positions, y, {});
  }

 private:
  static void require(const matrix_view<const float>& x, std::span<const std::int32_t> positions, const matrix_view<float>& y) {
    device::require_device_pointer("gather", "x", x.data_handle());
    device::require_device_pointer("gather", "positions", positions.data());
    device::require_device_pointer("gather", "y", y.data_handle());
  }

  template <unsigned V>
  static void move(device::stream stream, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                   const matrix_view<float>& y) {
    using functor = device::gather_rows_at<V>;
    const device::row_tiling<functor::threads> tiling(y.extent(0), y.extent(1) / V);
    device::launch(stream, tiling.grid(), 0,
                   functor{tiling, x.data_handle(), x.stride(0), x.extent(0), positions.data(), y.data_handle(), y.stride(0)});
  }

  template <class Combine>
  static void collect(context<backend_type>& ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                      const matrix_view<float>& y, std::span<const float> weights) {
    if (y.empty() || positions.empty()) return;
    require(x, positions, y);
    device::require_device_pointer("gather", "weights", weights.data());
    if (device::rows_of_vectors(x) && device::rows_of_vectors(y)) {
      collect<Combine, 4>(ctx.backend.stream, x, positions, y, weights);
    } else {
      collect<Combine, 1>(ctx.backend.stream, x, positions, y, weights);
    }
  }

  template <class Combine, unsigned V>
  static void collect(device::stream stream, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                      const matrix_view<float>& y, std::span<const float> weights) {
    const device::collect_rows<Combine, V> f{
        x.data_handle(), x.stride(0), positions.data(), positions.size(), weights.empty() ? nullptr : weights.data(),
        y.data_handle(), y.stride(0), y.extent(0),      y.extent(1)};
    device::launch(stream, device::grid_of(f.blocks()), 0, f);
  }
};

}  // namespace heddle::inline v0
