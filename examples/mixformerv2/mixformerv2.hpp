/// @file
/// MixFormerV2: single-object tracking by one plain transformer that reads templates, search region and four prediction
/// tokens together (Cui, Song, Wu, Wang, NeurIPS 2023, arXiv 2305.15896).
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

#include "config.hpp"
#include "heddle/attention/attention.hpp"
#include "heddle/head/edge_distribution.hpp"
#include "heddle/head/token_score.hpp"
#include "heddle/io/key_map.hpp"
#include "heddle/layer/branch_gain.hpp"
#include "heddle/layer/patch_embedding.hpp"
#include "heddle/layer/position_embedding.hpp"
#include "heddle/layer/sequential.hpp"
#include "heddle/layer/stored_prefix.hpp"

namespace heddle::examples {

/// The images of one step, normalised, `[batch, side, side, 3]`.
struct mixformerv2_images {
  map_view<const float> first;   ///< templates of the first frame
  map_view<const float> online;  ///< templates of a later frame
  map_view<const float> search;
};

/// What a step writes; views that are left out (default-made) are not written.
struct mixformerv2_outputs {
  matrix_view<float> boxes{};          ///< `[batch, 4]`: cx, cy, w, h in shares of the search crop
  std::span<float> scores{};           ///< `[batch]`: confidences before the sigmoid
  matrix_view<float> logits{};         ///< `[4 batch, bins]`: of the edges left, right, top, bottom of every item
  matrix_view<float> probabilities{};  ///< their softmax
};

namespace detail {
/// Stands where a network has no score head.
struct no_score_head {};
}  // namespace detail

/// The network. Tokens of an item are ordered first template, online template, search region, prediction tokens.
template <mixformerv2_config C>
struct mixformerv2 {
  static_assert(C.search_size % C.patch == 0 && C.template_size % C.patch == 0, "mixformerv2: the crops must be whole patches");
  static_assert(C.depth > 0, "mixformerv2: at least one block");
  static constexpr mixformerv2_config config = C;
  static constexpr std::size_t channels = C.channels;
  static constexpr std::size_t search_tokens = C.search_tokens();
  static constexpr std::size_t template_tokens = C.template_tokens();
  static constexpr std::size_t prediction_tokens = 4;
  static constexpr std::size_t frame_tokens = search_tokens + prediction_tokens;
  static constexpr std::size_t tokens = 2 * template_tokens + frame_tokens;
  static constexpr linear_options products{.products = C.products};
  static constexpr self_attention_options attention_products{.products = C.products};

  /// Templates see templates; the search region and the prediction tokens see everything.
  using mask_type = mixed<segments<template_tokens, template_tokens, search_tokens, prediction_tokens>, sees<0, 1>, sees<0, 1>,
                          sees<0, 1, 2, 3>, sees<0, 1, 2, 3>>;
  using attention_type = self_attention<channels, C.heads, mask_type, attention_options<attention_products>>;
  using block_type =
      encoder_block<layer_norm<channels, C.norm_epsilon>, attention_type, mlp<channels, C.hidden, gelu, products>,
                    std::conditional_t<C.branch_gains, branch_gain<channels>, no_scale>>;
  using patch_type = patch_embedding<3, channels, C.patch, products>;
  using score_type = std::conditional_t<C.score_head, token_score_head<channels>, detail::no_score_head>;

  position_embedding<search_tokens, channels> search_positions;
  position_embedding<template_tokens, channels> template_positions;
  parameter<1, prediction_tokens, channels> prediction;
  position_embedding<prediction_tokens, channels> prediction_positions;
  patch_type patches;
  repeat<C.depth, block_type> blocks;
  edge_distribution_head<channels, C.bins> box_head;
  [[no_unique_address]] score_type score_head;
  split_projection<attention_type> last_projection;  ///< of the last block, for steps with kept templates; made by `prepare`

  /// By the names of the official weights.
  static constexpr auto members() {
    return heddle::members<&mixformerv2::search_positions, &mixformerv2::template_positions, &mixformerv2::prediction,
                           &mixformerv2::prediction_positions, &mixformerv2::patches, &mixformerv2::blocks,
                           &mixformerv2::box_head, &mixformerv2::score_head>(
        "backbone.pos_embed_s", "backbone.pos_embed_t", "backbone.reg_tokens", "backbone.pos_embed_reg",
        "backbone.patch_embed.proj", "backbone.blocks", "box_head", "score_head");
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    last_projection.prepare_from(backend, blocks.children[C.depth - 1].attn.qkv);
  }

