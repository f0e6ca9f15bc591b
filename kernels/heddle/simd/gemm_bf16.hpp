/// @file
/// `gemm` with weights of bfloat16 on vectors: by tiles where the processor has them and the system grants them, else by
/// dot products of pairs, else by two multiply-adds for a pair. The layout of the weight is the same for all three.
#pragma once

#include <algorithm>

#include "gemm_bf16_tiles.hpp"
#include "math.hpp"

namespace heddle::inline v0 {

namespace detail {

/// One product: where rows, outputs and residual lie.
template <class X, class Y>
struct gemm_bf16_operands {
  matrix_view<const X> x;
  const bf16_weight* weight;
  matrix_view<Y> y;
  matrix_view<const Y> residual;  ///< without data: none
};

template <class Isa, bool Adds, class Y, class Activation>
HEDDLE_ALWAYS_INLINE void finish_rows(const float* raw, std::size_t raw_pitch, std::size_t rows, std::size_t columns,
                                      const float* bias, Y* y, std::size_t y_stride, const Y* residual,
                                      std::size_t residual_stride, Activation activation) {
  using v = vec<Isa>;
  const auto value = [&](std::size_t c) {
    const v t = activation(v::load(raw + c) + v::load(bias + c));
    if constexpr (Adds) return load_as_float<Isa>(residual + c) + t;
    return t;
  };
  for (std::size_t r = 0; r < rows; ++r, raw += raw_pitch, y += y_stride) {
    std::size_t c = 0;
    if constexpr (std::is_same_v<Y, bfloat16> && pairs<Isa>::native) {
      for (; c + 2 * v::size <= columns; c += 2 * v::size) {
        const v low = value(c);
        _mm512_storeu_si512(y + c, pairs<Isa>::rounded(low, value(c + v::size)).words);
      }
    }
    for (; c + v::size <= columns; c += v::size) store_float(value(c), y + c);
    if (c < columns) {
      v t = activation(v::load(raw + c) + v::load(bias + c));
      if constexpr (Adds) t = load_as_float_partial<Isa>(residual + c, columns - c) + t;
      store_float_partial(t, y + c, columns - c);
    }
    if constexpr (Adds) residual += residual_stride;
  }
}

/// `y = residual + activation(raw + bias)` for `rows` rows of `columns` outputs from column `c0` on; `raw` is padded to whole panels.
template <class Isa, class X, class Y, class Activation>
HEDDLE_NOINLINE void finish_bf16(const gemm_bf16_operands<X, Y>& g, const float* raw, std::size_t raw_pitch, std::size_t first,
                                 std::size_t rows, std::size_t c0, std::size_t columns, Activation activation) {
  const Y* residual = g.residual.data_handle();
  const std::size_t residual_stride = residual == nullptr ? 0 : g.residual.stride(0);
  if (residual != nullptr) residual += first * residual_stride + c0;
  Y* y = g.y.data_handle() + first * g.y.stride(0) + c0;
  const float* const bias = g.weight->bias + c0;  // padded like raw
  if (residual != nullptr)
    return finish_rows<Isa, true>(raw, raw_pitch, rows, columns, bias, y, g.y.stride(0), residual, residual_stride, activation);
  finish_rows<Isa, false>(raw, raw_pitch, rows, columns, bias, y, g.y.stride(0), residual, residual_stride, activation);
}

/// Rows [first, first + rows) times groups [group, group_end) by blocks of tiles.
template <class Isa, class Tiles, class X, class Y, class Activation>
class tile_unit {
  using operands_type = gemm_bf16_operands<X, Y>;

  const operands_type& g_;
  gemm_bf16_layout layout_;
  std::size_t first_;
  std::size_t rows_;
  bool in_place_;
  const char* a_;
  tile_operand ao_;
  Activation activation_;
  Tiles tiles_{};
  alignas(memory_alignment) float sums_[2][4 * tile_rows * tile_words];  ///< of the present block, and of the one before
  int present_ = 0;
  struct {  // finished rows: to be turned into outputs while the next block is summed
    const float* sums = nullptr;
    std::size_t pitch = 0;
    std::size_t first = 0;
    std::size_t rows = 0;
    std::size_t c0 = 0;
    std::size_t columns = 0;
  } waiting_;

