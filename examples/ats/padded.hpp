/// @file
/// The block of ATS where lengths may not be asked for: on a device they stay there, and every sequence has as many places.
#pragma once

#include "block.hpp"

namespace heddle::examples {

/// The sequences of a batch: places behind their lengths hold numbers that nobody reads.
struct ats_padded_tokens {
  matrix_view<float> rows{};  ///< `[batch * places, channels]`
  padded_batch sequences{};
};

namespace detail {
struct ats_set_length {
  std::int32_t* lengths;
  std::int32_t length;
  HEDDLE_HOST_DEVICE void operator()(std::size_t b) const { lengths[b] = length; }
};
}  // namespace detail

/// An `ats_block` on padded sequences. Nothing waits for a length, so that a forward pass can be captured into a graph.
template <class Block>
struct ats_padded_block {
  using attention_type = typename Block::attention_type;
  static constexpr std::size_t channels = Block::channels;
  static constexpr std::size_t heads = Block::heads;
  static constexpr std::size_t head_dim = attention_type::head_dim;
  using composition_type = attention<cross_source, smoothed_softmax, lengths>;
  using scoring_type = attention<cross_source, smoothed_softmax, class_row, lengths>;

  /// Enough for a block that samples and for one that does not.
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t places) {
    const std::size_t rows = batch * places;
    const std::size_t attends = attend_scratch(backend, places);
    const std::size_t samples = ats_sampling{{}, {places, true}}.bytes_of_all(backend, batch, places, 1);
    const std::size_t scores =
        heddle::scratch_bytes<float>(batch * heads * places) + heddle::scratch_bytes<float>(batch * channels);
    const std::size_t plans = scores + (attends > samples ? attends : samples);
    const std::size_t kept = 2 * heddle::scratch_bytes<std::int32_t>(rows) + heddle::scratch_bytes<std::int32_t>(batch);
    const std::size_t moves = 3 * heddle::scratch_bytes<float>(rows * channels) + attends;
    const std::size_t attention = heddle::scratch_bytes<float>(rows * 3 * channels) + kept + (plans > moves ? plans : moves);
    const std::size_t feeds = heddle::detail::rows_scratch_bytes<typename Block::feed_forward_type>(backend, rows);
    return attention > feeds ? attention : feeds;
  }

  template <class Backend>
  static void forward(context<Backend> ctx, const Block& block, const ats_padded_tokens& x) {
    attention_step(ctx, block, x);
    heddle::detail::forward_all_rows(ctx, block.feed_forward, as_const(x.rows), x.rows);
  }

  /// The same with sampling: `x` becomes the kept rows, in as many places as can be kept. A sampler `from_zero` is one only for sequences
  /// shorter than `padded_length` (0: than the longest).
  template <class Backend, class... Trace>
  static void forward(context<Backend> ctx, const Block& block, ats_padded_tokens& x, const ats_sampling& sampler,
                      std::size_t padded_length, const Trace&... trace) {
    sampling_step(ctx, block, x, sampler, padded_length, trace...);
    heddle::detail::forward_all_rows(ctx, block.feed_forward, as_const(x.rows), x.rows);
  }

 private:
  /// Of sequences of up to `places`: a shorter one may take another way, which needs more.
  template <class Backend>
  static constexpr std::size_t attend_scratch(const Backend& backend, std::size_t places) {
    const auto of = [&](const auto& composition, std::size_t queries, std::size_t keys) {
      return plan_bytes(composition, sequence_grid(queries), sequence_grid(keys), heads) +
             attend_bytes(backend, composition, sequence_grid(queries), sequence_grid(keys), head_dim);
    };
    std::size_t most = 0;
    for (std::size_t n = 1; n <= places; ++n) {
      const std::size_t whole = of(composition_type{}, n, n);
      const std::size_t scoring = of(scoring_type{}, 1, n);
      most = most < whole ? whole : most;
      most = most < scoring ? scoring : most;
    }
    return most;
  }

  /// `queries` `[batch, heads, .., head_dim]` see the tokens of their sequences.
  template <class Composition, class Backend>
  static void attend_to(context<Backend> ctx, const padded_batch& sequences, const head_view<float, head_dim>& queries,
                        matrix_view<float> projection, matrix_view<float> out, const attend_outputs& outputs = {}) {
    const std::size_t count = queries.extent(2);
    const auto all = qkv_views<head_dim>(projection.data_handle(), sequences.batch(), sequences.places, heads);
    Composition composition;
    get_policy<lengths>(composition).values = sequences.lengths;
    const auto plan = plan_attention(composition, sequence_grid(count), sequence_grid(sequences.places), heads, ctx.scratch);
    attend(ctx, plan, queries, all.k, all.v, merged_heads<head_dim>(out.data_handle(), sequences.batch(), count, heads),
           outputs);
  }

