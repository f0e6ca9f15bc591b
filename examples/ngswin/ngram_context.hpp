/// @file
/// The n-gram context of a window: what its neighbours in front of it and behind it say.
#pragma once

#include <cstring>
#include <string>
#include <utility>

#include "heddle/layer/convolution.hpp"
#include "heddle/layer/learned_cosine.hpp"
#include "heddle/layer/self_attention.hpp"
#include "heddle/primitive/each.hpp"

namespace heddle::examples {

namespace detail {

/// The window beside window `i` of `n` in a direction; the map is reflected, its border not repeated.
HEDDLE_HOST_DEVICE constexpr std::size_t ngram_neighbour(std::size_t i, std::size_t n, bool backward) noexcept {
  if (backward) return i == 0 ? 1 : i - 1;
  return i + 1 == n ? n - 2 : i + 1;
}

/// A unigram: the sum of the two channels of its group and a bias.
struct ngram_pair_sum {
  matrix_view<const float> channels;
  const float* bias;
  matrix_view<float> unigrams;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t o = i % unigrams.extent(1);
    const float* const pair = channels.data_handle() + i / unigrams.extent(1) * channels.stride(0) + 2 * o;
    unigrams.data_handle()[i / unigrams.extent(1) * unigrams.stride(0) + o] = bias[o] + pair[0] + pair[1];
  }
};

/// The four tokens of every sliding 2 x 2 window, in raster order: windows `[batch, rows, columns]` of `from`.
struct ngram_gather {
  matrix_view<const float> from;
  std::size_t rows;
  std::size_t columns;
  bool backward;
  matrix_view<float> to;

  /// The row of `from` that row `r` of `to` is.
  HEDDLE_HOST_DEVICE std::size_t source(std::size_t r) const {
    const std::size_t window = r / 4;
    const std::size_t y = window / columns % rows;
    const std::size_t x = window % columns;
    // Backwards the neighbours come first.
    const bool moves_y = (r % 4 / 2 == 1) != backward;
    const bool moves_x = (r % 2 == 1) != backward;
    return (window / columns / rows * rows + (moves_y ? ngram_neighbour(y, rows, backward) : y)) * columns +
           (moves_x ? ngram_neighbour(x, columns, backward) : x);
  }
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t r = i / to.extent(1);
    const std::size_t c = i % to.extent(1);
    to.data_handle()[r * to.stride(0) + c] = from.data_handle()[source(r) * from.stride(0) + c];
  }
};

/// The mean of four rows that follow each other.
struct ngram_mean {
  matrix_view<const float> four;
  matrix_view<float> means;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t w = i / means.extent(1);
    const std::size_t c = i % means.extent(1);
    const float* const x = four.data_handle() + 4 * w * four.stride(0) + c;
    const std::size_t s = four.stride(0);
    means.data_handle()[w * means.stride(0) + c] = (x[0] + x[s] + x[2 * s] + x[3 * s]) * 0.25F;
  }
};

}  // namespace detail

/// Context for windows of `Window` x `Window` (Choi et al., CVPR 2023, section 3.2). Every window becomes one token of `C / 2`
/// channels by a grouped convolution (two channels in a group). A token attends to itself and its three neighbours to the
/// right and below (forward), and to itself and those to the left and above (backward); at the border the map is reflected.
/// The mean of the four results in both directions passes a linear layer.
///
/// Children: `unigram_embed` (`weight` `[C / 2, 2, Window, Window]`, `bias`), `ngram_attn` (`qkv`, `proj`, `bias`), `merge`
/// (`weight` `[C, C, 1, 1]`, `bias`).
template <std::size_t C, std::size_t Heads, std::size_t Window>
struct ngram_context {
  static constexpr std::size_t unigram_channels = C / 2;
  using attention_type = self_attention<unigram_channels, Heads, window<2>, learned_cosine<2>,
                                        attention_options<self_attention_options{.head_dim = unigram_channels / Heads}>>;
  static_assert(C % 2 == 0 && unigram_channels >= Heads, "ngswin: every head of a unigram has a channel");
  static constexpr std::size_t inner = attention_type::inner;

  parameter<unigram_channels, 2, Window, Window> embed_weight;
  parameter<unigram_channels> embed_bias;
  attention_type attn;
  pointwise_convolution<C, C> merge;
  dense_weight embed;  ///< the grouped convolution as one of every channel by itself, made by `prepare`

  static constexpr auto members() {
    return heddle::members<&ngram_context::embed_weight, &ngram_context::embed_bias, &ngram_context::attn,
                           &ngram_context::merge>("unigram_embed.weight", "unigram_embed.bias", "ngram_attn", "merge");
  }