 public:
  tile_unit(const operands_type& g, bf16_pair* scratch, std::size_t first, std::size_t rows, Activation activation)
      : g_(g),
        layout_(g.weight->outputs, g.weight->inputs),
        first_(first),
        rows_(rows),
        in_place_(std::is_same_v<X, bfloat16> && g.weight->inputs % tile_inputs == 0 && rows >= tile_rows &&
                  on_cache_lines(g.x)),
        activation_(activation) {
    if (in_place_) {
      a_ = reinterpret_cast<const char*>(g.x.data_handle() + first * g.x.stride(0));
      ao_ = {tile_inputs * sizeof(X), g.x.stride(0) * sizeof(X)};
    } else {
      pack_row_tiles<Isa>(g.x, first, rows, layout_.steps(), scratch);
      a_ = reinterpret_cast<const char*>(scratch);
      ao_ = {tile_rows * tile_words * sizeof(bf16_pair), tile_words * sizeof(bf16_pair)};
    }
  }

  void run(std::size_t group, std::size_t group_end) {
    const std::size_t blocks = (rows_ + tile_rows - 1) / tile_rows;
    const std::size_t paired = blocks / 2 * 2;
    // Short rows wait in the first-level cache while the weight passes by; long ones pass by the weight of a group.
    const bool short_rows = layout_.steps() <= 8 || paired == 2;
    if (short_rows) {
      constexpr std::size_t first_level = 24 * 1024;
      const bool once = (layout_.offset(group_end) - layout_.offset(group)) * sizeof(bf16_pair) > first_level;
      for (std::size_t i = 0; i < paired; i += 2)
        for (std::size_t g = group; g < group_end; ++g) {
          if (layout_.width(g) == 1) continue;
          if (once) {
            block<2, 2, tile_stream::weights>(i, 2 * g);
          } else {
            block<2, 2, tile_stream::none>(i, 2 * g);
          }
        }
    }
    std::size_t waiting = 0;  // panels in front of the present one whose last, single block of rows is still to be done
    for (; group < group_end; ++group) {
      const std::size_t panel = 2 * group;
      if (layout_.width(group) == 1) {
        single_block(panel - waiting, waiting, paired);
        waiting = 0;
        narrow(panel, blocks);
        continue;
      }
      if (!short_rows)
        for (std::size_t i = 0; i < paired; i += 2) block<2, 2, tile_stream::rows>(i, panel);
      waiting += 2;
      if (waiting == 4) {
        single_block(panel - 2, 4, paired);
        waiting = 0;
      }
    }
    single_block(2 * group - waiting, waiting, paired);
    finish(waiting_.rows);
  }

 private:
  /// Turns the next `rows` waiting rows into outputs.
  HEDDLE_ALWAYS_INLINE void finish(std::size_t rows) {
    const std::size_t count = std::min(rows, waiting_.rows);
    if (count == 0) return;
    finish_bf16<Isa>(g_, waiting_.sums, waiting_.pitch, waiting_.first, count, waiting_.c0, waiting_.columns, activation_);
    waiting_.sums += count * waiting_.pitch;
    waiting_.first += count;
    waiting_.rows -= count;
  }

  /// A row of a tile that lies across two cache lines costs twice.
  static bool on_cache_lines(matrix_view<const X> x) noexcept {
    return reinterpret_cast<std::uintptr_t>(x.data_handle()) % 64 == 0 && x.stride(0) * sizeof(X) % 64 == 0;
  }

  /// The last panel where their number is odd.
  void narrow(std::size_t panel, std::size_t blocks) {
    std::size_t i = 0;
    for (; i + 4 <= blocks; i += 4) block<4, 1, tile_stream::rows>(i, panel);
    if (blocks - i == 3) return block<3, 1, tile_stream::none>(i, panel);
    if (blocks - i == 2) return block<2, 1, tile_stream::none>(i, panel);
    if (blocks - i == 1) block<1, 1, tile_stream::none>(i, panel);
  }

  /// A block of rows without a neighbour: four panels of outputs together keep the tiles as busy as two by two do.
  void single_block(std::size_t panel, std::size_t panels, std::size_t paired) {
    if (panels == 0 || paired * tile_rows >= rows_) return;
    if (panels == 4) return block<1, 4, tile_stream::none>(paired, panel);
    block<1, 2, tile_stream::none>(paired, panel);
  }

  /// Row at which a block of rows begins: the last one reaches back where rows are read in place.
  std::size_t begin_of(std::size_t block) const noexcept {
    const std::size_t begin = block * tile_rows;
    return in_place_ && begin + tile_rows > rows_ ? rows_ - tile_rows : begin;
  }

