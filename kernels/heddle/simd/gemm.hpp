/// @file
/// `gemm` on vectors. The weight is packed once into panels of one to four vectors of outputs; rows are read where they
/// lie, by broadcast; a tile of rows and one panel is computed in registers.
///
/// Every output is one chain of multiply-adds over k, starting at the bias: its bits depend neither on the tile that its
/// row fell into nor on the number of workers.
#pragma once

#include <algorithm>

#include "gemm_pack.hpp"
#include "gemm_tiles.hpp"
#include "math.hpp"

namespace heddle::inline v0 {

namespace detail {

/// One product: where rows, outputs and residual lie.
struct gemm_operands {
  std::span<const row_segment> segments;
  std::size_t rows;
  const dense_weight* weight;
  float* y;
  std::size_t y_stride;
  const float* residual;  ///< null: none
  std::size_t residual_stride;
};

/// `y = residual + activation(raw)` for `rows` rows of `columns` outputs; `raw` is padded to whole vectors.
template <class Isa, class Activation>
HEDDLE_ALWAYS_INLINE void finish_tile(const float* raw, std::size_t raw_stride, std::size_t rows, std::size_t columns, float* y,
                                      std::size_t y_stride, const float* residual, std::size_t residual_stride,
                                      Activation activation) {
  using v = vec<Isa>;
  for (std::size_t r = 0; r < rows; ++r, raw += raw_stride, y += y_stride) {
    std::size_t c = 0;
    HEDDLE_NO_UNROLL
    for (; c + v::size <= columns; c += v::size) {
      v t = activation(v::load(raw + c));
      if (residual != nullptr) t = v::load(residual + c) + t;
      t.store(y + c);
    }
    if (c < columns) {
      v t = activation(v::load(raw + c));
      if (residual != nullptr) t = v::load_partial(residual + c, columns - c) + t;
      t.store_partial(y + c, columns - c);
    }
    if (residual != nullptr) residual += residual_stride;
  }
}

/// Rows [first, first + rows) times one panel, which was used just before unless `cold`. Rows are spread evenly over tiles. A
/// tile with more rows than are left begins earlier and drops what is already done.
template <class Isa, class Activation>
HEDDLE_ALWAYS_INLINE void gemm_panel(const gemm_operands& g, std::size_t first, std::size_t rows, const gemm_panel_place& place,
                                     bool cold, Activation activation) {
  constexpr std::size_t buffer_rows = 14;
  constexpr std::size_t lanes = vec<Isa>::size;
  alignas(memory_alignment) float buffer[buffer_rows * gemm_shape<Isa>::widest * lanes];
  const std::size_t width = place.vectors * lanes;
  const std::size_t columns = std::min(width, g.weight->outputs - place.first_output);
  const bool in_place = std::is_same_v<Activation, identity> && g.residual == nullptr && columns == width;

  std::size_t tallest = gemm_shape<Isa>::tallest(place.vectors);
  if (rows < tallest) {  // the tallest tile that does not reach beyond the rows
    tallest = rows;
    while (choose_gemm_tile<Isa>(tallest, place.vectors).rows > rows) --tallest;
  }
  const std::size_t tiles = (rows + tallest - 1) / tallest;
  const std::size_t low = rows / tiles;
  const std::size_t higher_tiles = rows % tiles;  // this many have one row more
  constexpr std::size_t nearest_cache_floats = 10 * 1024;
  const std::size_t panel_floats = g.weight->inputs * width;
  const bool streams = panel_floats > nearest_cache_floats;  // else only the first tile waits for its panel
  std::size_t row = 0;
  for (std::size_t i = 0; i < tiles; ++i) {
    const std::size_t count = low + (i < higher_tiles ? 1 : 0);
    const gemm_tile_choice tile = choose_gemm_tile<Isa>(count, place.vectors);
    const std::size_t start = std::min(row, rows - tile.rows);
    float* const y = g.y + (first + row) * g.y_stride + place.first_output;
    const bool direct = in_place && tile.rows == count;
    gemm_tile t{g.weight->data + place.offset,
                g.weight->bias + place.first_output,
                g.segments.data(),
                g.segments.size(),
                first + start,
                direct ? y : buffer,
                direct ? g.y_stride : width,
                streams || (cold && i == 0)};
    if (streams && tiles > 1) {  // the panel behind this one, a share with every tile; behind the last one the first again
      const bool last = place.first_output + columns == g.weight->outputs;
      t.next = g.weight->data + (last ? 0 : place.offset + panel_floats) + i * panel_floats / tiles;
      t.next_step = (width * sizeof(float) + tiles - 1) / tiles;
    }
    tile.run(t);
    if (!direct)
      finish_tile<Isa>(buffer + (row - start) * width, width, count, columns, y, g.y_stride,
                       g.residual == nullptr ? nullptr : g.residual + (first + row) * g.residual_stride + place.first_output,
                       g.residual_stride, activation);
    row += count;
  }
}

/// Rows [first, first + rows) for a weight of very few outputs, which is not packed.
template <class Isa, class Activation>
HEDDLE_ALWAYS_INLINE void gemm_narrow(const gemm_operands& g, std::size_t first, std::size_t rows, Activation activation) {
  constexpr std::size_t lanes = vec<Isa>::size;
  constexpr std::size_t height = 4;
  alignas(memory_alignment) float buffer[height * lanes] = {};
  const dense_weight& w = *g.weight;
  for (std::size_t row = first; row < first + rows;) {
    const std::size_t count = first + rows - row >= height ? height : 1;
    const gemm_tile t{w.data, w.bias, g.segments.data(), g.segments.size(), row, buffer, lanes, false};
    if (count == height) {
      run_dot_rows<Isa, height>(t, w.inputs, w.outputs);
    } else {
      run_dot_rows<Isa, 1>(t, w.inputs, w.outputs);
    }
    finish_tile<Isa>(buffer, lanes, count, w.outputs, g.y + row * g.y_stride, g.y_stride,
                     g.residual == nullptr ? nullptr : g.residual + row * g.residual_stride, g.residual_stride, activation);
    row += count;
  }
}

/// Rows that all of a few small panels are applied to before the next rows, so that a row of outputs is written whole while
/// its lines are near: one tile. Otherwise all `rows`: a panel is applied to all of them before the next panel.
template <class Isa>
std::size_t gemm_step(const gemm_packing<Isa>& panels, std::size_t panel, std::size_t panel_end, std::size_t rows,
                      std::size_t weight_size) noexcept {
  constexpr std::size_t near_floats = 12 * 1024;
  constexpr std::size_t enough_rows = 128;  // fewer outputs are near anyway
  if (rows < enough_rows) return rows;
  const std::size_t vectors = panels.place(panel).vectors;
  const bool even = vectors == 4 || panels.place(panel_end - 1).vectors ==
                                        vectors;  // tiles of four vectors are the lowest: all others can be as low
  return panel_end - panel > 1 && even && weight_size <= near_floats ? gemm_shape<Isa>::tallest(vectors) : rows;
}

/// Rows [first, first + rows) times panels [panel, panel_end).
template <class Isa, class Activation>
HEDDLE_NOINLINE void gemm_block(const gemm_operands& g, std::size_t first, std::size_t rows, std::size_t panel,
                                std::size_t panel_end, Activation activation) {
  using packing = gemm_packing<Isa>;
  if (rows == 0 || panel == panel_end) return;
  if (packing::narrow(g.weight->outputs, g.weight->inputs)) return gemm_narrow<Isa>(g, first, rows, activation);
  const packing panels(g.weight->outputs, g.weight->inputs);
  const std::size_t step = gemm_step<Isa>(panels, panel, panel_end, rows, g.weight->outputs * g.weight->inputs);
  for (std::size_t begin = 0; begin < rows; begin += step)
    for (std::size_t p = panel; p < panel_end; ++p)
      gemm_panel<Isa>(g, first + begin, std::min(step, rows - begin), panels.place(p), begin == 0, activation);
}

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::gemm, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using packing = detail::gemm_packing<Isa>;
  static constexpr std::uint32_t format = packing::format;

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    return packing::prepare(weight, bias);
  }

