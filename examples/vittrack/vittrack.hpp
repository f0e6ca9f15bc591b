/// @file
/// ViTTrack: the smallest published one-stream tracker. Patches of the template and of the search region go through one
/// transformer together; a centre head reads the tokens of the search region. (VitTracker of opencv_zoo; architecture: Ye
/// et al., OSTrack, ECCV 2022, arXiv 2203.11991.)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "heddle/head/center.hpp"
#include "heddle/io/key_map.hpp"
#include "heddle/layer/encoder_block.hpp"

namespace heddle::examples {

/// What may vary; the defaults are the published network.
struct vittrack_config {
  std::size_t channels = 48;
  std::size_t depth = 3;
  std::size_t heads = 1;
  std::size_t mlp_ratio = 4;
  center_channels head_channels{32, 16, 8, 4};
  std::size_t template_side = 128;  ///< pixels
  std::size_t search_side = 256;
  ratio layer_norm_epsilon{1, 100000};
};

/// Four 3 x 3 convolutions of stride 2: 16 x 16 pixels become a token. Official name `patch_embed.net`.
template <std::size_t C>
using vittrack_stem = sequential<named<"0", convolution<3, C / 8, convolution_options{.stride = 2}, no_norm, hard_swish>>,
                                 named<"2", convolution<C / 8, C / 4, convolution_options{.stride = 2}, no_norm, hard_swish>>,
                                 named<"4", convolution<C / 4, C / 2, convolution_options{.stride = 2}, no_norm, hard_swish>>,
                                 named<"6", convolution<C / 2, C, convolution_options{.stride = 2}>>>;

/// The network. The template's tokens are computed once for a video (`embed_template`); every frame costs one `forward`.
template <vittrack_config C = vittrack_config{}>
struct vittrack {
  static_assert(C.channels % 8 == 0, "vittrack: the stem divides the channels by 8");
  static_assert(C.template_side % 16 == 0 && C.search_side % 16 == 0, "vittrack: the sides must be multiples of 16 pixels");
  static_assert(C.depth > 0, "vittrack: at least one block");
  static constexpr vittrack_config config = C;
  static constexpr std::size_t channels = C.channels;
  static constexpr std::size_t template_cells = C.template_side / 16;  ///< along one axis
  static constexpr std::size_t search_cells = C.search_side / 16;
  static constexpr std::size_t template_tokens = template_cells * template_cells;
  static constexpr std::size_t search_tokens = search_cells * search_cells;
  static constexpr std::size_t tokens = template_tokens + search_tokens;

  using stem_type = vittrack_stem<channels>;
  using norm_type = layer_norm<channels, C.layer_norm_epsilon>;
  using block_type = encoder_block<norm_type, self_attention<channels, C.heads>, mlp<channels, C.mlp_ratio * channels>>;
  using head_type = center_head<channels, C.head_channels>;

  stem_type patch_embed;
  parameter<1, template_tokens, channels> pos_embed_z;
  parameter<1, search_tokens, channels> pos_embed_x;
  std::array<block_type, C.depth> blocks;
  norm_type norm;
  head_type box_head;

  static constexpr std::size_t parameter_count() {
    return parameters<stem_type> + tokens * channels + C.depth * parameters<block_type> + parameters<norm_type> +
           parameters<head_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("patch_embed.net", self.patch_embed);
    f("pos_embed_z", self.pos_embed_z);
    f("pos_embed_x", self.pos_embed_x);
    for (std::size_t i = 0; i < C.depth; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("blocks." + std::string(name), self.blocks[i]); });
    f("norm", self.norm);
    f("box_head", self.box_head);
  }

  /// From the names of this composition to those of the official weights.
  static io::key_map key_map() {
    io::key_map map;
    for (const char* const branch : {"ctr", "size", "offset"})
      for (const char* const layer : {"conv1", "conv2", "conv3", "conv4", "conv5"})
        map.rename(std::string("box_head.") + branch + '.' + layer, std::string("box_head.") + layer + '_' + branch);
    return map;
  }