  static constexpr map_extents token_extents(std::size_t batch) noexcept { return map_extents(batch, 1, tokens, channels); }
  static constexpr map_extents search_extents(std::size_t batch = 1) noexcept {
    return map_extents(batch, C.search_size, C.search_size, 3);
  }
  static constexpr map_extents template_extents(std::size_t batch = 1) noexcept {
    return map_extents(batch, C.template_size, C.template_size, 3);
  }

  /// Multiply-adds of `forward` for one item: products and both parts of the attention, nothing for what is not seen.
  static constexpr std::uint64_t multiply_adds() noexcept {
    const std::uint64_t templates = 2 * template_tokens;
    const std::uint64_t pairs = templates * templates + std::uint64_t{frame_tokens} * tokens;
    return (templates + search_tokens) * patch_type::product_type::row_multiply_adds() +
           C.depth * (tokens * block_row() + 2 * pairs * channels) + head_multiply_adds();
  }
  /// Of a step with two kept templates, every token through every block.
  static constexpr std::uint64_t kept_multiply_adds() noexcept {
    return search_tokens * patch_type::product_type::row_multiply_adds() +
           C.depth * (frame_tokens * block_row() + 2 * std::uint64_t{frame_tokens} * tokens * channels) + head_multiply_adds();
  }

  template <class Backend>
  static constexpr std::size_t predict_bytes(const Backend& backend, std::size_t batch) {
    const std::size_t rows = prediction_tokens * batch;
    const std::size_t box = heddle::scratch_bytes<float>(rows * C.bins) + decltype(box_head)::row_scratch_bytes(backend, rows);
    const std::size_t score = token_score_head<channels>::scratch_bytes(backend, rows);
    return box > score ? box : score;
  }
  /// Scratch bytes of `forward`; enough for its parts.
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch) {
    std::size_t largest = patch_type::scratch_bytes(backend, search_extents());
    const auto add = [&](std::size_t bytes) { largest = bytes > largest ? bytes : largest; };
    add(patch_type::scratch_bytes(backend, template_extents()));
    add(heddle::scratch_bytes<block_type>(backend, token_extents(batch)));
    add(heddle::scratch_bytes<float>(batch * prediction_tokens * channels) + predict_bytes(backend, batch));
    return heddle::scratch_bytes<float>(batch * tokens * channels) + largest;
  }

  /// Boxes and scores of a batch of items. @throws shape_error, workspace_error before any work
  template <class Backend>
  void forward(context<Backend> ctx, const mixformerv2_images& images, const mixformerv2_outputs& out) const {
    const std::size_t batch = images.search.extent(0);
    require_images(images);
    require_outputs(out, batch);
    const std::size_t bytes = scratch_bytes(ctx.backend, batch);
    if (bytes > ctx.scratch.remaining()) arena::too_small(bytes, ctx.scratch.remaining());
    const map_view<float> x(ctx.scratch.template take<float>(batch * tokens * channels), token_extents(batch));
    embed(ctx, images, x);
    run_blocks(ctx, x, [](std::size_t, map_view<const float>) {});
    const auto rows = make_matrix(ctx.scratch.template take<float>(batch * prediction_tokens * channels),
                                  batch * prediction_tokens, channels);
    copy_prediction_tokens(ctx, x, rows);
    predict(ctx, as_const(rows), out);
  }

  /// The tokens of a batch with their positions, `[batch, 1, tokens, channels]`.
  template <class Backend>
  void embed(context<Backend> ctx, const mixformerv2_images& images, map_view<float> x) const {
    for (std::size_t b = 0; b < x.extent(0); ++b) {
      const matrix_view<float> rows = row_range(as_rows(x), b * tokens, tokens);
      embed_template(ctx, image(images.first, b), row_range(rows, 0, template_tokens));
      embed_template(ctx, image(images.online, b), row_range(rows, template_tokens, template_tokens));
      embed_frame(ctx, image(images.search, b), row_range(rows, 2 * template_tokens, frame_tokens));
    }
  }
  /// The tokens of one template.
  template <class Backend>
  void embed_template(context<Backend> ctx, map_view<const float> picture, matrix_view<float> rows) const {
    patches.embed(ctx, picture, rows, template_positions.rows());
  }
  /// The tokens of one search region, then the prediction tokens.
  template <class Backend>
  void embed_frame(context<Backend> ctx, map_view<const float> picture, matrix_view<float> rows) const {
    patches.embed(ctx, picture, row_range(rows, 0, search_tokens), search_positions.rows());
    map(ctx, make_matrix(prediction.data(), prediction_tokens, channels), prediction_positions.rows(),
        row_range(rows, search_tokens, prediction_tokens), heddle::detail::sum{});
  }