  template <int Rows, int Columns, tile_stream Stream>
  void block(std::size_t tile_row, std::size_t panel) {
    constexpr std::size_t width = static_cast<std::size_t>(Columns) * tile_words;
    const std::size_t panel_width = layout_.width(panel / 2);
    const tile_operand bo{panel_width * tile_rows * tile_words * sizeof(bf16_pair),
                          panel_width * tile_words * sizeof(bf16_pair)};
    const char* a[Rows];
    const char* b[Columns];
    for (std::size_t i = 0; i < Rows; ++i)
      a[i] = a_ + (in_place_ ? begin_of(tile_row + i) * ao_.pitch : (tile_row + i) * layout_.steps() * ao_.step);
    for (std::size_t j = 0; j < Columns; ++j) {
      b[j] = reinterpret_cast<const char*>(g_.weight->data + layout_.offset((panel + j) / 2) + (panel + j) % 2 * tile_words);
    }
    const std::size_t c0 = panel * tile_words;
    const std::size_t columns = std::min(width, g_.weight->outputs - c0);
    const std::size_t steps = layout_.steps();
    const std::size_t pause = steps / 4;  // the sums of the last block have only just been stored
    const std::size_t share = (waiting_.rows + steps - pause - 1) / (steps - pause);
    const auto meanwhile = [&](std::size_t s) {
      if (s >= pause) finish(share);
    };
    if constexpr (std::is_same_v<Y, float> && std::is_same_v<Activation, identity>) {
      if (!g_.weight->biased && columns == width && (tile_row + Rows) * tile_rows <= rows_ &&
          g_.residual.data_handle() == nullptr)
        return tile_block<Rows, Columns, Stream>(tiles_, a, ao_, b, bo, steps,
                                                 g_.y.data_handle() + (first_ + tile_row * tile_rows) * g_.y.stride(0) + c0,
                                                 g_.y.stride(0), meanwhile);
    }
    float* const sums = sums_[present_];
    present_ ^= 1;
    tile_block<Rows, Columns, Stream>(tiles_, a, ao_, b, bo, steps, sums, width, meanwhile);
    finish(waiting_.rows);
    const std::size_t begin = tile_row * tile_rows;
    const std::size_t end = std::min(rows_, begin + static_cast<std::size_t>(Rows) * tile_rows);
    const std::size_t last = (tile_row + Rows - 1) * tile_rows;  // only the last block of all reaches back
    const std::size_t skip = last - begin_of(tile_row + Rows - 1);
    if (skip == 0) {
      waiting_ = {sums, width, first_ + begin, end - begin, c0, columns};
    } else {
      if (last > begin) finish_bf16<Isa>(g_, sums, width, first_ + begin, last - begin, c0, columns, activation_);
      waiting_ = {sums + (last - begin + skip) * width, width, first_ + last, end - last, c0, columns};
    }
  }
};

/// Units of work by tiles.
template <class Isa, class Tiles>
struct tile_engine {
  template <class X, class Y, class Activation>
  static void unit(const gemm_bf16_operands<X, Y>& g, bf16_pair* scratch, std::size_t first, std::size_t rows,
                   std::size_t group, std::size_t group_end, Activation activation) {
    tile_unit<Isa, Tiles, X, Y, Activation>(g, scratch, first, rows, activation).run(group, group_end);
  }
};

/// Units of work by dot products in registers.
template <class Isa>
struct dot_engine {
  template <class X, class Y, class Activation>
  static void unit(const gemm_bf16_operands<X, Y>& g, bf16_pair* scratch, std::size_t first, std::size_t rows,
                   std::size_t group, std::size_t group_end, Activation activation) {
    constexpr std::size_t width = 2 * vec<Isa>::size;
    constexpr std::size_t tallest = tallest_dot_tile<Isa>;
    alignas(memory_alignment) float sums[tallest * width];
    const gemm_bf16_layout layout(g.weight->outputs, g.weight->inputs);
    const std::size_t pitch = word_row_pitch(layout.words());
    pack_word_rows<Isa>(g.x, first, rows, layout.words(), scratch);
    for (; group < group_end; ++group) {
      for (std::size_t c = 0; c < layout.width(group) * gemm_bf16_layout::panel; c += width) {
        const std::size_t column = group * gemm_bf16_layout::group + c;
        if (column >= g.weight->outputs) break;
        const std::size_t tiles = (rows + tallest - 1) / tallest;
        for (std::size_t i = 0, row = 0; i < tiles; ++i) {
          const std::size_t count = rows / tiles + (i < rows % tiles ? 1 : 0);
          const dot_tile_choice tile = choose_dot_tile<Isa>(count);
          tile.run({scratch + row * pitch, pitch, g.weight->data + layout.offset(group) + c,
                    layout.width(group) * gemm_bf16_layout::panel, layout.words(), sums, width});
          finish_bf16<Isa>(g, sums, width, first + row, count, column, std::min(width, g.weight->outputs - column), activation);
          row += count;
        }
      }
    }
  }
};

/// How a product is cut: blocks of rows whose inputs stay in the second-level cache while the weight passes by, and groups
/// of outputs where several workers would wait. The bits of a result do not depend on it.
struct gemm_bf16_split {
  std::size_t row_blocks;
  std::size_t block_rows;
  std::size_t group_parts = 1;

