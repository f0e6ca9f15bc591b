/// @file
/// The score head of trackers: is the target in the predicted box? (Cui et al., MixFormer, arXiv 2203.11082, section 3.3)
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "../attention/attention.hpp"
#include "../layer/linear.hpp"
#include "../layer/norm.hpp"
#include "../primitive/attend.hpp"
#include "../primitive/each.hpp"
#include "../primitive/map.hpp"
#include "../primitive/resample/roi.hpp"

namespace heddle::inline v0 {

/// One learned token asks the search region inside the box, then the template, and a perceptron makes a logit of it:
///
/// `q = Norm1(token)`; for the memories m_1 (features pooled from the box to `Side` x `Side` by precise RoI pooling) and m_2
/// (tokens of the template): `q = Norm2_i(Wo_i attend(Wq_i q, Wk_i m_i, Wv_i m_i))` without a residual, scores scaled by
/// `C^(-1/2)`; `y = L3 relu(L2 relu(L1 q))`.
///
/// Keys and values of the template do not depend on the frame: `store_template` makes them once. Children: `score_token`
/// `[1, 1, C]`, `proj_q`, `proj_k`, `proj_v`, `proj` (`0`, `1`), `norm1`, `norm2` (`0`, `1`), `score_head.layers` (`0` ... `2`).
template <std::size_t C, std::size_t Heads, std::size_t Side = 4>
struct score_head {
  static_assert(Heads > 0 && C % Heads == 0, "heddle::score_head: channels must be divisible by heads");
  static constexpr std::size_t channels = C;
  static constexpr std::size_t head_dim = C / Heads;
  static constexpr std::size_t pooled_tokens = Side * Side;

  parameter<1, 1, C> score_token;
  std::array<linear<C, C>, 2> proj_q;
  std::array<linear<C, C>, 2> proj_k;
  std::array<linear<C, C>, 2> proj_v;
  std::array<linear<C, C>, 2> proj;
  layer_norm<C> norm1;
  std::array<layer_norm<C>, 2> norm2;
  std::array<linear<C, C>, 2> hidden;
  linear<C, 1> logit;

  static constexpr std::size_t parameter_count() {
    return C + 10 * parameters<linear<C, C>> + 3 * parameters<layer_norm<C>> + parameters<linear<C, 1>>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("score_token", self.score_token);
    const auto pair = [&](const std::string& name, auto& children) {
      f(name + ".0", children[0]);
      f(name + ".1", children[1]);
    };
    pair("proj_q", self.proj_q);
    pair("proj_k", self.proj_k);
    pair("proj_v", self.proj_v);
    pair("proj", self.proj);
    f("norm1", self.norm1);
    pair("norm2", self.norm2);
    pair("score_head.layers", self.hidden);
    f("score_head.layers.2", self.logit);
  }

  /// Floats of `template_memory` for templates of `tokens` tokens each.
  static constexpr std::size_t template_size(std::size_t batch, std::size_t tokens) noexcept { return batch * tokens * 2 * C; }
  /// One image: the queries, both memories' products with the pooled features, the perceptron.
  static constexpr std::uint64_t multiply_adds(const map_extents& x, std::size_t template_tokens) noexcept {
    return x.extent(0) * (std::uint64_t{C} * C * (6 + 2 * pooled_tokens) + 2 * C * (pooled_tokens + template_tokens) + C);
  }
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, const map_extents& x, std::size_t template_tokens) {
    const std::size_t batch = x.extent(0);
    const std::size_t tokens = template_tokens > pooled_tokens ? template_tokens : pooled_tokens;
    const token_grid keys = sequence_grid(tokens);
    const std::size_t attention = plan_bytes(composition_type{}, sequence_grid(1), keys, Heads) +
                                  attend_bytes(backend, composition_type{}, sequence_grid(1), keys, head_dim);
    const std::size_t pooling = heddle::scratch_bytes<float>(batch * 5) + roi_bytes(backend, x, pooled_extents(batch));
    return 3 * heddle::scratch_bytes<float>(batch * C) + heddle::scratch_bytes<float>(batch * pooled_tokens * C) +
           heddle::scratch_bytes<float>(template_size(batch, pooled_tokens)) + (attention > pooling ? attention : pooling);
  }

  /// Keys and values of the second memory, from tokens `[batch * tokens, C]` into `[batch, tokens, 2, C]`. No scratch.
  template <class Backend>
  void store_template(context<Backend> ctx, matrix_view<const float> tokens, float* template_memory) const {
    project(ctx, 1, tokens, template_memory);
  }

