/// @file
/// The transformer block of EVAD: tokens may be dropped between its attention and its feed-forward part.
#pragma once

#include <algorithm>

#include "config.hpp"
#include "heddle/layer/mlp.hpp"
#include "heddle/layer/qkv_linear.hpp"
#include "heddle/layer/residual.hpp"
#include "heddle/primitive/attend.hpp"

namespace heddle::examples {

namespace detail {

/// At first all tokens of the other frames are left, in order.
struct evad_first_numbers {
  std::int32_t* numbers;
  std::size_t others;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { numbers[i] = static_cast<std::int32_t>(i % others); }
};
/// Copies the numbers of a clip.
struct evad_copy_numbers {
  const std::int32_t* from;
  std::int32_t* to;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { to[i] = from[i]; }
};
/// The numbers of those tokens that were kept; `kept` counts the key frame's too.
struct evad_kept_numbers {
  const std::int32_t* old;
  const std::int32_t* kept;
  std::int32_t* numbers;
  std::size_t keyframe;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    numbers[i] = old[static_cast<std::size_t>(kept[keyframe + i]) - keyframe];
  }
};
struct evad_clear {
  float* x;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { x[i] = 0.0F; }
};

}  // namespace detail

/// The tokens of a batch: every clip has as many, the key frame's first.
struct evad_tokens {
  matrix_view<float> rows{};   ///< `[batch * tokens, channels]`
  matrix_view<float> spare{};  ///< room for as many
  std::size_t batch = 0;
  std::size_t tokens = 0;           ///< of a clip
  std::size_t keyframe = 0;         ///< of the key frame
  std::int32_t* numbers = nullptr;  ///< `[batch, others at first]`: which of the other frames' tokens are left, as stored
  std::size_t others = 0;           ///< at first

  std::span<std::int32_t> numbers_of(std::size_t b) const noexcept { return {numbers + b * others, tokens - keyframe}; }
};

/// Multi-head attention; keys have no bias. Children: `qkv`, `proj`.
template <std::size_t C, std::size_t Heads, bool Bias>
struct evad_attention {
  static_assert(C % Heads == 0, "evad: channels must be divisible by heads");
  static constexpr std::size_t head_dim = C / Heads;
  using plain_type = attention<>;
  using observed_type = attention<key_importance>;
  using qkv_type = std::conditional_t<Bias, qkv_linear<C, C>, linear<C, 3 * C, linear_options{.bias = false}>>;

  qkv_type qkv;
  linear<C, C> proj;

  static constexpr auto members() { return heddle::members<&evad_attention::qkv, &evad_attention::proj>("qkv", "proj"); }
  static constexpr std::uint64_t multiply_adds(std::size_t tokens) noexcept {
    return std::uint64_t{tokens} * (4 * C * C + 2 * tokens * C);
  }

  template <class Composition, class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t tokens) {
    return heddle::scratch_bytes<float>(batch * tokens * 3 * C) + plan_bytes(Composition{}, sequence_grid(tokens), Heads) +
           attend_bytes(backend, Composition{}, sequence_grid(tokens), head_dim);
  }
  /// `x += proj(attention(h))`; `h` is overwritten.
  template <class Composition, class Backend>
  void accumulate(context<Backend> ctx, std::size_t batch, matrix_view<float> h, matrix_view<float> x,
                  const attend_outputs& outputs = {}) const {
    const std::size_t rows = h.extent(0);
    const std::size_t tokens = rows / batch;
    const auto projection = make_matrix(ctx.scratch.template take<float>(rows * 3 * C), rows, 3 * C);
    const auto plan = plan_attention(Composition{}, sequence_grid(tokens), Heads, ctx.scratch);
    qkv.forward_rows(ctx, as_const(h), projection);
    const auto v = qkv_views<head_dim>(projection.data_handle(), batch, tokens, Heads);
    attend(ctx, plan, v.q, v.k, v.v, merged_heads<head_dim>(h.data_handle(), batch, tokens, Heads), outputs);
    proj.accumulate_rows(ctx, as_const(h), x);
  }
};

/// `x += g1 Attention(Norm(x))`, drop, `x += g2 Mlp(Norm(x))`. Children: `norm1`, `attn`, `gamma_1`, `norm2`, `mlp`, `gamma_2`.
template <std::size_t C, std::size_t Heads, std::size_t Hidden, bool Bias, bool Scaled>
struct evad_block {
  using norm_type = layer_norm<C, ratio{1, 1000000}>;
  using attention_type = evad_attention<C, Heads, Bias>;
  using mlp_type = heddle::mlp<C, Hidden>;
  using dropout_type = dropout<keyframe_attention, keep_ratio>;
  using plain = typename attention_type::plain_type;
  using observed = typename attention_type::observed_type;

  norm_type norm1;
  attention_type attn;
  norm_type norm2;
  mlp_type mlp;
  optional_parameter<Scaled, C> gamma_1;
  optional_parameter<Scaled, C> gamma_2;