  static constexpr std::size_t rows_of_block(std::size_t inputs) noexcept {
    constexpr std::size_t block_bytes = 5u << 18;  // 1.25 of 2 MiB
    return std::clamp<std::size_t>(block_bytes / (2 * round_up(inputs, tile_inputs) + 1) / 32 * 32, 32, 512);
  }
  static constexpr std::size_t scratch_words(std::size_t inputs, std::size_t rows) noexcept {
    const std::size_t most = std::min(round_up(rows, tile_rows), rows_of_block(inputs)) + tile_rows;
    return most * word_row_pitch(round_up(inputs, tile_inputs) / 2);
  }

  gemm_bf16_split(std::size_t rows, const bf16_weight& weight, std::size_t workers) {
    const std::size_t most = rows_of_block(weight.inputs);
    row_blocks = (rows + most - 1) / most;
    const std::size_t groups = gemm_bf16_layout(weight.outputs, weight.inputs).groups();
    constexpr std::size_t worth_splitting = std::size_t{1} << 22;  // multiply-adds
    if (workers > 1 && rows * weight.outputs * weight.inputs > worth_splitting) {
      row_blocks = std::max(row_blocks, std::min(4 * workers, rows / 64));
      if (row_blocks < 2 * workers)
        group_parts = std::clamp<std::size_t>(4 * workers / std::max<std::size_t>(row_blocks, 1), 1, groups);
    }
    block_rows = row_blocks == 0 ? 0 : round_up((rows + row_blocks - 1) / row_blocks, std::min<std::size_t>(most, 32));
    row_blocks = block_rows == 0 ? 0 : (rows + block_rows - 1) / block_rows;
  }
};

/// The whole product by one kind of unit.
template <class Engine, class Backend, class X, class Y, class Activation>
void run_gemm_bf16(context<Backend> ctx, const gemm_bf16_operands<X, Y>& g, Activation activation) {
  const std::size_t rows = g.x.extent(0);
  const std::size_t groups = gemm_bf16_layout(g.weight->outputs, g.weight->inputs).groups();
  const gemm_bf16_split parts(rows, *g.weight, ctx.backend.concurrency());
  const std::size_t words = gemm_bf16_split::scratch_words(g.weight->inputs, rows);
  ctx.for_each(parts.row_blocks * parts.group_parts, words * sizeof(bf16_pair), [&](auto mine, std::size_t index) {
    const std::size_t first = index / parts.group_parts * parts.block_rows;
    const std::size_t part = index % parts.group_parts;
    Engine::unit(g, mine.scratch.template take<bf16_pair>(words), first, std::min(parts.block_rows, rows - first),
                 part * groups / parts.group_parts, (part + 1) * groups / parts.group_parts, activation);
  });
}

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::gemm_bf16, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  static constexpr std::uint32_t format = detail::gemm_bf16_layout::format;

  template <class T>
  static bf16_weight prepare(matrix_view<T> weight, std::span<const float> bias) {
    return detail::gemm_bf16_layout::prepare(weight, bias);
  }

  static constexpr std::size_t worker_bytes(std::size_t inputs, std::size_t rows) noexcept {
    return scratch_bytes<detail::bf16_pair>(detail::gemm_bf16_split::scratch_words(inputs, rows));
  }

  template <class X, class Y, class Activation>
  static void run(context<backend_type> ctx, matrix_view<const X> x, const bf16_weight& weight, matrix_view<Y> y,
                  Activation activation, matrix_view<const Y> residual) {
    const detail::gemm_bf16_operands<X, Y> g{x, &weight, y, residual};
#if HEDDLE_HAS_AMX
    if constexpr (isa::includes<Isa, isa::amx>) {
      if (detail::amx_tiles::available())
        return detail::run_gemm_bf16<detail::tile_engine<Isa, detail::amx_tiles>>(ctx, g, activation);
    }
#endif
    detail::run_gemm_bf16<detail::dot_engine<Isa>>(ctx, g, activation);
  }
};

}  // namespace heddle::inline v0
