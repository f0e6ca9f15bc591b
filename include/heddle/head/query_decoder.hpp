/// @file
/// `query_decoder`: boxes that learned queries refine stage by stage from features of their regions.
#pragma once

#include <algorithm>

#include "../attention/attention.hpp"
#include "../layer/mlp.hpp"
#include "../layer/residual.hpp"
#include "../primitive/attend.hpp"
#include "box_delta.hpp"
#include "dynamic_interaction.hpp"
#include "roi_pyramid.hpp"
#include "tower.hpp"

namespace heddle::inline v0 {

/// Options of `query_decoder`.
struct query_decoder_options {
  std::size_t channels = 256;  ///< of queries and of the pyramid
  std::size_t heads = 8;
  std::size_t dynamic = 64;  ///< inner width of the dynamic interaction
  std::size_t hidden = 2048;
  std::size_t classes = 2;  ///< logits of a box, the one for nothing included
  std::size_t class_layers = 1;
  std::size_t box_layers = 3;
  std::size_t bins = 7;     ///< of a box and axis
  std::size_t samples = 2;  ///< of a bin and axis
  std::size_t stages = 6;
  std::size_t queries = 100;
};

/// The in-projection of packed queries, keys and values, whose parameters have names of their own: `in_proj_weight`
/// `[3 C, C]`, `in_proj_bias` `[3 C]`; and `out_proj`. Post-norm blocks of DETR and its relatives use it.
template <std::size_t C, std::size_t Heads>
struct packed_attention {
  static_assert(C % Heads == 0, "heddle::packed_attention: channels must be divisible by heads");
  static constexpr std::size_t head_dim = C / Heads;
  using composition_type = attention<>;

  parameter<3 * C, C> in_proj_weight;
  parameter<3 * C> in_proj_bias;
  linear<C, C> out_proj;
  dense_weight prepared;

  static constexpr auto members() {
    return heddle::members<&packed_attention::in_proj_weight, &packed_attention::in_proj_bias, &packed_attention::out_proj>(
        "in_proj_weight", "in_proj_bias", "out_proj");
  }
  static constexpr std::uint64_t multiply_adds(std::size_t tokens) noexcept {
    return std::uint64_t{tokens} * (4 * C * C + 2 * tokens * C);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t tokens) {
    return heddle::scratch_bytes<float>(batch * tokens * 3 * C) + heddle::scratch_bytes<float>(batch * tokens * C) +
           plan_bytes(composition_type{}, sequence_grid(tokens), Heads) +
           attend_bytes(backend, composition_type{}, sequence_grid(tokens), head_dim);
  }
  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    prepared = prepare_dense(backend, as_rows(in_proj_weight.view()), in_proj_bias.span());
  }
  /// `x += Attention(x)` within every sequence of `batch` ones.
  template <class Backend>
  void accumulate(context<Backend> ctx, std::size_t batch, matrix_view<float> x) const {
    const std::size_t rows = x.extent(0);
    const std::size_t tokens = rows / batch;
    const auto projection = make_matrix(ctx.scratch.template take<float>(rows * 3 * C), rows, 3 * C);
    const auto merged = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    const auto plan = plan_attention(composition_type{}, sequence_grid(tokens), Heads, ctx.scratch);
    gemm(ctx, as_const(x), prepared, projection);
    const auto v = qkv_views<head_dim>(projection.data_handle(), batch, tokens, Heads);
    attend(ctx, plan, v.q, v.k, v.v, merged_heads<head_dim>(merged.data_handle(), batch, tokens, Heads));
    out_proj.accumulate_rows(ctx, as_const(merged), x);
  }
};

/// One stage of `query_decoder`, post-norm: attention among the queries of an image, dynamic interaction of each with the
/// features of its box, feed-forward, then the branches for classes and boxes.
template <query_decoder_options O>
struct query_decoder_stage {
  static constexpr std::size_t C = O.channels;
  static constexpr std::size_t positions = O.bins * O.bins;
  using interaction_type = dynamic_interaction<C, O.dynamic, positions>;
  using attention_type = packed_attention<C, O.heads>;
  using feed_forward_type = mlp<C, O.hidden, relu>;