  static constexpr auto members() {
    return heddle::members<&evad_block::norm1, &evad_block::attn, &evad_block::norm2, &evad_block::mlp, &evad_block::gamma_1,
                           &evad_block::gamma_2>("norm1", "attn", "norm2", "mlp", "gamma_1", "gamma_2");
  }
  /// For a clip with `tokens` tokens of which `kept` reach the feed-forward part.
  static constexpr std::uint64_t multiply_adds(std::size_t tokens, std::size_t kept) noexcept {
    return attention_type::multiply_adds(tokens) + kept * mlp_type::row_multiply_adds();
  }
  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    if constexpr (Scaled) {
      attn.proj.prepare_scaled(backend, gamma_1.span());
      mlp.fc2.prepare_scaled(backend, gamma_2.span());
    }
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t tokens) {
    const std::size_t attends = heddle::scratch_bytes<float>(batch * tokens * C) +
                                attention_type::template scratch_bytes<plain>(backend, batch, tokens);
    const std::size_t feeds = feed_forward_bytes(backend, batch * tokens);
    return attends > feeds ? attends : feeds;
  }
  /// The same where the block drops.
  template <class Backend>
  static constexpr std::size_t dropping_bytes(const Backend& backend, std::size_t batch, std::size_t tokens) {
    const std::size_t attends = heddle::scratch_bytes<float>(batch * tokens * C) +
                                attention_type::template scratch_bytes<observed>(backend, batch, tokens);
    const std::size_t plans = heddle::scratch_bytes<std::int32_t>(tokens) * 2 + dropout_type::bytes(backend, tokens);
    const std::size_t drops = heddle::scratch_bytes<float>(batch * Heads * tokens) + heddle::scratch_bytes<float>(tokens) +
                              (attends > plans ? attends : plans);
    const std::size_t feeds = feed_forward_bytes(backend, batch * tokens);
    return drops > feeds ? drops : feeds;
  }

  template <class Backend>
  void forward(context<Backend> ctx, std::size_t batch, matrix_view<float> x) const {
    attend_step<plain>(ctx, batch, x, {});
    feed_forward(ctx, x);
  }
  /// The same with dropout between attention and feed-forward.
  template <class Backend>
  void forward(context<Backend> ctx, evad_tokens& x, const dropout_type& drop) const {
    drop_step(ctx, x, drop);
    feed_forward(ctx, x.rows);
  }

 private:
  static constexpr std::size_t feed_rows = 512;  ///< hidden rows of so many tokens at a time stay in the caches

  template <class Backend>
  static constexpr std::size_t feed_forward_bytes(const Backend& backend, std::size_t rows) {
    const std::size_t n = rows < feed_rows ? rows : feed_rows;
    return heddle::scratch_bytes<float>(n * C) + mlp_type::row_scratch_bytes(backend, n);
  }
  template <class Backend>
  void feed_forward(context<Backend> ctx, matrix_view<float> x) const {
    const auto h = make_matrix(ctx.scratch.template take<float>(std::min(x.extent(0), feed_rows) * C),
                               std::min(x.extent(0), feed_rows), C);
    for (std::size_t first = 0; first < x.extent(0); first += feed_rows) {
      const std::size_t n = std::min(feed_rows, x.extent(0) - first);
      norm2.forward_rows(ctx, as_const(row_range(x, first, n)), row_range(h, 0, n));
      mlp.accumulate_rows(ctx, as_const(row_range(h, 0, n)), row_range(x, first, n));
    }
  }

  template <class Composition, class Backend>
  void attend_step(context<Backend> ctx, std::size_t batch, matrix_view<float> x, const attend_outputs& outputs) const {
    const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * C), x.extent(0), C);
    norm1.forward_rows(ctx, as_const(x), h);
    attn.template accumulate<Composition>(ctx, batch, h, x, outputs);
  }

  template <class Backend>
  void drop_step(context<Backend> ctx, evad_tokens& x, const dropout_type& drop) const {
    const std::size_t n = x.tokens;
    const std::span<float> weights(ctx.scratch.template take<float>(n), n);
    drop.rank.set_row_weights(ctx, x.keyframe, weights);
    auto* const sums = ctx.scratch.template take<float>(x.batch * Heads * n);
    each(ctx, x.batch * Heads * n, detail::evad_clear{sums});
    attend_outputs outputs;
    outputs.importance = head_rows<float>(sums, extents<dyn, dyn, dyn>(x.batch, Heads, n), {Heads * n, n, 1});
    outputs.row_weights = head_rows<const float>(weights.data(), extents<dyn, dyn, dyn>(x.batch, Heads, n), {0, 0, 1});
    attend_step<observed>(ctx, x.batch, x.rows, outputs);
    token_evidence evidence;
    evidence.importance = outputs.importance;
    drop_rows(ctx, x, drop, evidence);
  }

  template <class Backend>
  void drop_rows(context<Backend> ctx, evad_tokens& x, const dropout_type& drop, const token_evidence& evidence) const {
    const std::size_t left = drop.limit(x.tokens, x.keyframe);
    if (left == x.tokens) return;
    const std::span<std::int32_t> kept(ctx.scratch.template take<std::int32_t>(x.tokens), left);
    const std::span<std::int32_t> old(ctx.scratch.template take<std::int32_t>(x.tokens), x.tokens - x.keyframe);
    for (std::size_t b = 0; b < x.batch; ++b) {
      drop.plan(ctx, evidence, b, x.tokens, x.keyframe, kept);
      keep_rows(ctx, kept, as_const(row_range(x.rows, b * x.tokens, x.tokens)), row_range(x.spare, b * left, left));
      const std::span<std::int32_t> numbers = x.numbers_of(b);
      each(ctx, numbers.size(), detail::evad_copy_numbers{numbers.data(), old.data()});
      each(ctx, left - x.keyframe, detail::evad_kept_numbers{old.data(), kept.data(), numbers.data(), x.keyframe});
    }
    std::swap(x.rows, x.spare);
    x.tokens = left;
    x.rows = row_range(x.rows, 0, x.batch * left);
  }
};

}  // namespace heddle::examples
