/// @file
/// Patch merging: the map at half its sides, the channels of four tokens in one.
#pragma once

#include <cstring>

#include "../primitive/each.hpp"
#include "linear.hpp"
#include "norm.hpp"

namespace heddle::inline v0 {

/// Where `patch_merging` has its norm.
enum class merging_norm {
  before,  ///< of the four tokens together, `[4 C]` (Swin, Liu et al., arXiv 2103.14030; NGswin)
  after    ///< of the result, `[Out]` (Swin Transformer V2, arXiv 2111.09883)
};

/// In which order the four tokens of a cell stand behind each other.
enum class cell_order {
  column_major,  ///< (0, 0), (1, 0), (0, 1), (1, 1) as row, column: Swin
  row_major      ///< (0, 0), (0, 1), (1, 0), (1, 1): NGswin
};

/// Options of `patch_merging`.
struct patch_merging_options {
  merging_norm norm = merging_norm::before;
  cell_order order = cell_order::column_major;
};

/// `y = W Norm(concat(cell))` or `y = Norm(W concat(cell))` for every cell of 2 x 2 tokens: `[batch, height, width, C]` to
/// `[batch, height / 2, width / 2, Out]`. Both sides must be even. Children: `norm` (`weight`, `bias`), `reduction`
/// (`weight` `[Out, 4 C]`).
template <std::size_t C, std::size_t Out, patch_merging_options Options = patch_merging_options{}>
struct patch_merging {
  static constexpr bool norm_first = Options.norm == merging_norm::before;

  layer_norm<norm_first ? 4 * C : Out> norm;
  linear<4 * C, Out, linear_options{.bias = false}> reduction;

  static constexpr auto members() {
    return heddle::members<&patch_merging::norm, &patch_merging::reduction>("norm", "reduction");
  }
  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("patch_merging: x", "channels", C, x.extent(3));
    require_extent("patch_merging: x", "rows, an even number,", x.extent(1) / 2 * 2, x.extent(1));
    require_extent("patch_merging: x", "columns, an even number,", x.extent(2) / 2 * 2, x.extent(2));
    return map_extents(x.extent(0), x.extent(1) / 2, x.extent(2) / 2, Out);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return std::uint64_t{detail::row_count(output_extents(x))} * 4 * C * Out;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents& x) {
    return heddle::scratch_bytes<float>(detail::row_count(output_extents(x)) * 4 * C);
  }

  /// `y` must not overlap `x`.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const std::size_t rows = detail::row_count(y.extents());
    const auto cells = make_matrix(ctx.scratch.template take<float>(rows * 4 * C), rows, 4 * C);
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, rows * 4 * C, cell_element{x, cells.data_handle()});
    } else {
      gather(x, cells.data_handle());
    }
    if constexpr (norm_first) norm.forward_rows(ctx, as_const(cells), cells);
    reduction.forward_rows(ctx, as_const(cells), as_rows(y));
    if constexpr (!norm_first) norm.forward_rows(ctx, as_const(as_rows(y)), as_rows(y));
  }

  static constexpr std::size_t second_row = Options.order == cell_order::column_major ? 1 : 2;
  static constexpr std::size_t second_column = 3 - second_row;

  /// One number of the cells.
  struct cell_element {
    map_view<const float> x;
    float* cells;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      const std::size_t place = i / C % 4;
      const std::size_t cell = i / (4 * C);
      const std::size_t width = x.extent(2) / 2;
      const std::size_t row = place / second_row % 2;
      const std::size_t column = place / second_column % 2;
      const std::size_t rows = x.extent(1) / 2;
      cells[i] = x(cell / width / rows, cell / width % rows * 2 + row, cell % width * 2 + column, i % C);
    }
  };

 private:
  static void gather(map_view<const float> x, float* cells) {
    const std::size_t width = x.extent(2) / 2;
    for (std::size_t b = 0; b < x.extent(0); ++b)
      for (std::size_t i = 0; i < x.extent(1); ++i)
        for (std::size_t j = 0; j < x.extent(2); ++j) {
          const std::size_t cell = (b * (x.extent(1) / 2) + i / 2) * width + j / 2;
          const std::size_t place = i % 2 * second_row + j % 2 * second_column;
          std::memcpy(cells + (cell * 4 + place) * C, &x(b, i, j, 0U), C * sizeof(float));
        }
  }
};

}  // namespace heddle::inline v0
