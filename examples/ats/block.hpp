/// @file
/// The transformer block of ATS: with and without sampling, for sequences of different lengths.
#pragma once

#include "config.hpp"
#include "heddle/attention/attention.hpp"
#include "heddle/attention/normalizer/smoothed_softmax.hpp"
#include "heddle/layer/linear.hpp"
#include "heddle/layer/mlp.hpp"
#include "heddle/layer/residual.hpp"
#include "heddle/primitive/attend.hpp"
#include "heddle/token/sampling.hpp"

namespace heddle::examples {

using ats_sampling = sampling<class_attention_times_value_norm, inverse_transform>;

/// The sequences of a batch on their way through the network: rows without padding, and where the kept rows came from.
struct ats_tokens {
  matrix_view<float> rows{};  ///< `[rows, channels]`
  ragged_batch sequences{};
  std::span<std::int32_t> kept{};  ///< `[tokens at first]` scratch for one sequence
  std::size_t padded_length = 0;   ///< of the sequences in the released code; 0: that of the longest
};

/// Attention of the published code: the softmax has an epsilon, and only kept tokens are queries where tokens are sampled.
template <std::size_t C, std::size_t Heads>
struct ats_attention {
  static_assert(C % Heads == 0, "ats: channels must be divisible by heads");
  static constexpr std::size_t heads = Heads;
  static constexpr std::size_t head_dim = C / Heads;
  using composition_type = attention<cross_source, smoothed_softmax>;
  using scoring_type = attention<cross_source, smoothed_softmax, class_row>;

  linear<C, 3 * C> qkv;
  linear<C, C> proj;

  static constexpr auto members() { return heddle::members<&ats_attention::qkv, &ats_attention::proj>("qkv", "proj"); }

  /// Multiply-adds for a sequence of which `kept` tokens are queries.
  static constexpr std::uint64_t multiply_adds(std::size_t tokens, std::size_t kept) noexcept {
    return std::uint64_t{tokens} * 3 * C * C + std::uint64_t{kept} * C * (2 * tokens + C);
  }
  /// Of sequences of up to `tokens` tokens, any number of them queries: a smaller problem may take another way, which needs
  /// more. Ways end at powers of two queries.
  template <class Backend>
  static constexpr std::size_t attend_scratch(const Backend& backend, std::size_t tokens) {
    std::size_t most = 0;
    const auto add = [&](const auto& composition, std::size_t queries, std::size_t keys) {
      const std::size_t bytes = plan_bytes(composition, sequence_grid(queries), sequence_grid(keys), Heads) +
                                attend_bytes(backend, composition, sequence_grid(queries), sequence_grid(keys), head_dim);
      most = most < bytes ? bytes : most;
    };
    for (std::size_t n = 1; n <= tokens; ++n) {
      for (std::size_t queries = 1; queries < n; queries *= 2) add(composition_type{}, queries, n);
      add(composition_type{}, n, n);
      add(scoring_type{}, 1, n);
    }
    return most;
  }

  /// `queries` rows `[.., C]` see the keys and values of `projection` rows `[tokens, 3 C]`.
  template <class Composition = composition_type, class Backend>
  void attend_rows(context<Backend> ctx, matrix_view<float> queries, matrix_view<float> projection, matrix_view<float> out,
                   const attend_outputs& outputs = {}) const {
    const std::size_t count = queries.extent(0);
    const std::size_t tokens = projection.extent(0);
    const auto all = qkv_views<head_dim>(projection.data_handle(), 1, tokens, Heads);
    const auto plan = plan_attention(Composition{}, sequence_grid(count), sequence_grid(tokens), Heads, ctx.scratch);
    attend(ctx, plan, merged_heads<head_dim>(queries.data_handle(), 1, count, Heads, head_dim, queries.stride(0)), all.k, all.v,
           merged_heads<head_dim>(out.data_handle(), 1, count, Heads, head_dim, out.stride(0)), outputs);
  }

  /// Which tokens of a sequence stay (equations 3 to 5 of the paper).
  template <class Backend, class... Trace>
  std::size_t plan(context<Backend> ctx, const ats_sampling& sampler, matrix_view<float> projection,
                   std::span<std::int32_t> kept, const Trace&... trace) const {
    const std::size_t tokens = projection.extent(0);
    auto* const weights = ctx.scratch.template take<float>(Heads * tokens);
    const auto unused = make_matrix(ctx.scratch.template take<float>(C), 1, C);
    const head_rows<float> row(weights, extents<dyn, dyn, dyn>(1, Heads, tokens), {Heads * tokens, tokens, 1});
    attend_outputs outputs;
    outputs.class_row = row;
    attend_rows<scoring_type>(ctx, row_range(projection, 0, 1), projection, unused, outputs);
    token_evidence evidence;
    evidence.class_row = row;
    evidence.values = qkv_views<head_dim>(projection.data_handle(), 1, tokens, Heads).v;
    return sampler.plan(ctx, evidence, 0, tokens, 1, kept, trace...);
  }
  template <class Backend>
  static constexpr std::size_t plan_scratch(const Backend& backend, std::size_t tokens) {
    const std::size_t attends = attend_scratch(backend, tokens);
    const std::size_t samples = ats_sampling::bytes(backend, tokens);
    return scratch_bytes<float>(Heads * tokens) + scratch_bytes<float>(C) + (attends > samples ? attends : samples);
  }
};

/// `x += Attention(Norm(x))`, of kept tokens only where the block samples; `x += Mlp(Norm(x))`.
template <std::size_t C, std::size_t Heads, std::size_t Hidden>
struct ats_block {
  static constexpr std::size_t channels = C;
  static constexpr std::size_t heads = Heads;
  using norm_type = layer_norm<C, ratio{1, 1000000}>;
  using attention_type = ats_attention<C, Heads>;
  using feed_forward_type = pre_norm<norm_type, mlp<C, Hidden>>;

