/// @file
/// The blocks of both Swin Transformers, and a stage of them.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "config.hpp"
#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/learned_cosine.hpp"
#include "heddle/layer/patch_merging.hpp"
#include "heddle/layer/res_post_norm.hpp"
#include "heddle/layer/sequential.hpp"

namespace heddle::examples {

/// Windows that every second block shifts, cosines, a bias of continuous positions, -100 between tokens that are no
/// neighbours; the norms behind the branches.
template <swin_config C, std::size_t Stage>
using swin_v2_block = res_post_norm_block<
    layer_norm<C.channels_of(Stage)>,
    self_attention<C.channels_of(Stage), C.heads[Stage], window<C.window_of(Stage)>,
                   learned_continuous_cosine<C.window_of(Stage), C.window_of(Stage), C.pretrained_window[Stage]>,
                   region_penalty, attention_options<self_attention_options{.qkv_bias = C.qkv_bias, .key_bias = false}>>,
    mlp<C.channels_of(Stage), C.hidden_of(Stage), gelu>>;

/// The first version: scaled products, a table of relative positions, the norms in front.
template <swin_config C, std::size_t Stage>
using swin_v1_block = encoder_block<
    layer_norm<C.channels_of(Stage)>,
    self_attention<C.channels_of(Stage), C.heads[Stage], window<C.window_of(Stage)>, learned_position_bias<C.window_of(Stage)>,
                   region_penalty, attention_options<self_attention_options{.qkv_bias = C.qkv_bias}>>,
    mlp<C.channels_of(Stage), C.hidden_of(Stage), gelu>>;

namespace detail {

template <swin_config C, std::size_t Stage, swin_version = C.version>
struct swin_block_of {
  using type = swin_v2_block<C, Stage>;
};
template <swin_config C, std::size_t Stage>
struct swin_block_of<C, Stage, swin_version::v1> {
  using type = swin_v1_block<C, Stage>;
};

/// Stands where the last stage has no merging.
struct no_merging {
  template <class Self, class F>
  static void visit_children(Self&, F&&) {}
};

}  // namespace detail

/// Blocks on one map, of which every second one shifts its windows, and the merging behind them.
template <swin_config C, std::size_t Stage>
struct swin_stage {
  static constexpr std::size_t channels = C.channels_of(Stage);
  static constexpr std::size_t depth = C.depth[Stage];
  static constexpr bool last = Stage + 1 == C.stages;
  using block_type = typename detail::swin_block_of<C, Stage>::type;
  using partition_type = window<C.window_of(Stage)>;
  using merging_type = std::conditional_t<
      last, detail::no_merging,
      patch_merging<channels, 2 * channels,
                    patch_merging_options{.norm = C.version == swin_version::v2 ? merging_norm::after : merging_norm::before}>>;

  std::array<block_type, depth> blocks;
  merging_type downsample;

  swin_stage() {
    for (std::size_t i = 1; i < depth; i += 2)
      get_policy<partition_type>(blocks[i].attn.composition) = partition_type{C.shift_of(Stage), C.shift_of(Stage)};
  }

  static constexpr std::size_t parameter_count() { return depth * parameters<block_type> + parameters<merging_type>; }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    for (std::size_t i = 0; i < depth; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("blocks." + std::string(name), self.blocks[i]); });
    f("downsample", self.downsample);
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    if constexpr (last) {
      return block_type::output_extents(x);
    } else {
      return merging_type::output_extents(x);
    }
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    std::uint64_t sum = depth * block_type::multiply_adds(x);
    if constexpr (!last) sum += merging_type::multiply_adds(x);
    return sum;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    std::size_t bytes = heddle::scratch_bytes<block_type>(backend, x);
    if constexpr (!last) {
      const std::size_t merging = merging_type::scratch_bytes(backend, x);
      bytes = merging > bytes ? merging : bytes;
    }
    return bytes;
  }

  /// `x` is overwritten. The last stage leaves its result there; the others write to `y`.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<float> x, map_view<float> y) const {
    for (const block_type& b : blocks) b.forward(ctx, x, x);
    if constexpr (!last) downsample.forward(ctx, x, y);
  }
};

}  // namespace heddle::examples