  static constexpr std::size_t size_in(std::size_t outputs, std::size_t inputs) noexcept {
    return packing::size_in(outputs, inputs);
  }

  static dense_weight prepare_in(matrix_view<const float> weight, float* storage) {
    return packing::prepare_in(weight, storage);
  }

  static constexpr std::size_t scaled_size(std::size_t outputs, std::size_t inputs) noexcept {
    return packing::size(outputs, inputs);
  }

  static dense_weight scale_inputs(const dense_weight& weight, std::span<const float> scale, float* storage) {
    return packing::scale_inputs(weight, scale, storage);
  }

  template <class Activation>
  static void run(context<backend_type> ctx, const segmented_rows& x, const dense_weight& weight, matrix_view<float> y,
                  Activation activation, matrix_view<const float> residual) {
    const bool adds = residual.data_handle() != nullptr;
    const detail::gemm_operands g{
        x.segments, x.rows, &weight, y.data_handle(), y.stride(0), residual.data_handle(), adds ? residual.stride(0) : 0};
    const split parts(x.rows, weight);
    if (parts.row_blocks * parts.panel_groups == 1) return detail::gemm_block<Isa>(g, 0, x.rows, 0, parts.panels, activation);
    ctx.backend.parallel_for(parts.row_blocks * parts.panel_groups, [&](std::size_t index, std::size_t) {
      const std::size_t block = index / parts.panel_groups;
      const std::size_t group = index % parts.panel_groups;
      const std::size_t first = block * x.rows / parts.row_blocks;
      const std::size_t end = (block + 1) * x.rows / parts.row_blocks;
      detail::gemm_block<Isa>(g, first, end - first, group * parts.panels / parts.panel_groups,
                              (group + 1) * parts.panels / parts.panel_groups, activation);
    });
  }

 private:
  /// Blocks of rows whose inputs stay in the second-level cache while the panels pass by; where rows are few and the work
  /// is not, groups of panels too. Depends on the shape alone.
  struct split {
    std::size_t panels;
    std::size_t row_blocks;
    std::size_t panel_groups = 1;

    split(std::size_t rows, const dense_weight& weight) : panels(packing(weight.outputs, weight.inputs).panels()) {
      constexpr std::size_t block_floats = 256 * 1024;
      constexpr std::size_t enough_parts = 16;
      constexpr std::size_t worth_splitting = std::size_t{1} << 21;  // multiply-adds: about 50 us
      const std::size_t block_rows = std::clamp<std::size_t>(block_floats / std::max<std::size_t>(weight.inputs, 1), 28, 256);
      row_blocks = std::max<std::size_t>(1, (rows + block_rows - 1) / block_rows);
      if (row_blocks < enough_parts && rows * weight.outputs * weight.inputs > worth_splitting)
        panel_groups = std::clamp<std::size_t>(enough_parts / row_blocks, 1, std::max<std::size_t>(panels, 1));
    }
  };
};

}  // namespace heddle::inline v0