  /// One token for every window of `x`.
  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("ngram_context: x", "channels", C, x.extent(3));
    require_windows("rows", x.extent(1));
    require_windows("columns", x.extent(2));
    return map_extents(x.extent(0), x.extent(1) / Window, x.extent(2) / Window, C);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    const std::uint64_t windows = heddle::detail::row_count(output_extents(x));
    const std::uint64_t attention = 3 * unigram_channels * inner + 2 * 4 * (4 * 2 * inner + inner * unigram_channels);
    return windows * (Window * Window * C + attention + C * C);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t windows = heddle::detail::row_count(output_extents(x));
    return heddle::scratch_bytes<float>(windows * C) + heddle::scratch_bytes<float>(windows * unigram_channels) +
           heddle::scratch_bytes<float>(windows * 3 * inner) + heddle::scratch_bytes<float>(windows * C) +
           attention_bytes(backend, windows);
  }

  template <class Backend>
  void prepare(const Backend& backend) {
    embed = prepare_depthwise(backend, make_matrix(embed_weight.data(), C, Window * Window));
  }

  /// `x` `[batch, height, width, C]`, `y` of `output_extents`.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const std::size_t windows = heddle::detail::row_count(y.extents());
    const auto new_rows = [&](std::size_t columns) {
      return make_matrix(ctx.scratch.template take<float>(windows * columns), windows, columns);
    };
    const matrix_view<float> channels = new_rows(C);
    const matrix_view<float> unigrams = new_rows(unigram_channels);
    const matrix_view<float> projected = new_rows(3 * inner);
    const matrix_view<float> both = new_rows(C);
    convolve_depthwise(ctx, x, embed, convolution_window::square(Window, Window, 0),
                       map_view<float>(channels.data_handle(), map_extents(x.extent(0), y.extent(1), y.extent(2), C)));
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, unigrams.size(), detail::ngram_pair_sum{channels, embed_bias.data(), unigrams});
    } else {
      for (std::size_t r = 0; r < windows; ++r)
        for (std::size_t o = 0; o < unigram_channels; ++o)
          unigrams(r, o) = embed_bias.data()[o] + channels(r, 2 * o) + channels(r, 2 * o + 1);
    }
    attn.qkv.forward_rows(ctx, as_const(unigrams), projected);
    attend_direction(ctx, projected, y.extents(), false, column_range(both, 0, unigram_channels));
    attend_direction(ctx, projected, y.extents(), true, column_range(both, unigram_channels, unigram_channels));
    gemm(ctx, as_const(both), merge.prepared, as_rows(y));
  }

 private:
  static constexpr void require_windows(const char* axis, std::size_t side) {
    require_extent("ngram_context: x", axis, side / Window * Window, side);
    if (side < 2 * Window)
      heddle::detail::raise<shape_error>(std::string("ngram_context: x: at least 2 windows of ") + axis + " are needed, got " +
                                         std::to_string(side / Window));
  }
  template <class Backend>
  static constexpr std::size_t attention_bytes(const Backend& backend, std::size_t windows) {
    const typename attention_type::composition_type composition{};
    const token_grid grid{.frames = 1, .height = 2, .width = 2};
    return heddle::scratch_bytes<float>(windows * 4 * 3 * inner) + 2 * heddle::scratch_bytes<float>(windows * 4 * inner) +
           plan_bytes(composition, grid, Heads) + attend_bytes(backend, composition, grid, attention_type::head_dim);
  }

  /// The mean over the four tokens of every sliding 2 x 2 window, projected. A linear layer and a mean may change places.
  template <class Backend>
  void attend_direction(context<Backend> ctx, matrix_view<const float> projected, const map_extents& e, bool backward,
                        matrix_view<float> y) const {
    const std::size_t windows = y.extent(0);
    const auto tokens = make_matrix(ctx.scratch.template take<float>(windows * 4 * 3 * inner), windows * 4, 3 * inner);
    const auto merged = make_matrix(ctx.scratch.template take<float>(windows * 4 * inner), windows * 4, inner);
    const auto means = make_matrix(ctx.scratch.template take<float>(windows * inner), windows, inner);
    const detail::ngram_gather gather{projected, e.extent(1), e.extent(2), backward, tokens};
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, tokens.size(), gather);
    } else {
      for (std::size_t r = 0; r < tokens.extent(0); ++r)
        std::memcpy(&tokens(r, 0U), &projected(gather.source(r), 0U), 3 * inner * sizeof(float));
    }
    const token_grid grid{.frames = 1, .height = 2, .width = 2};
    const auto plan = plan_attention(attn.composition, grid, Heads, ctx.scratch);
    // Heads of so few channels gain little from being known to the kernel: one serves all stages.
    constexpr std::size_t dim = attention_type::head_dim;
    const auto views = qkv_views<dyn>(tokens.data_handle(), windows, 4, Heads, qkv_order::qkv_heads, dim);
    attend(ctx, plan, views.q, views.k, views.v, merged_heads<dyn>(merged.data_handle(), windows, 4, Heads, dim));
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, means.size(), detail::ngram_mean{merged, means});
    } else {
      for (std::size_t w = 0; w < windows; ++w)
        for (std::size_t c = 0; c < inner; ++c)
          means(w, c) = (merged(4 * w, c) + merged(4 * w + 1, c) + merged(4 * w + 2, c) + merged(4 * w + 3, c)) * 0.25F;
    }
    attn.proj.forward_rows(ctx, as_const(means), y);
  }
};

}  // namespace heddle::examples
