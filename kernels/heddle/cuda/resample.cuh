/// @file
/// `resize`, `roi_align` and `precise_roi_pool` on a device. The rules run once for every row and column of the result and
/// leave tables of taps in the scratch memory; then one pass reads the map, or two (down, then across) where a shrinking rule
/// has many taps.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/resample.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// A run of neighbouring inputs.
struct alignas(16) tap_span {
  std::uint64_t first;
  std::uint64_t count;
};

/// The taps of an axis: output `k` has its weights from `weights + k * pitch` on. Without spans output k is input k.
struct tap_table {
  const float* weights = nullptr;
  const tap_span* spans = nullptr;
  std::uint64_t pitch = 0;

  HEDDLE_DEVICE tap_span span(std::uint64_t k) const { return spans == nullptr ? tap_span{k, 1} : load_global(spans + k); }
  HEDDLE_DEVICE float weight(std::uint64_t k, std::uint64_t t) const {
    return spans == nullptr ? 1.0F : load_global(weights + k * pitch + t);
  }
};

/// Where a table is made.
struct tap_memory {
  float* weights = nullptr;
  tap_span* spans = nullptr;
  std::uint64_t pitch = 0;

  HEDDLE_DEVICE tap_run<float> run(std::uint64_t k) const { return tap_run<float>(weights + k * pitch); }
  HEDDLE_DEVICE void keep(std::uint64_t k, const tap_run<float>& run) const {
    store_global(spans + k, tap_span{run.first(), run.count()});
  }
  tap_table table() const noexcept { return {weights, spans, pitch}; }
};

/// Asks the rules of both axes of a resize.
template <class Rows, class Columns>
struct make_tap_tables {
  static constexpr unsigned threads = 128;
  Rows rows;
  Columns columns;
  tap_memory down;
  tap_memory across;

  HEDDLE_DEVICE void operator()() const {
    const std::uint64_t count = rows.outputs() + columns.outputs();
    for (std::uint64_t k = std::uint64_t{block_index()} * threads + thread(); k < count;
         k += std::uint64_t{grid_size()} * threads) {
      if (k < rows.outputs()) {
        make(rows, down, k);
      } else {
        make(columns, across, k - rows.outputs());
      }
    }
  }

 private:
  template <class Axis>
  static HEDDLE_DEVICE void make(const Axis& axis, const tap_memory& memory, std::uint64_t k) {
    tap_run<float> run = memory.run(k);
    axis.taps(k, run);
    memory.keep(k, run);
  }
};

/// Asks the rules of both axes of every box: the tables of the boxes follow each other.
template <class Axis, class Options>
struct make_box_tables {
  static constexpr unsigned threads = 128;
  const float* rois;
  std::uint64_t roi_stride;
  std::uint64_t boxes, height, width;  ///< the bins of a box
  std::uint64_t x_height, x_width;
  Options options;
  tap_memory down;
  tap_memory across;

  HEDDLE_DEVICE void operator()() const {
    const std::uint64_t count = boxes * (height + width);
    for (std::uint64_t i = std::uint64_t{block_index()} * threads + thread(); i < count;
         i += std::uint64_t{grid_size()} * threads) {
      const std::uint64_t r = i / (height + width);
      const std::uint64_t k = i - r * (height + width);
      const float* const box = rois + r * roi_stride;
      if (k < height) {
        make(Axis(load_global(box + 2), load_global(box + 4), height, x_height, options), down, r * height, k);
      } else {
        make(Axis(load_global(box + 1), load_global(box + 3), width, x_width, options), across, r * width, k - height);
      }
    }
  }

 private:
  static HEDDLE_DEVICE void make(const Axis& axis, const tap_memory& memory, std::uint64_t first, std::uint64_t k) {
    tap_run<float> run = memory.run(first + k);
    axis.taps(k, run);
    memory.keep(first + k, run);
  }
};