  static constexpr map_extents template_extents() { return map_extents(1, C.template_side, C.template_side, 3); }
  static constexpr map_extents search_extents() { return map_extents(1, C.search_side, C.search_side, 3); }
  static constexpr map_extents feature_extents() { return map_extents(1, search_cells, search_cells, channels); }
  static constexpr map_extents token_extents(std::size_t count) { return map_extents(1, 1, count, channels); }

  /// Of a frame: the template's tokens are there already.
  static constexpr std::uint64_t multiply_adds() {
    return stem_type::multiply_adds(search_extents()) + C.depth * block_type::multiply_adds(token_extents(tokens)) +
           head_type::multiply_adds(feature_extents());
  }
  /// Of both images, as the exported network computes them for every frame.
  static constexpr std::uint64_t multiply_adds_with_template() {
    return multiply_adds() + stem_type::multiply_adds(template_extents());
  }

  /// Scratch bytes of `embed_template` and of `forward`, whichever is more.
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend) {
    const std::size_t steps[] = {stem_type::scratch_bytes(backend, search_extents()),
                                 block_type::scratch_bytes(backend, token_extents(tokens)),
                                 heddle::scratch_bytes<norm_type>(backend, token_extents(search_tokens)),
                                 head_type::scratch_bytes(backend, feature_extents())};
    const std::size_t forward_bytes =
        heddle::scratch_bytes<float>(tokens * channels) + *std::max_element(std::begin(steps), std::end(steps));
    return std::max(forward_bytes, stem_type::scratch_bytes(backend, template_extents()));
  }

  /// Tokens of the template, `[1, 1, template_tokens, channels]`, from its image `[1, template_side, template_side, 3]`.
  template <class Backend>
  void embed_template(context<Backend> ctx, map_view<const float> image, map_view<float> tokens_of_template) const {
    require_image("vittrack: template", C.template_side, image);
    embed(ctx, image, template_cells, pos_embed_z.data(), tokens_of_template.data_handle());
  }

  /// The maps of a search image `[1, search_side, search_side, 3]` for a template's tokens.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> tokens_of_template, map_view<const float> search,
               const center_maps& maps) const {
    require_image("vittrack: search", C.search_side, search);
    require_extent("vittrack: tokens_of_template", "elements", template_tokens * channels, tokens_of_template.size());
    const map_view<float> u(ctx.scratch.template take<float>(tokens * channels), token_extents(tokens));
    heddle::map(ctx, make_matrix(tokens_of_template.data_handle(), template_tokens, channels),
                make_matrix(u.data_handle(), template_tokens, channels), identity{});
    float* const own = u.data_handle() + template_tokens * channels;
    embed(ctx, search, search_cells, pos_embed_x.data(), own);
    for (const block_type& b : blocks) heddle::forward(ctx, b, u, u);
    const map_view<float> features(own, feature_extents());
    heddle::forward(ctx, norm, features, features);
    box_head.forward(ctx, features, maps);
  }

 private:
  static void require_image(const char* name, std::size_t side, const map_view<const float>& image) {
    require_extent(name, "images", 1, image.extent(0));
    require_extent(name, "rows", side, image.extent(1));
    require_extent(name, "columns", side, image.extent(2));
    require_extent(name, "channels", 3, image.extent(3));
  }

  /// Patches with their positions.
  template <class Backend>
  void embed(context<Backend> ctx, map_view<const float> image, std::size_t cells, const float* positions, float* y) const {
    heddle::forward(ctx, patch_embed, image, map_view<float>(y, map_extents(1, cells, cells, channels)));
    const auto rows = make_matrix(y, cells * cells, channels);
    heddle::map(ctx, as_const(rows), make_matrix(positions, cells * cells, channels), rows, heddle::detail::sum{});
  }
};

static_assert(parameters<vittrack<>> == 173'953);

}  // namespace heddle::examples
