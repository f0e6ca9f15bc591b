/// @file
/// A vision transformer whose blocks merge tokens: the trunk of `tome` and `vits14_saliency`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <heddle/reference/resample.hpp>

#include "heddle/layer/patch_embedding.hpp"
#include "heddle/layer/sequential.hpp"
#include "heddle/primitive/resample.hpp"
#include "heddle/token/merged.hpp"

namespace heddle::examples {

/// A plain ViT (Dosovitskiy et al., arXiv 2010.11929) with a class token.
struct merging_vit_config {
  std::size_t height = 224;
  std::size_t width = 224;
  std::size_t patch = 16;
  std::size_t channels = 384;
  std::size_t depth = 12;
  std::size_t heads = 6;
  std::size_t hidden = 1536;  ///< of the feed-forward part
  ratio epsilon{1, 1000000};
  bool layer_scale = false;
  std::size_t position_side = 0;  ///< of the stored table of positions, if it is that of another picture; 0: it fits
  proportional_attention proportional = proportional_attention::on;
};

/// Patches, class token, positions, blocks with token merging, final norm: `[batch, height, width, 3]` to
/// `[batch * tokens, channels]`. How many tokens each block merges is a run-time choice (`merge`); none at first.
template <merging_vit_config C>
struct merging_vit {
  static constexpr std::size_t channels = C.channels;
  static constexpr std::size_t depth = C.depth;
  static constexpr std::size_t rows = C.height / C.patch;  ///< of patches
  static constexpr std::size_t columns = C.width / C.patch;
  static constexpr std::size_t tokens = rows * columns + 1;  ///< of a picture, at first
  static constexpr bool resizes_positions = C.position_side != 0;
  static constexpr std::size_t stored_positions = resizes_positions ? C.position_side * C.position_side + 1 : tokens;

  using scale_type = std::conditional_t<C.layer_scale, layer_scale<channels>, no_scale>;
  using norm_type = layer_norm<channels, C.epsilon>;
  using plain_block = encoder_block<norm_type, self_attention<channels, C.heads>, mlp<channels, C.hidden, gelu>, scale_type>;
  using operation = token_merging<dyn, protected_tokens::class_token>;
  using block_type = merged<plain_block, operation, C.proportional>;

  patch_embedding<3, channels, C.patch> patches;
  parameter<1, 1, channels> class_token;
  parameter<1, stored_positions, channels> positions;
  std::array<block_type, depth> blocks;
  norm_type norm;
  made_weights resized_positions{};  ///< made by `prepare` where the table is for another picture

  static constexpr std::size_t parameter_count() {
    return parameters<decltype(patches)> + channels + stored_positions * channels + depth * parameters<block_type> +
           parameters<norm_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("cls_token", self.class_token);
    f("pos_embed", self.positions);
    f("patch_embed.proj", self.patches);
    for (std::size_t i = 0; i < depth; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("blocks." + std::string(name), self.blocks[i]); });
    f("norm", self.norm);
  }

  template <class Backend>
  void prepare(const Backend& backend) {
    if constexpr (resizes_positions) resize_positions(backend);
  }

  /// Block `i` merges away `counts[i]` tokens of each picture, or as many as can be. @throws shape_error for another number
  void merge(std::span<const std::size_t> counts) {
    require_extent("merge: counts", "blocks", depth, counts.size());
    for (std::size_t i = 0; i < depth; ++i) blocks[i].operation.match.r = counts[i];
  }
  /// Tokens of a picture behind the last block.
  std::size_t remaining() const {
    std::size_t n = tokens;
    for (const block_type& b : blocks) n = b.remaining(n);
    return n;
  }
  static constexpr std::uint64_t multiply_adds(std::span<const std::size_t> counts) {
    std::uint64_t sum = heddle::multiply_adds<decltype(patches)>(map_extents(1, C.height, C.width, 3));
    std::size_t n = tokens;
    for (std::size_t i = 0; i < depth; ++i) {
      const operation op{{.r = counts[i]}};
      sum += block_type::multiply_adds_with(op, map_extents(1, 1, n, channels));
      n = op.remaining(n);
    }
    return sum;
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch) {
    const map_extents image(batch, C.height, C.width, 3);
    const map_extents sequence(batch, 1, tokens, channels);
    std::size_t of_blocks = 0;  // fewer tokens may take another way through attention, which needs more
    for (std::size_t n = 1; n <= tokens; ++n)
      of_blocks = std::max(of_blocks, block_type::scratch_bytes(backend, map_extents(batch, 1, n, channels)));
    return 2 * heddle::scratch_bytes<float>(sequence.size()) +
           std::max(of_blocks,
                    heddle::scratch_bytes<float>(sequence.size()) + heddle::scratch_bytes<decltype(patches)>(backend, image));
  }