  template <class Backend>
  static void project(context<Backend> ctx, const Block& block, matrix_view<const float> x, matrix_view<float> projection) {
    const auto h = make_matrix(ctx.scratch.template take<float>(x.size()), x.extent(0), channels);
    heddle::detail::forward_all_rows(ctx, block.norm1, x, h);
    block.attn.qkv.forward_rows(ctx, as_const(h), projection);
  }

  template <class Backend>
  static matrix_view<float> take_rows(context<Backend>& ctx, std::size_t rows, std::size_t columns) {
    return make_matrix(ctx.scratch.template take<float>(rows * columns), rows, columns);
  }

  template <class Backend>
  static void attention_step(context<Backend> ctx, const Block& block, const ats_padded_tokens& x) {
    const auto projection = take_rows(ctx, x.rows.extent(0), 3 * channels);
    project(ctx, block, as_const(x.rows), projection);
    const auto merged = take_rows(ctx, x.rows.extent(0), channels);
    const auto queries = qkv_views<head_dim>(projection.data_handle(), x.sequences.batch(), x.sequences.places, heads).q;
    attend_to<composition_type>(ctx, x.sequences, queries, projection, merged);
    block.attn.proj.accumulate_rows(ctx, as_const(merged), x.rows);
  }

  /// Which tokens stay (equations 3 to 5 of the paper): the class tokens are asked first, on one row each.
  template <class Backend, class... Trace>
  static void plan(context<Backend> ctx, const padded_batch& sequences, matrix_view<float> projection,
                   const ats_sampling& sampler, std::size_t padded_length, matrix_view<std::int32_t> kept,
                   std::span<std::int32_t> counts, const Trace&... trace) {
    const std::size_t batch = sequences.batch();
    const std::size_t places = sequences.places;
    const head_rows<float> row(ctx.scratch.template take<float>(batch * heads * places),
                               extents<dyn, dyn, dyn>(batch, heads, places), {heads * places, places, 1});
    const auto unused = take_rows(ctx, batch, channels);
    attend_outputs outputs;
    outputs.class_row = row;
    const auto all = qkv_views<head_dim>(projection.data_handle(), batch, places, heads);
    const head_view<float, head_dim> first(all.q.data_handle(), extents<dyn, dyn, dyn, head_dim>(batch, heads, 1, head_dim),
                                           {all.q.stride(0), all.q.stride(1), all.q.stride(2), 1});
    attend_to<scoring_type>(ctx, sequences, first, projection, unused, outputs);
    token_evidence evidence;
    evidence.class_row = row;
    evidence.values = all.v;
    sampler.plan_all(ctx, evidence, sequences, 1, kept, counts, lowest_score::of_shorter_sequences, padded_length, trace...);
  }

  template <class Backend, class... Trace>
  static void sampling_step(context<Backend> ctx, const Block& block, ats_padded_tokens& x, const ats_sampling& sampler,
                            std::size_t padded_length, const Trace&... trace) {
    const std::size_t batch = x.sequences.batch();
    const std::size_t left = sampler.limit(x.sequences.places, 1);
    const auto projection = take_rows(ctx, x.rows.extent(0), 3 * channels);
    project(ctx, block, as_const(x.rows), projection);
    const auto kept = make_matrix(ctx.scratch.template take<std::int32_t>(batch * left), batch, left);
    const std::span<std::int32_t> kept_rows(ctx.scratch.template take<std::int32_t>(batch * left), batch * left);
    const std::span<std::int32_t> counts(ctx.scratch.template take<std::int32_t>(batch), batch);
    plan(ctx, x.sequences, projection, sampler, padded_length, kept, counts, trace...);
    rows_of_kept(ctx, as_const(kept), x.sequences.places, kept_rows);

    const auto merged = take_rows(ctx, batch * left, channels);
    const auto taken = take_rows(ctx, batch * left, channels);
    keep_rows(ctx, kept_rows, as_const(column_range(projection, 0, channels)), taken);
    attend_to<composition_type>(ctx, x.sequences, merged_heads<head_dim>(taken.data_handle(), batch, left, heads), projection,
                                merged);
    keep_rows(ctx, kept_rows, as_const(x.rows), taken);
    x.rows = row_range(x.rows, 0, batch * left);
    map(ctx, as_const(taken), x.rows, identity{});
    block.attn.proj.accumulate_rows(ctx, as_const(merged), x.rows);
    each(ctx, batch, heddle::detail::copy_number<std::int32_t>{counts.data(), x.sequences.lengths.data()});
    x.sequences.places = left;
  }
};

}  // namespace heddle::examples