  /// The trunk, in place; `observe(i, tokens)` sees the tokens after block `i`. There is no norm after the last block.
  template <class Backend, class Observe>
  void run_blocks(context<Backend> ctx, map_view<float> x, Observe&& observe) const {
    for (std::size_t i = 0; i < C.depth; ++i) {
      blocks.children[i].forward(ctx, x, x);
      observe(i, map_view<const float>(x));
    }
  }

  /// Both heads on prediction tokens `[4 batch, channels]`.
  template <class Backend>
  void predict(context<Backend> ctx, matrix_view<const float> rows, const mixformerv2_outputs& out) const {
    if constexpr (C.score_head) {
      if (!out.scores.empty()) score_head.forward(ctx, rows, out.scores);
    }
    matrix_view<float> logits = out.logits;
    if (logits.data_handle() == nullptr)
      logits = make_matrix(ctx.scratch.template take<float>(rows.extent(0) * C.bins), rows.extent(0), C.bins);
    box_head.forward_rows(ctx, rows, logits);
    if (out.probabilities.data_handle() != nullptr) edge_probabilities(ctx, as_const(logits), out.probabilities);
    if (out.boxes.data_handle() != nullptr) expected_boxes(ctx, as_const(logits), out.boxes);
  }

  /// The prediction tokens of every item as rows.
  template <class Backend>
  static void copy_prediction_tokens(context<Backend> ctx, map_view<const float> x, matrix_view<float> rows) {
    for (std::size_t b = 0; b < x.extent(0); ++b)
      map(ctx, row_range(as_rows(x), (b + 1) * tokens - prediction_tokens, prediction_tokens),
          row_range(rows, b * prediction_tokens, prediction_tokens), identity{});
  }

  /// Checks what a step is asked to write. @throws shape_error
  static void require_outputs(const mixformerv2_outputs& out, std::size_t batch) {
    if (out.boxes.data_handle() != nullptr) {
      require_extent("mixformerv2: boxes", "items", batch, out.boxes.extent(0));
      require_extent("mixformerv2: boxes", "numbers", 4, out.boxes.extent(1));
    }
    if (!out.scores.empty()) require_extent("mixformerv2: scores", "items", batch, out.scores.size());
    for (const auto* edges : {&out.logits, &out.probabilities}) {
      if (edges->data_handle() == nullptr) continue;
      require_extent("mixformerv2: edges", "rows, four for every item,", 4 * batch, edges->extent(0));
      require_extent("mixformerv2: edges", "bins", C.bins, edges->extent(1));
    }
  }
  /// One picture of a batch.
  static map_view<const float> image(map_view<const float> x, std::size_t b) noexcept {
    return {x.data_handle() + b * x.extent(1) * x.extent(2) * 3, map_extents(1, x.extent(1), x.extent(2), 3)};
  }
  static void require_image(const char* name, map_view<const float> x, const map_extents& expected) {
    constexpr const char* axes[] = {"items", "rows", "columns", "channels"};
    for (std::size_t r = 0; r < 4; ++r) require_extent(name, axes[r], expected.extent(r), x.extent(r));
  }

 private:
  static void require_images(const mixformerv2_images& images) {
    const std::size_t batch = images.search.extent(0);
    require_image("mixformerv2: search", images.search, search_extents(batch));
    require_image("mixformerv2: first", images.first, template_extents(batch));
    require_image("mixformerv2: online", images.online, template_extents(batch));
  }
  static constexpr std::uint64_t block_row() noexcept { return std::uint64_t{4} * channels * channels + block_type_mlp(); }
  static constexpr std::uint64_t block_type_mlp() noexcept { return std::uint64_t{2} * channels * C.hidden; }
  static constexpr std::uint64_t head_multiply_adds() noexcept {
    const std::uint64_t box = decltype(box_head)::row_multiply_adds();
    const std::uint64_t score = C.score_head ? token_score_head<channels>::row_multiply_adds() : 0;
    return prediction_tokens * (box + score);
  }
};

/// Loads a deeper network's weights after its blocks `removed` (in ascending order) were pruned away: the others are
/// renumbered in order, what belongs to the removed ones is left.
inline io::key_map pruned_key_map(std::size_t depth, std::span<const std::size_t> removed) {
  io::key_map map;
  std::size_t kept = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < depth; ++i) {
    if (next < removed.size() && removed[next] == i) {
      ++next;
      map.ignore("backbone.blocks." + std::to_string(i) + ".**");
    } else {
      map.rename("backbone.blocks." + std::to_string(kept++), "backbone.blocks." + std::to_string(i));
    }
  }
  return map;
}

}  // namespace heddle::examples
