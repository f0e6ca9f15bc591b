/// @file
/// A transformer block taken in two steps, so that its tokens may attend to keys that another pass left behind: templates
/// are projected once, every frame reads their keys and values.
#pragma once

#include <algorithm>
#include <type_traits>

#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/stored_prefix.hpp"

namespace heddle::examples {

/// The steps of `Block`, an `encoder_block` of `layer_norm`, `self_attention` and `mlp`. Rows are `[batch * tokens, C]`.
template <class Block>
struct keyed_block {
  using attention_type = std::remove_cvref_t<decltype(Block::attn)>;
  using norm_type = std::remove_cvref_t<decltype(Block::norm1)>;
  using mlp_type = std::remove_cvref_t<decltype(Block::mlp)>;
  using element = typename attention_type::element;  ///< of projections
  static constexpr std::size_t channels = attention_type::channels;
  static constexpr std::size_t heads = attention_type::heads;
  static constexpr std::size_t head_dim = attention_type::head_dim;
  /// Elements of a projected row: query, key and value of every head.
  static constexpr std::size_t projected = 3 * channels;

  using composition_type = attention<cross_source, scaled_dot>;
  using parts = qkv_parts<const element, head_dim>;
  using query_type = head_view<const element, head_dim>;
  template <std::size_t Views>
  using keys = joined_heads<element, head_dim, Views>;

  /// Queries, keys and values in projected rows `[batch, tokens, 3, heads, head_dim]`.
  static parts views(const element* rows, std::size_t batch, std::size_t tokens) {
    return qkv_views<head_dim>(rows, batch, tokens, heads);
  }

  template <class Backend>
  static constexpr std::size_t project_bytes(const Backend& backend, std::size_t rows) {
    const std::size_t steps =
        std::max(step_bytes<norm_type>(backend, rows), attention_type::qkv_type::row_scratch_bytes(backend, rows));
    return heddle::scratch_bytes<float>(rows * channels) + steps;
  }
  /// `projection = W_qkv Norm1(x) + b`, `[rows, 3 C]`.
  template <class Backend>
  static void project(context<Backend> ctx, const Block& block, matrix_view<const float> x, element* projection) {
    const auto h = normalised(ctx, block, x);
    block.attn.qkv.forward_rows(ctx, as_const(h), make_matrix(projection, x.extent(0), projected));
  }
  /// `x` in items of `tokens` tokens: keys and values of all, `[rows, 2 C]`, and queries of the last `asking` tokens of every
  /// item, `[items * asking, C]`, for a block of which nothing else is read. Scratch: `project_bytes`.
  template <class Backend>
  static void project_last(context<Backend> ctx, const Block& block, const split_projection<attention_type>& split,
                           matrix_view<const float> x, std::size_t tokens, std::size_t asking, element* queries,
                           element* keys_and_values) {
    const auto h = normalised(ctx, block, x);
    split.keys_and_values.forward_rows(ctx, as_const(h), make_matrix(keys_and_values, x.extent(0), 2 * channels));
    if (asking == 0) return;
    for (std::size_t b = 0; b * tokens < x.extent(0); ++b)
      split.queries.forward_rows(ctx, as_const(row_range(h, (b + 1) * tokens - asking, asking)),
                                 make_matrix(queries + b * asking * channels, asking, channels));
  }

  template <class Backend>
  static std::size_t finish_bytes(const Backend& backend, std::size_t batch, std::size_t tokens, std::size_t all_keys) {
    const token_grid queries = sequence_grid(tokens);
    const token_grid keyed = sequence_grid(all_keys);
    const std::size_t rows = batch * tokens;
    const std::size_t attention = plan_bytes(composition_type{}, queries, keyed, heads) +
                                  attend_bytes<element>(backend, composition_type{}, queries, keyed, head_dim);
    const std::size_t first = heddle::scratch_bytes<element>(rows * channels) +
                              std::max(attention, attention_type::proj_type::row_scratch_bytes(backend, rows));
    const std::size_t second = heddle::scratch_bytes<float>(rows * channels) +
                               std::max(step_bytes<norm_type>(backend, rows), mlp_type::row_scratch_bytes(backend, rows));
    return std::max(first, second);
  }
  /// `x += W_o attend(q, k, v) + b`, `x += Mlp(Norm2(x))`.
  template <class Backend, class Keys>
  static void finish(context<Backend> ctx, const Block& block, const query_type& q, const Keys& k, const Keys& v,
                     matrix_view<float> x) {
    attend_step(ctx, block, q, k, v, x);
    const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
    heddle::detail::forward_all_rows(ctx, block.norm2, as_const(x), h);
    block.mlp.accumulate_rows(ctx, as_const(h), x);
  }

 private:
  template <class M, class Backend>
  static constexpr std::size_t step_bytes(const Backend& backend, std::size_t rows) {
    return heddle::detail::rows_scratch_bytes<M>(backend, rows);
  }

  /// `Norm1(x)`, in scratch that `ctx` keeps.
  template <class Backend>
  static matrix_view<float> normalised(context<Backend>& ctx, const Block& block, matrix_view<const float> x) {
    const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
    heddle::detail::forward_all_rows(ctx, block.norm1, x, h);
    return h;
  }

  /// Takes its context by value: the merged heads are given back before the feed-forward part.
  template <class Backend, class Keys>
  static void attend_step(context<Backend> ctx, const Block& block, const query_type& q, const Keys& k, const Keys& v,
                          matrix_view<float> x) {
    const std::size_t tokens = q.extent(2);
    const auto merged = make_matrix(ctx.scratch.template take<element>(x.extent(0) * channels), x.extent(0), channels);
    const auto plan = plan_attention(composition_type{}, sequence_grid(tokens), sequence_grid(k.extent(2)), heads, ctx.scratch);
    attend(ctx, plan, q, k, v, merged_heads<head_dim>(merged.data_handle(), q.extent(0), tokens, heads));
    block.attn.proj.accumulate_rows(ctx, as_const(merged), x);
  }
};

}  // namespace heddle::examples