  /// @param x               features of the search region, `[batch, height, width, C]`
  /// @param boxes           `[batch, 4]` = (x1, y1, x2, y2) as shares of its sides; a box without area pools zeros
  /// @param template_memory made by `store_template` for `template_tokens` tokens of each image
  /// @param logits          `[batch]`; a sigmoid makes a probability of one
  /// @throws shape_error before any work
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, matrix_view<const float> boxes, const float* template_memory,
               std::size_t template_tokens, std::span<float> logits) const {
    const std::size_t batch = x.extent(0);
    require_extent("score_head: x", "channels", C, x.extent(3));
    require_extent("score_head: logits", "images", batch, logits.size());
    const auto rows = [&] { return make_matrix(ctx.scratch.template take<float>(batch * C), batch, C); };
    const auto query = rows();
    const auto projected = rows();
    const auto attended = rows();
    const map_view<float> pooled(ctx.scratch.template take<float>(batch * pooled_tokens * C), pooled_extents(batch));
    float* const memory = ctx.scratch.template take<float>(template_size(batch, pooled_tokens));
    pool(ctx, x, boxes, pooled);
    project(ctx, 0, as_const(as_rows(pooled)), memory);
    norm1.forward_rows(ctx, make_matrix(score_token.data(), 1, C), row_range(query, 0, 1));
    for (std::size_t b = 1; b < batch; ++b) map(ctx, as_const(row_range(query, 0, 1)), row_range(query, b, 1), identity{});
    ask(ctx, 0, query, memory, pooled_tokens, projected, attended);
    ask(ctx, 1, query, template_memory, template_tokens, projected, attended);
    hidden[0].forward_rows(ctx, as_const(query), projected, relu{});
    hidden[1].forward_rows(ctx, as_const(projected), attended, relu{});
    logit.forward_rows(ctx, as_const(attended), make_matrix(logits.data(), batch, 1));
  }

  /// The features inside the boxes, `[batch, Side, Side, C]`.
  template <class Backend>
  static void pool(context<Backend> ctx, map_view<const float> x, matrix_view<const float> boxes, map_view<float> pooled) {
    const std::size_t batch = x.extent(0);
    require_extent("score_head: boxes", "boxes, one of each image", batch, boxes.extent(0));
    require_extent("score_head: boxes", "columns (x1, y1, x2, y2)", 4, boxes.extent(1));
    const auto rois = make_matrix(ctx.scratch.template take<float>(batch * 5), batch, 5);
    each(ctx, batch * 5,
         region_number{boxes.data_handle(), boxes.stride(0), rois.data_handle(), static_cast<float>(x.extent(2)),
                       static_cast<float>(x.extent(1))});
    precise_roi_pool(ctx, x, as_const(rois), pooled);
  }

  /// One number of the regions: its image, then a box in cells.
  struct region_number {
    const float* boxes;
    std::size_t pitch;
    float* regions;
    float width;
    float height;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      const std::size_t b = i / 5;
      const std::size_t c = i % 5;
      regions[i] = c == 0 ? static_cast<float>(b) : boxes[b * pitch + c - 1] * (c % 2 == 1 ? width : height);
    }
  };

 private:
  using composition_type = attention<cross_source, scaled_dot>;

  static constexpr map_extents pooled_extents(std::size_t batch) { return map_extents(batch, Side, Side, C); }

  /// Keys and values of memory `i`, next to each other for every token.
  template <class Backend>
  void project(context<Backend> ctx, std::size_t i, matrix_view<const float> tokens, float* memory) const {
    require_extent("score_head: tokens", "channels", C, tokens.extent(1));
    proj_k[i].forward_rows(ctx, tokens, make_matrix(memory, tokens.extent(0), C, 2 * C));
    proj_v[i].forward_rows(ctx, tokens, make_matrix(memory + C, tokens.extent(0), C, 2 * C));
  }

  template <class Backend>
  void ask(context<Backend> ctx, std::size_t i, matrix_view<float> query, const float* memory, std::size_t tokens,
           matrix_view<float> projected, matrix_view<float> attended) const {
    const std::size_t batch = query.extent(0);
    proj_q[i].forward_rows(ctx, as_const(query), projected);
    const composition_type composition{cross_source{}, scaled_dot{1.0F / std::sqrt(static_cast<float>(C))}};
    const auto plan = plan_attention(composition, sequence_grid(1), sequence_grid(tokens), Heads, ctx.scratch);
    const auto view = [&](const float* from, std::size_t count) {
      return head_view<const float, head_dim>(from, extents<dyn, dyn, dyn, head_dim>(batch, Heads, count, head_dim),
                                              {tokens * 2 * C, head_dim, 2 * C, std::size_t{1}});
    };
    // Joined with nothing: the kernel that trackers instantiate for stored keys then serves here too.
    const auto keys = [&](const float* from) { return joined_heads<float, head_dim, 2>{{view(from, tokens), view(from, 0)}}; };
    attend(ctx, plan, head_view<const float, head_dim>(merged_heads<head_dim>(projected.data_handle(), batch, 1, Heads)),
           keys(memory), keys(memory + C), merged_heads<head_dim>(attended.data_handle(), batch, 1, Heads));
    proj[i].forward_rows(ctx, as_const(attended), projected);
    norm2[i].forward_rows(ctx, as_const(projected), query);
  }
};

}  // namespace heddle::inline v0