/// `y[n, i, j, :]` = the taps of row i and column j on one image of `x`. Images are those of `x` in turn, or with `rois` the
/// ones that the boxes name, each box with its own tables.
template <unsigned V>
struct resample_pixels {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;  ///< pixels of y x vectors of channels
  const float* x;
  float* y;
  std::uint64_t images, x_height, x_width, height, width, channels;
  tap_table down;
  tap_table across;
  const float* rois = nullptr;
  std::uint64_t roi_stride = 0;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t pixel, std::uint64_t i) {
      const std::uint64_t line = pixel / width;
      const std::uint64_t n = line / height;
      const std::uint64_t row = rois == nullptr ? line - n * height : line;
      const std::uint64_t column = pixel - line * width + (rois == nullptr ? 0 : n * width);
      std::uint64_t image = n;
      floats<V> sum = same_floats<V>(0.0F);
      if (rois != nullptr) {
        const float named = load_global(rois + n * roi_stride);
        const bool is_image = named >= 0.0F && named < static_cast<float>(images);
        image = is_image ? static_cast<std::uint64_t>(named) : 0;
        if (!is_image) sum = same_floats<V>(__builtin_nanf(""));
      }
      add_taps(sum, x + image * x_height * x_width * channels + i * V, row, column);
      store_floats(y + pixel * channels + i * V, sum);
    });
  }

 private:
  HEDDLE_DEVICE void add_taps(floats<V>& sum, const float* from, std::uint64_t row, std::uint64_t column) const {
    const tap_span rows = down.span(row);
    const tap_span columns = across.span(column);
    for (std::uint64_t t = 0; t < rows.count; ++t) {
      const float outer = down.weight(row, t);
      const float* const line = from + ((rows.first + t) * x_width + columns.first) * channels;
      for (std::uint64_t s = 0; s < columns.count; ++s) {
        const float weight = outer * across.weight(column, s);
        const floats<V> value = load_floats<V>(line + s * channels);
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < V; ++i) sum[i] += weight * value[i];
      }
    }
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::resample, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  /// Tables, and the rows between two passes.
  template <class Rows, class Columns>
  static std::size_t bytes(const backend_type&, std::size_t width, std::size_t channels, const Rows& rows,
                           const Columns& columns) {
    return table_bytes(rows.outputs(), rows.max_taps()) + table_bytes(columns.outputs(), columns.max_taps()) +
           (two_passes(rows, columns) ? scratch_bytes<float>(rows.outputs() * width * channels) : 0);
  }

  /// Every image of a batch.
  template <class Rows, class Columns>
  static void images(context<backend_type> ctx, const map_view<const float>& x, const Rows& rows, const Columns& columns,
                     const map_view<float>& y) {
    device::require_device_pointer("resize", "x", x.data_handle());
    device::require_device_pointer("resize", "y", y.data_handle());
    const device::tap_memory down = take(ctx, rows.outputs(), rows.max_taps());
    const device::tap_memory across = take(ctx, columns.outputs(), columns.max_taps());
    using tables = device::make_tap_tables<Rows, Columns>;
    device::launch(ctx.backend.stream, blocks(rows.outputs() + columns.outputs(), tables::threads), 0,
                   tables{rows, columns, down, across});
    shape s{x.data_handle(), y.data_handle(), x.extent(0), x.extent(1), x.extent(2), y.extent(1), y.extent(2), x.extent(3)};
    if (!two_passes(rows, columns)) return pass(ctx, s, down.table(), across.table());
    float* const between = ctx.scratch.template take<float>(y.extent(1) * x.extent(2) * x.extent(3));
    const std::size_t x_size = x.extent(1) * x.extent(2) * x.extent(3);
    const std::size_t y_size = y.extent(1) * y.extent(2) * y.extent(3);
    for (std::size_t b = 0; b < x.extent(0); ++b) {
      pass(ctx, {x.data_handle() + b * x_size, between, 1, x.extent(1), 1, y.extent(1), 1, x.extent(2) * x.extent(3)},
           down.table(), {});
      pass(ctx, {between, y.data_handle() + b * y_size, 1, y.extent(1), x.extent(2), y.extent(1), y.extent(2), x.extent(3)}, {},
           across.table());
    }
  }

  /// Scratch of `boxes`.
  static std::size_t boxes_bytes(const dynamic_extents<4>& x, const dynamic_extents<4>& y) noexcept {
    return table_bytes(y.extent(0) * y.extent(1), x.extent(1)) + table_bytes(y.extent(0) * y.extent(2), x.extent(2));
  }

  /// All boxes of a pooling. A box that names no image gives NaN: nobody can be told before the launch.
  template <class Axis, class Options>
  static void boxes(context<backend_type> ctx, const map_view<const float>& x, const matrix_view<const float>& rois,
                    const map_view<float>& y, const Options& options) {
    device::require_device_pointer("roi", "x", x.data_handle());
    device::require_device_pointer("roi", "rois", rois.data_handle());
    device::require_device_pointer("roi", "y", y.data_handle());
    const device::tap_memory down = take(ctx, y.extent(0) * y.extent(1), x.extent(1));
    const device::tap_memory across = take(ctx, y.extent(0) * y.extent(2), x.extent(2));
    using tables = device::make_box_tables<Axis, Options>;
    device::launch(ctx.backend.stream, blocks(y.extent(0) * (y.extent(1) + y.extent(2)), tables::threads), 0,
                   tables{rois.data_handle(), rois.stride(0), y.extent(0), y.extent(1), y.extent(2), x.extent(1), x.extent(2),
                          options, down, across});
    const shape s{x.data_handle(), y.data_handle(), x.extent(0), x.extent(1),
                  x.extent(2),     y.extent(1),     y.extent(2), x.extent(3)};
    pass(ctx, s, down.table(), across.table(), rois, y.extent(0));
  }

 private:
  struct shape {
    const float* x;
    float* y;
    std::size_t images, x_height, x_width, height, width, channels;
  };

  static constexpr std::size_t most_taps = 64;  ///< of one pass

  template <class Rows, class Columns>
  static bool two_passes(const Rows& rows, const Columns& columns) noexcept {
    return rows.max_taps() > most_taps / columns.max_taps();
  }
  static constexpr std::size_t table_bytes(std::size_t outputs, std::size_t taps) noexcept {
    return scratch_bytes<float>(outputs * taps) + scratch_bytes<device::tap_span>(outputs);
  }
  static device::tap_memory take(context<backend_type>& ctx, std::size_t outputs, std::size_t taps) {
    float* const weights = ctx.scratch.template take<float>(outputs * taps);
    return {weights, ctx.scratch.template take<device::tap_span>(outputs), taps};
  }
  static unsigned blocks(std::uint64_t items, unsigned threads) noexcept { return device::grid_of((items - 1) / threads + 1); }

  static void pass(context<backend_type>& ctx, const shape& s, const device::tap_table& down, const device::tap_table& across,
                   const matrix_view<const float>& rois = {}, std::size_t boxes = 0) {
    const bool vectors = s.channels % 4 == 0 && device::rows_of_vectors(s.x, 0, 1) && device::rows_of_vectors(s.y, 0, 1);
    if (vectors) {
      launch<4>(ctx.backend.stream, s, down, across, rois, boxes);
    } else {
      launch<1>(ctx.backend.stream, s, down, across, rois, boxes);
    }
  }

  template <unsigned V>
  static void launch(device::stream stream, const shape& s, const device::tap_table& down, const device::tap_table& across,
                     const matrix_view<const float>& rois, std::size_t boxes) {
    using functor = device::resample_pixels<V>;
    const std::size_t results = rois.data_handle() == nullptr ? s.images : boxes;
    const device::row_tiling<functor::threads> tiling(results * s.height * s.width, s.channels / V);
    device::launch(stream, tiling.grid(), 0,
                   functor{tiling, s.x, s.y, s.images, s.x_height, s.x_width, s.height, s.width, s.channels, down, across,
                           rois.data_handle(), rois.data_handle() == nullptr ? 0 : rois.stride(0)});
  }
};

