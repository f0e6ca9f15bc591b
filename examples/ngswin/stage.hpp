/// @file
/// Blocks of NGswin, and a stage of them with the skip inside it.
#pragma once

#include <array>
#include <cstring>
#include <string>

#include "heddle/layer/patch_merging.hpp"
#include "heddle/layer/res_post_norm.hpp"
#include "heddle/layer/sequential.hpp"
#include "ngram_context.hpp"

namespace heddle::examples {

/// Sizes of a stage.
struct ngswin_stage_options {
  std::size_t channels = 64;
  std::size_t in_channels = 64;  ///< where they differ, a linear layer comes first
  std::size_t depth = 6;
  std::size_t heads = 6;  ///< of floor(channels / heads) channels each
  std::size_t window = 8;
  std::size_t hidden = 128;  ///< of the feed-forward part
  bool merges = false;       ///< ends with a map at half the sides
};

namespace detail {
/// Every pixel with the context of its window.
struct ngram_added {
  map_view<const float> x;
  map_view<const float> windows;  ///< a pixel for every window
  std::size_t side;
  map_view<float> y;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t channels = x.extent(3);
    const std::size_t pixel = i / channels;
    const std::size_t column = pixel % x.extent(2);
    const std::size_t row = pixel / x.extent(2);  // of all images: their heights are multiples of the side
    y.data_handle()[i] =
        x.data_handle()[i] + windows.data_handle()[(row / side * windows.extent(2) + column / side) * channels + i % channels];
  }
};
}  // namespace detail

/// `x + LN(W(x + context))`, then the feed-forward part alike, in windows of which every second block shifts the grid. The
/// context belongs to the windows as they are without a shift, and the residual does not hold it.
template <ngswin_stage_options O>
struct ngswin_block {
  using context_type = ngram_context<O.channels, O.heads, O.window>;
  using attention_type = self_attention<O.channels, O.heads, window<O.window>, learned_cosine<O.window>, region_penalty,
                                        attention_options<self_attention_options{.head_dim = O.channels / O.heads}>>;
  using body_type = res_post_norm_block<layer_norm<O.channels>, attention_type, mlp<O.channels, O.hidden, gelu>>;

  context_type ngram;
  body_type body;

  static constexpr auto members() {
    return heddle::members<&ngswin_block::ngram, &ngswin_block::body>("ngram_window_partition.ngram_context", "");
  }
  static constexpr map_extents output_extents(const map_extents& x) {
    context_type::output_extents(x);  // throws where windows do not fit
    return body_type::output_extents(x);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return context_type::multiply_adds(x) + body_type::multiply_adds(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t context_bytes = context_type::scratch_bytes(backend, x);
    const std::size_t body_bytes = heddle::scratch_bytes<body_type>(backend, x);
    return heddle::scratch_bytes<float>(x.size()) + heddle::scratch_bytes<float>(context_type::output_extents(x).size()) +
           (context_bytes > body_bytes ? context_bytes : body_bytes);
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents windows = context_type::output_extents(x.extents());
    const map_view<float> source(ctx.scratch.template take<float>(x.size()), x.extents());
    const map_view<float> context_map(ctx.scratch.template take<float>(windows.size()), windows);
    ngram.forward(ctx, x, context_map);
    add_context(ctx, x, context_map, source);
    body.forward(ctx, x, source, y);
  }

 private:
  template <class Backend>
  static void add_context(context<Backend> ctx, map_view<const float> x, map_view<const float> windows, map_view<float> y) {
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, y.size(), detail::ngram_added{x, windows, O.window, y});
    } else {
      for (std::size_t b = 0; b < x.extent(0); ++b)
        for (std::size_t i = 0; i < x.extent(1); ++i)
          for (std::size_t w = 0; w < windows.extent(2); ++w)
            map(ctx, make_matrix<const float>(&x(b, i, w * O.window, 0U), O.window, O.channels),
                make_matrix<const float>(&windows(b, i / O.window, w, 0U), 1, O.channels),
                make_matrix<float>(&y(b, i, w * O.window, 0U), O.window, O.channels), heddle::detail::sum{});
    }
  }
};

/// Blocks of which each receives the output of the one before it plus that one's input. `encode` also makes the map at half
/// the sides that the next stage reads. Children: `across_cascade_proj` (where channels change), `blocks.{i}`, `downsample`.
template <ngswin_stage_options O>
struct ngswin_stage {
  static constexpr bool projects = O.in_channels != O.channels;
  using block_type = ngswin_block<O>;
  using projection_type = std::conditional_t<projects, linear<O.in_channels, O.channels>, heddle::detail::no_weights>;
  using merging_type =
      std::conditional_t<O.merges, patch_merging<O.channels, O.channels, patch_merging_options{.order = cell_order::row_major}>,
                         heddle::detail::no_weights>;

  [[no_unique_address]] projection_type projection;
  std::array<block_type, O.depth> blocks;
  [[no_unique_address]] merging_type merging;

  ngswin_stage() {
    using partition_type = window<O.window>;
    for (std::size_t i = 1; i < O.depth; i += 2)
      get_policy<partition_type>(blocks[i].body.attn.composition) = partition_type{O.window / 2, O.window / 2};
  }

  static constexpr std::size_t parameter_count() {
    return parameters<projection_type> + O.depth * parameters<block_type> + parameters<merging_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("across_cascade_proj", self.projection);
    for (std::size_t i = 0; i < O.depth; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("blocks." + std::string(name), self.blocks[i]); });
    f("downsample", self.merging);
  }

  static constexpr map_extents inner_extents(const map_extents& x) {
    return map_extents(x.extent(0), x.extent(1), x.extent(2), O.channels);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    const map_extents e = inner_extents(x);
    std::uint64_t sum = O.depth * block_type::multiply_adds(e);
    if constexpr (projects) sum += heddle::multiply_adds<projection_type>(x);
    if constexpr (O.merges) sum += merging_type::multiply_adds(e);
    return sum;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const map_extents e = inner_extents(x);
    std::size_t largest = block_type::scratch_bytes(backend, e);
    if constexpr (O.merges) {
      const std::size_t merging_bytes = merging_type::scratch_bytes(backend, e);
      largest = merging_bytes > largest ? merging_bytes : largest;
    }
    return heddle::scratch_bytes<float>(e.size()) + largest;
  }

  /// `y` `[batch, height, width, channels]` is the last block's output; `merged` (where the stage merges) the map at half the
  /// sides. `observe(i, map)` sees the output of block `i`.
  template <class Backend, class Observe>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, map_view<float> merged,
               Observe&& observe) const {
    const map_extents e = inner_extents(x.extents());
    const map_view<float> input(ctx.scratch.template take<float>(e.size()), e);
    if constexpr (projects) {
      projection.forward_rows(ctx, as_rows(x), as_rows(input));
    } else {
      map(ctx, as_rows(x), as_rows(input), identity{});
    }
    for (std::size_t i = 0; i < O.depth; ++i) {
      if (i > 0) add(ctx, y, input);
      blocks[i].forward(ctx, input, y);
      observe(i, map_view<const float>(y));
    }
    if constexpr (O.merges) {
      add(ctx, y, input);
      merging.forward(ctx, input, merged);
    }
  }

 private:
  template <class Backend>
  static void add(context<Backend> ctx, map_view<const float> x, map_view<float> y) {
    map(ctx, as_rows(x), as_const(as_rows(y)), as_rows(y), heddle::detail::sum{});
  }
};

}  // namespace heddle::examples