  attention_type self_attn;
  interaction_type inst_interact;
  feed_forward_type feed_forward;
  layer_norm<C> norm1;
  layer_norm<C> norm2;
  layer_norm<C> norm3;
  tower<C, C, O.class_layers> cls_module;
  tower<C, C, O.box_layers> reg_module;
  linear<C, O.classes> class_logits;
  linear<C, 4> bboxes_delta;

  using self = query_decoder_stage;
  static constexpr auto members() {
    return heddle::members<&self::self_attn, &self::inst_interact, &self::feed_forward, &self::norm1, &self::norm2,
                           &self::norm3, &self::cls_module, &self::reg_module, &self::class_logits, &self::bboxes_delta>(
        "self_attn", "inst_interact", "feed_forward", "norm1", "norm2", "norm3", "cls_module", "reg_module", "class_logits",
        "bboxes_delta");
  }
  /// Of `queries` queries of one image; resampling not counted.
  static constexpr std::uint64_t multiply_adds(std::size_t queries) noexcept {
    return attention_type::multiply_adds(queries) +
           queries * (interaction_type::multiply_adds() + feed_forward_type::row_multiply_adds() +
                      (O.class_layers + O.box_layers) * C * C + C * (O.classes + 4));
  }
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t queries,
                                   const map_extents& first_level) {
    const std::size_t rows = batch * queries;
    const std::size_t features = heddle::scratch_bytes<float>(rows * positions * C);
    const std::size_t pooling = features + roi_pyramid_bytes(backend, first_level, O.bins, rows);
    const std::size_t mixing =
        features + heddle::scratch_bytes<float>(rows * C) + interaction_type::scratch_bytes(backend, rows);
    const std::size_t attends = attention_type::scratch_bytes(backend, batch, queries);
    const std::size_t rest = heddle::scratch_bytes<float>(rows * O.hidden) + 3 * heddle::scratch_bytes<float>(rows * C) +
                             heddle::scratch_bytes<float>(rows * 4);
    return std::max({pooling, mixing, attends, rest});
  }

  /// Refines queries `[rows, C]` and boxes `[rows, 4]` in place.
  template <class Backend>
  void forward(context<Backend> ctx, std::span<const map_view<const float>> levels, matrix_view<float> queries,
               matrix_view<float> boxes) const {
    self_attn.accumulate(ctx, levels[0].extent(0), queries);
    norm1.forward_rows(ctx, as_const(queries), queries);
    interact(ctx, levels, queries, as_const(boxes));
    norm2.forward_rows(ctx, as_const(queries), queries);
    feed_forward.accumulate_rows(ctx, as_const(queries), queries);
    norm3.forward_rows(ctx, as_const(queries), queries);
    move_boxes(ctx, as_const(queries), boxes);
  }
  /// Class logits `[rows, classes]` of refined queries.
  template <class Backend>
  void classify(context<Backend> ctx, matrix_view<const float> queries, matrix_view<float> logits) const {
    const auto h = make_matrix(ctx.scratch.template take<float>(queries.extent(0) * C), queries.extent(0), C);
    cls_module.forward_rows(ctx, queries, h);
    class_logits.forward_rows(ctx, as_const(h), logits);
  }

 private:
  template <class Backend>
  void interact(context<Backend> ctx, std::span<const map_view<const float>> levels, matrix_view<float> queries,
                matrix_view<const float> boxes) const {
    const std::size_t rows = queries.extent(0);
    const map_view<float> features(ctx.scratch.template take<float>(rows * positions * C),
                                   map_extents(rows, O.bins, O.bins, C));
    roi_pyramid(ctx, levels, boxes, features, {.samples = O.samples});
    const auto v = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    inst_interact.forward(ctx, as_const(queries), as_const(as_rows(features)), v);
    map(ctx, as_const(queries), as_const(v), queries, detail::sum{});
  }
  template <class Backend>
  void move_boxes(context<Backend> ctx, matrix_view<const float> queries, matrix_view<float> boxes) const {
    const std::size_t rows = queries.extent(0);
    const auto h = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    const auto deltas = make_matrix(ctx.scratch.template take<float>(rows * 4), rows, 4);
    reg_module.forward_rows(ctx, queries, h);
    bboxes_delta.forward_rows(ctx, as_const(h), deltas);
    apply_box_deltas(ctx, as_const(deltas), boxes);
  }
};