namespace device {

/// The taps of a coordinate in fixed places, so that they stay in registers; those outside the map say `none`.
template <class W>
struct fixed_point_taps {
  using weight_type = W;
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  std::uint64_t index[4] = {none, none, none, none};
  W weight[4] = {};
  unsigned count = 0;

  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void add(float position, std::size_t n, W w) noexcept {
    const bool inside = position >= 0.0F && position < static_cast<float>(n);
    index[count] = inside ? static_cast<std::uint64_t>(position) : none;
    weight[count++] = w;
  }
};

template <class Mode, class Padding, bool AlignCorners, unsigned V>
struct sample_grid {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;  ///< pixels of y x vectors of channels
  const float* x;
  const float* grid;
  float* y;
  std::uint64_t x_height, x_width, pixels, channels;  ///< `pixels` of one image of y

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t pixel, std::uint64_t i) {
      using taps = fixed_point_taps<float>;
      const floats<2> at = load_floats_of_pair(grid + pixel * 2);
      const taps columns = heddle::detail::grid_taps<Mode, Padding, AlignCorners, float, taps>(at[0], x_width);
      const taps rows = heddle::detail::grid_taps<Mode, Padding, AlignCorners, float, taps>(at[1], x_height);
      const float* const map = x + pixel / pixels * x_height * x_width * channels + i * V;
      floats<V> sum = same_floats<V>(0.0F);
      HEDDLE_DEVICE_UNROLL
      for (unsigned r = 0; r < 4; ++r) HEDDLE_DEVICE_UNROLL
      for (unsigned s = 0; s < 4; ++s) {
        if (rows.index[r] == taps::none || columns.index[s] == taps::none) continue;
        const float weight = rows.weight[r] * columns.weight[s];
        const floats<V> value = load_floats<V>(map + (rows.index[r] * x_width + columns.index[s]) * channels);
        HEDDLE_DEVICE_UNROLL
        for (unsigned c = 0; c < V; ++c) sum[c] += weight * value[c];
      }
      store_floats(y + pixel * channels + i * V, sum);
    });
  }

 private:
  static HEDDLE_DEVICE floats<2> load_floats_of_pair(const float* from) {  // a grid may begin anywhere
    return {{load_global(from), load_global(from + 1)}};
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::grid_sample, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  template <class Mode, class Padding, bool AlignCorners>
  static void run(context<backend_type> ctx, const map_view<const float>& x, const map_view<const float>& grid,
                  const map_view<float>& y) {
    device::require_device_pointer("grid_sample", "x", x.data_handle());
    device::require_device_pointer("grid_sample", "grid", grid.data_handle());
    device::require_device_pointer("grid_sample", "y", y.data_handle());
    const bool vectors = x.extent(3) % 4 == 0 && device::rows_of_vectors(x.data_handle(), 0, 1) &&
                         device::rows_of_vectors(y.data_handle(), 0, 1);
    if (vectors) {
      launch<device::sample_grid<Mode, Padding, AlignCorners, 4>, 4>(ctx.backend.stream, x, grid, y);
    } else {
      launch<device::sample_grid<Mode, Padding, AlignCorners, 1>, 1>(ctx.backend.stream, x, grid, y);
    }
  }

 private:
  template <class Functor, unsigned V>
  static void launch(device::stream stream, const map_view<const float>& x, const map_view<const float>& grid,
                     const map_view<float>& y) {
    const device::row_tiling<Functor::threads> tiling(y.extent(0) * y.extent(1) * y.extent(2), y.extent(3) / V);
    device::launch(stream, tiling.grid(), 0,
                   Functor{tiling, x.data_handle(), grid.data_handle(), y.data_handle(), x.extent(1), x.extent(2),
                           y.extent(1) * y.extent(2), y.extent(3)});
  }
};

}  // namespace heddle::inline v0