  /// Tokens behind the final norm: `y` has `batch * remaining()` rows. `state` says what they stand for and where the patches
  /// went (made by `start_tokens` with `tokens` tokens). `seen(i, rows)` is called behind block i, and before the first one
  /// with `i == depth`.
  template <class Backend, class Observer>
  void forward(context<Backend> ctx, map_view<const float> image, matrix_view<float> y, token_state& state,
               Observer&& seen) const {
    require_extent("merging_vit: image", "rows", C.height, image.extent(1));
    require_extent("merging_vit: image", "columns", C.width, image.extent(2));
    require_extent("merging_vit: y", "rows", image.extent(0) * remaining(), y.extent(0));
    const std::size_t batch = image.extent(0);
    float* const buffers[2] = {ctx.scratch.template take<float>(batch * tokens * channels),
                               ctx.scratch.template take<float>(batch * tokens * channels)};
    auto x = make_matrix(buffers[0], batch * tokens, channels);
    embed(ctx, image, x);
    seen(depth, as_const(x));
    for (std::size_t i = 0; i < depth; ++i) {
      const auto next = make_matrix(buffers[(i + 1) % 2], batch * blocks[i].remaining(state.tokens), channels);
      blocks[i].forward_tokens(ctx, as_const(x), next, state);
      x = next;
      seen(i, as_const(x));
    }
    norm.forward_rows(ctx, as_const(x), y);
  }
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> image, matrix_view<float> y, token_state& state) const {
    forward(ctx, image, y, state, [](std::size_t, matrix_view<const float>) {});
  }

 private:
  /// `[class; patches] + positions`
  template <class Backend>
  void embed(context<Backend> ctx, map_view<const float> image, matrix_view<float> x) const {
    const std::size_t n = tokens - 1;
    const map_view<float> patch_map(ctx.scratch.template take<float>(image.extent(0) * n * channels),
                                    map_extents(image.extent(0), rows, columns, channels));
    heddle::forward(ctx, patches, image, patch_map);
    const float* const table = resizes_positions ? resized_positions.data : positions.data();
    const auto patch_positions = make_matrix(table + channels, n, channels);
    for (std::size_t b = 0; b < image.extent(0); ++b) {
      map(ctx, make_matrix(class_token.data(), 1, channels), make_matrix(table, 1, channels), row_range(x, b * tokens, 1),
          heddle::detail::sum{});
      map(ctx, make_matrix<const float>(patch_map.data_handle() + b * n * channels, n, channels), patch_positions,
          row_range(x, b * tokens + 1, n), heddle::detail::sum{});
    }
  }

  /// The table of a picture of `position_side` patches by bicubic interpolation (a = -0.75, no antialiasing), once.
  template <class Backend>
  HEDDLE_COLD void resize_positions(const Backend& backend) {
    // Weights of a device are read by the host too: the plain loops do it there.
    using serial_type = std::conditional_t<moves_weights<Backend>, reference, typename Backend::serial_type>;
    std::vector<float> table(tokens * channels);
    std::memcpy(table.data(), positions.data(), channels * sizeof(float));
    const map_extents from(1, C.position_side, C.position_side, channels);
    const map_extents to(1, rows, columns, channels);
    const workspace memory(resize_bytes(serial_type{}, from, to, resize_rule::bicubic<>{}));
    resize(context<serial_type>{{}, memory.scratch()}, map_view<const float>(positions.data() + channels, from),
           map_view<float>(table.data() + channels, to), resize_rule::bicubic<>{});
    resized_positions = keep_weights(backend, std::move(table));
  }
};

}  // namespace heddle::examples