/// Query decoder with features of regions (Sun et al., CVPR 2021, Sparse R-CNN): learned boxes and queries, shared by all images,
/// are refined `stages` times; a box finds its features on the level of a pyramid that fits its size.
/// Parameters: `queries` `[queries, channels]`, `boxes` `[queries, 4]` = (cx, cy, w, h) as shares of the image, `stages.i`.
template <query_decoder_options O>
struct query_decoder {
  static_assert(O.stages > 0, "heddle::query_decoder: at least one stage");
  static constexpr std::size_t C = O.channels;
  using stage_type = query_decoder_stage<O>;

  parameter<O.queries, C> queries;
  parameter<O.queries, 4> boxes;
  std::array<stage_type, O.stages> stages;

  static constexpr std::size_t parameter_count() { return O.queries * (C + 4) + O.stages * parameters<stage_type>; }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("queries", self.queries);
    f("boxes", self.boxes);
    for (std::size_t i = 0; i < O.stages; ++i) f("stages." + std::to_string(i), self.stages[i]);
  }
  /// Of one image.
  static constexpr std::uint64_t multiply_adds() noexcept { return O.stages * stage_type::multiply_adds(O.queries); }
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, const map_extents& first_level) {
    const std::size_t rows = first_level.extent(0) * O.queries;
    return heddle::scratch_bytes<float>(rows * C) +
           stage_type::scratch_bytes(backend, first_level.extent(0), O.queries, first_level);
  }

  /// @param levels  maps `[batch, height, width, channels]`, each half the size of the one before, from a fourth of the image on
  /// @param sizes   `[batch, 2]` = (width, height) of each image in its own units
  /// @param logits  `[batch * queries, classes]` of the last stage
  /// @param refined `[batch * queries, 4]` = (x1, y1, x2, y2) in units of the image
  /// @throws shape_error, workspace_error
  template <class Backend>
  void forward(context<Backend> ctx, std::span<const map_view<const float>> levels, matrix_view<const float> sizes,
               matrix_view<float> logits, matrix_view<float> refined) const {
    const std::size_t batch = levels[0].extent(0);
    require_extent("query_decoder: sizes", "images", batch, sizes.extent(0));
    require_extent("query_decoder: logits", "rows", batch * O.queries, logits.extent(0));
    require_extent("query_decoder: refined", "rows", batch * O.queries, refined.extent(0));
    const auto q = make_matrix(ctx.scratch.template take<float>(batch * O.queries * C), batch * O.queries, C);
    each(ctx, batch * O.queries, first_query{queries.data(), boxes.data(), sizes, q, refined});
    for (const stage_type& stage : stages) stage.forward(ctx, levels, q, refined);
    stages.back().classify(ctx, as_const(q), logits);
  }

  /// What the first stage is given for one query of one image.
  struct first_query {
    const float* queries;
    const float* boxes;
    matrix_view<const float> sizes;
    matrix_view<float> q;
    matrix_view<float> corners;
    HEDDLE_HOST_DEVICE void operator()(std::size_t r) const {
      const std::size_t i = r % O.queries;
      for (std::size_t c = 0; c < C; ++c) q(r, c) = queries[i * C + c];
      const float* const b = boxes + 4 * i;
      for (std::size_t side = 0; side < 2; ++side) {
        const float size = sizes(r / O.queries, side);
        corners(r, side) = (b[side] - 0.5F * b[side + 2]) * size;
        corners(r, side + 2) = (b[side] + 0.5F * b[side + 2]) * size;
      }
    }
  };
};

}  // namespace heddle::inline v0
