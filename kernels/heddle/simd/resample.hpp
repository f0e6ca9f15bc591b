/// @file
/// `resize`, `roi_align` and `precise_roi_pool` in two passes, rows first, and `grid_sample`; vectors run over channels.
#pragma once

#include <heddle/primitive/resample.hpp>
#include <heddle/simd/vec.hpp>

namespace heddle::inline v0 {

namespace detail {

/// `y[i] = sum over t of weights[t] * rows[t * stride + i]` for `i < count`. Several registers at a time, so that the sum
/// over taps is not one chain of dependent additions.
template <class Isa>
struct weighted_rows {
  using v = vec<Isa>;

  static HEDDLE_ALWAYS_INLINE void run(const float* rows, std::size_t stride, const tap_run<float>& taps, float* y,
                                       std::size_t count) {
    std::size_t i = 0;
    for (; i + 4 * v::size <= count; i += 4 * v::size) block<4>(rows + i, stride, taps, y + i);
    for (; i + v::size <= count; i += v::size) block<1>(rows + i, stride, taps, y + i);
    if (i < count) rest(rows + i, stride, taps, y + i, count - i);
  }

 private:
  template <int N>
  static HEDDLE_ALWAYS_INLINE void block(const float* rows, std::size_t stride, const tap_run<float>& taps, float* y) {
    v sum[N];
    HEDDLE_UNROLL
    for (int n = 0; n < N; ++n) sum[n] = v::zero();
    for (std::size_t t = 0; t < taps.count(); ++t) {
      const v weight(taps[t]);
      HEDDLE_UNROLL
      for (int n = 0; n < N; ++n)
        sum[n] = fma(weight, v::load(rows + t * stride + static_cast<std::size_t>(n) * v::size), sum[n]);
    }
    HEDDLE_UNROLL
    for (int n = 0; n < N; ++n) sum[n].store(y + static_cast<std::size_t>(n) * v::size);
  }

  static HEDDLE_ALWAYS_INLINE void rest(const float* rows, std::size_t stride, const tap_run<float>& taps, float* y,
                                        std::size_t count) {
    v sum = v::zero();
    for (std::size_t t = 0; t < taps.count(); ++t) sum = fma(v(taps[t]), v::load_partial(rows + t * stride, count), sum);
    sum.store_partial(y, count);
  }
};

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::resample, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;

  template <class Rows, class Columns>
  static std::size_t bytes(const backend_type& backend, std::size_t width, std::size_t channels, const Rows& rows,
                           const Columns& columns) {
    return scratch_bytes<float>(columns.outputs() * columns.max_taps()) + scratch_bytes<tap_run<float>>(columns.outputs()) +
           backend.concurrency() * (scratch_bytes<float>(rows.max_taps()) + scratch_bytes<float>(width * channels));
  }

  template <class Rows, class Columns>
  static void run(context<backend_type> ctx, const detail::image_view& x, const Rows& rows, const Columns& columns, float* y) {
    const std::size_t workers = ctx.backend.concurrency();
    float* weights = ctx.scratch.template take<float>(columns.outputs() * columns.max_taps());
    auto* table = ctx.scratch.template take<tap_run<float>>(columns.outputs());
    const std::size_t row_taps = scratch_bytes<float>(rows.max_taps()) / sizeof(float);
    const std::size_t row_floats = scratch_bytes<float>(x.width * x.channels) / sizeof(float);
    float* row_weights = ctx.scratch.template take<float>(workers * row_taps);
    float* buffers = ctx.scratch.template take<float>(workers * row_floats);

    std::size_t first = x.width;
    std::size_t end = 0;
    for (std::size_t j = 0; j < columns.outputs(); ++j) {
      table[j] = tap_run<float>(weights + j * columns.max_taps());
      columns.taps(j, table[j]);
      if (table[j].count() == 0) continue;
      first = table[j].first() < first ? table[j].first() : first;
      end = table[j].end() > end ? table[j].end() : end;
    }
    const std::size_t used = end > first ? (end - first) * x.channels : 0;
    ctx.backend.parallel_for(rows.outputs(), [&](std::size_t i, std::size_t worker) {
      tap_run<float> row(row_weights + worker * row_taps);
      rows.taps(i, row);
      float* buffer = buffers + worker * row_floats;
      const float* source = x.data + (row.first() * x.width + first) * x.channels;
      detail::weighted_rows<Isa>::run(source, x.width * x.channels, row, buffer, used);
      for (std::size_t j = 0; j < columns.outputs(); ++j) {
        // A column without taps reads nothing; its place in the buffer does not matter.
        const std::size_t at = table[j].count() == 0 ? 0 : table[j].first() - first;
        detail::weighted_rows<Isa>::run(buffer + at * x.channels, x.channels, table[j],
                                        y + (i * columns.outputs() + j) * x.channels, x.channels);
      }
    });
  }
};

template <class Isa, class Executor>
struct kernel<op::grid_sample, simd_backend<Isa, Executor>> {
  using v = vec<Isa>;
  using taps_type = detail::point_taps<float>;

  template <class Mode, class Padding, bool AlignCorners>
  static void run(context<simd_backend<Isa, Executor>> ctx, const map_view<const float>& x, const map_view<const float>& grid,
                  const map_view<float>& y) {
    const std::size_t rows = y.extent(1);
    ctx.backend.parallel_for(y.extent(0) * rows, [&](std::size_t row, std::size_t) {
      const float* map = x.data_handle() + row / rows * x.extent(1) * x.extent(2) * x.extent(3);
      for (std::size_t j = 0; j < y.extent(2); ++j) {
        const float* g = grid.data_handle() + (row * y.extent(2) + j) * 2;
        const taps_type columns = detail::grid_taps<Mode, Padding, AlignCorners, float>(g[0], x.extent(2));
        const taps_type lines = detail::grid_taps<Mode, Padding, AlignCorners, float>(g[1], x.extent(1));
        float* out = y.data_handle() + (row * y.extent(2) + j) * y.extent(3);
        point(map, x.extent(2), x.extent(3), lines, columns, out);
      }
    });
  }

 private:
  static HEDDLE_ALWAYS_INLINE void point(const float* map, std::size_t width, std::size_t channels, const taps_type& rows,
                                         const taps_type& columns, float* y) {
    std::size_t c = 0;
    for (; c + v::size <= channels; c += v::size)
      sum(map + c, width, channels, rows, columns, [](const float* p) { return v::load(p); }).store(y + c);
    if (c < channels) {
      const std::size_t rest = channels - c;
      sum(map + c, width, channels, rows, columns, [rest](const float* p) {
        return v::load_partial(p, rest);
      }).store_partial(y + c, rest);
    }
  }

  template <class Load>
  static HEDDLE_ALWAYS_INLINE v sum(const float* map, std::size_t width, std::size_t channels, const taps_type& rows,
                                    const taps_type& columns, Load load) {
    v total = v::zero();
    for (std::size_t r = 0; r < rows.count; ++r)
      for (std::size_t s = 0; s < columns.count; ++s)
        total = fma(v(rows.weight[r] * columns.weight[s]), load(map + (rows.index[r] * width + columns.index[s]) * channels),
                    total);
    return total;
  }
};

}  // namespace heddle::inline v0