  norm_type norm1;
  attention_type attn;
  feed_forward_type feed_forward;

  static constexpr auto members() {
    return heddle::members<&ats_block::norm1, &ats_block::attn, &ats_block::feed_forward>("norm1", "attn", "feed_forward");
  }
  /// For a sequence that keeps `kept` of its tokens.
  static constexpr std::uint64_t multiply_adds(std::size_t tokens, std::size_t kept) noexcept {
    return attention_type::multiply_adds(tokens, kept) + kept * feed_forward_type::row_multiply_adds();
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t tokens) {
    const std::size_t rows = batch * tokens;
    const std::size_t attends = attention_type::attend_scratch(backend, tokens) + heddle::scratch_bytes<float>(tokens * C);
    const std::size_t plans = attention_type::plan_scratch(backend, tokens);
    const std::size_t attention = heddle::scratch_bytes<float>(rows * C) * 2 + heddle::scratch_bytes<float>(rows * 3 * C) +
                                  (attends > plans ? attends : plans);
    const std::size_t feeds = heddle::detail::rows_scratch_bytes<feed_forward_type>(backend, rows);
    return attention > feeds ? attention : feeds;
  }

  template <class Backend>
  void forward(context<Backend> ctx, const ats_tokens& x) const {
    attention_step(ctx, x);
    heddle::detail::forward_all_rows(ctx, feed_forward, as_const(x.rows), x.rows);
  }

  /// The same with sampling: `x` becomes the kept rows, its sequences their lengths. A sampler `from_zero` is one only for
  /// sequences shorter than the padded length. `trace_of(b, tokens)` gives what the selection writes its numbers to.
  template <class Backend, class Trace>
  void forward(context<Backend> ctx, ats_tokens& x, const ats_sampling& sampler, Trace&& trace_of) const {
    sampling_step(ctx, x, sampler, trace_of);
    heddle::detail::forward_all_rows(ctx, feed_forward, as_const(x.rows), x.rows);
  }

 private:
  template <class Backend>
  matrix_view<float> project(context<Backend>& ctx, matrix_view<const float> x) const {
    const std::size_t rows = x.extent(0);
    const auto projection = make_matrix(ctx.scratch.template take<float>(rows * 3 * C), rows, 3 * C);
    const auto h = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    heddle::detail::forward_all_rows(ctx, norm1, x, h);
    attn.qkv.forward_rows(ctx, as_const(h), projection);
    return projection;
  }

  template <class Backend>
  void attention_step(context<Backend> ctx, const ats_tokens& x) const {
    const std::size_t rows = x.rows.extent(0);
    const auto projection = project(ctx, as_const(x.rows));
    const auto merged = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    for (std::size_t b = 0; b < x.sequences.batch(); ++b) {
      const auto own = x.sequences.of(projection, b);
      attn.attend_rows(ctx, column_range(own, 0, C), own, x.sequences.of(merged, b));
    }
    attn.proj.accumulate_rows(ctx, as_const(merged), x.rows);
  }

  /// Kept rows move to the front: a sequence never grows, so nothing is overwritten before it was read.
  template <class Backend, class Trace>
  void sampling_step(context<Backend> ctx, ats_tokens& x, const ats_sampling& sampler, Trace&& trace_of) const {
    const std::size_t rows = x.rows.extent(0);
    const auto projection = project(ctx, as_const(x.rows));
    const auto merged = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    const std::size_t longest = x.padded_length != 0 ? x.padded_length : x.sequences.longest();
    std::size_t next = 0;
    std::size_t first = 0;
    for (std::size_t b = 0; b < x.sequences.batch(); ++b) {
      const std::size_t tokens = x.sequences.starts[b + 1] - first;
      const auto own = row_range(projection, first, tokens);
      ats_sampling own_sampler = sampler;
      own_sampler.sampler.from_zero = sampler.sampler.from_zero && tokens < longest;
      const std::size_t count = attn.plan(ctx, own_sampler, own, x.kept, trace_of(b, tokens));
      const auto kept = x.kept.first(count);
      take_kept(ctx, row_range(x.rows, first, tokens), own, kept, row_range(merged, next, count),
                row_range(x.rows, next, count));
      first += tokens;
      next += count;
      x.sequences.starts[b + 1] = next;
    }
    x.rows = row_range(x.rows, 0, next);
    attn.proj.accumulate_rows(ctx, as_const(row_range(merged, 0, next)), x.rows);
  }

  template <class Backend>
  void take_kept(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> projection,
                 std::span<const std::int32_t> kept, matrix_view<float> merged, matrix_view<float> y) const {
    const auto rows = make_matrix(ctx.scratch.template take<float>(kept.size() * C), kept.size(), C);
    keep_rows(ctx, kept, as_const(column_range(projection, 0, C)), rows);
    attn.attend_rows(ctx, rows, projection, merged);
    keep_rows(ctx, kept, x, rows);
    map(ctx, as_const(rows), y, identity{});
  }
};

}  // namespace heddle::examples
