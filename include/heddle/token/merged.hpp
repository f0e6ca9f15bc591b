/// @file
/// `merged`: a transformer block that merges tokens between attention and feed-forward.
#pragma once

#include <algorithm>
#include <cmath>

#include "../layer/encoder_block.hpp"
#include "state.hpp"

namespace heddle::inline v0 {

/// Whether keys count as often as the tokens they stand for: `scores + ln(size)` (ToMe, equation 1).
enum class proportional_attention : bool { off, on };

namespace detail {

/// `y[i] = log(x[i])`.
struct take_logarithm {
  const float* x;
  float* y;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { y[i] = std::log(x[i]); }
};

/// A composition with one more policy.
template <class Composition, class Policy>
struct extended_composition;
template <class... Ps, class Policy>
struct extended_composition<attention<Ps...>, Policy> {
  using type = attention<Ps..., Policy>;
  static constexpr type make(const attention<Ps...>& a, const Policy& p) { return type(get_policy<Ps>(a)..., p); }
};

}  // namespace detail

/// A block (`encoder_block`) with a token operation between attention and feed-forward (ToMe, section 3):
///
/// `x += Attention(Norm(x), ln sizes)`, `x, sizes = op(x, sizes; mean over heads of the keys)`, `x += Mlp(Norm(x))`.
///
/// Children and their names are those of the block: a trained model takes merging without other weights.
/// @code
/// using block = heddle::encoder_block<heddle::layer_norm<384>, heddle::self_attention<384, 6>, heddle::mlp<384, 1536>>;
/// using merged_block = heddle::merged<block, heddle::token_merging<16, heddle::protected_tokens::class_token>>;
/// @endcode
/// With a static number of merged tokens it is a module of its own (sizes 1 at its input); a stack of blocks hands the sizes
/// on in a `token_state` (`forward_tokens`). Attention must see a whole sequence, `[batch, 1, tokens, channels]`.
template <class Block, class Operation, proportional_attention Proportional = proportional_attention::on>
struct merged : Block {
  [[no_unique_address]] Operation operation{};

  static constexpr std::size_t channels = Block::channels;
  using attention_type = decltype(Block::attn);
  using composition_type =
      std::conditional_t<Proportional == proportional_attention::on,
                         typename detail::extended_composition<typename attention_type::composition_type, key_bias>::type,
                         typename attention_type::composition_type>;
  static constexpr bool in_place = false;
  static_assert(std::is_same_v<typename composition_type::partition_type, global> && composition_type::source_type::same_tokens,
                "heddle::merged: its attention must be over whole sequences (partition global, source self_source)");

  /// Tokens that are left of `tokens`.
  constexpr std::size_t remaining(std::size_t tokens) const { return operation.remaining(tokens); }

  static constexpr map_extents output_extents(const map_extents& x)
    requires(Operation::is_static)
  {
    return extents_after(Operation{}, Block::output_extents(x));
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x)
    requires(Operation::is_static)
  {
    return multiply_adds_with(Operation{}, x);
  }
  /// For an operation whose numbers are known at run time.
  static constexpr std::uint64_t multiply_adds_with(const Operation& op, const map_extents& x) {
    return attention_type::multiply_adds(x) + heddle::multiply_adds<decltype(Block::mlp)>(extents_after(op, x));
  }

  /// Enough for every number of tokens up to that of `x`, for `forward` and `forward_tokens`.
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return scratch_bytes_with(Operation{}, backend, x);
  }
  /// For an operation whose scratch depends on its run-time values (`windowed`).
  template <class Backend>
  static constexpr std::size_t scratch_bytes_with(const Operation& op, const Backend& backend, const map_extents& x) {
    const std::size_t batch = x.extent(0);
    const std::size_t tokens = x.extent(2);
    const std::size_t rows = batch * tokens;
    const std::size_t projected = heddle::scratch_bytes<float>(rows * 3 * inner);
    const std::size_t attending =
        2 * heddle::scratch_bytes<float>(rows * std::max(inner, channels)) +
        attend_bytes(backend, composition_type{}, attention_type::grid_of(x), attention_type::head_dim) +
        plan_bytes(composition_type{}, attention_type::grid_of(x), attention_type::heads);
    const std::size_t planning = op.plan_scratch_bytes(backend, tokens, attention_type::head_dim);
    const std::size_t feeding =
        heddle::scratch_bytes<float>(rows * channels) + detail::add_rows_bytes<decltype(Block::mlp)>(backend, rows);
    return heddle::scratch_bytes<float>(rows * channels) + source_map_bytes(batch, tokens) +
           4 * heddle::scratch_bytes<float>(rows) +
           std::max(projected + std::max(attending, planning), std::max(feeding, Operation::apply_scratch_bytes(tokens)));
  }

  /// One block by itself: every token stands for itself.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    float* const sizes = ctx.scratch.template take<float>(x.extent(0) * x.extent(2));
    each(ctx, x.extent(0) * x.extent(2), detail::set_all{sizes, 1.0F});
    token_state state{x.extent(0), x.extent(2), sizes, {}};
    forward_tokens(ctx, as_rows(x), as_rows(y), state);
  }

  /// `[batch * state.tokens, channels]` to `[batch * remaining(state.tokens), channels]`; the state takes the step too.
  /// @throws shape_error, workspace_error
  template <class Backend>
  void forward_tokens(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, token_state& state) const {
    require_extent("merged: x", "rows", state.batch * state.tokens, x.extent(0));
    require_extent("merged: y", "rows", state.batch * remaining(state.tokens), y.extent(0));
    arena memory = ctx.scratch.split(source_map_bytes(state.batch, state.tokens));
    if (remaining(state.tokens) == state.tokens) {
      attend_and_plan(ctx, x, y, state, nullptr);
    } else {
      const auto t = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
      const source_map map = attend_and_plan(ctx, x, t, state, &memory);
      reduce(ctx, map, t, y, state);
    }
    detail::forward_pre_norm(ctx, Block::norm2, Block::mlp, as_const(y), y);
  }

 private:
  static constexpr std::size_t inner = attention_type::heads * attention_type::head_dim;

  static constexpr map_extents extents_after(const Operation& op, const map_extents& x) {
    return map_extents(x.extent(0), x.extent(1), op.remaining(x.extent(2)), x.extent(3));
  }

  /// `y = x + Attention(Norm(x))`, and where the tokens go. Takes its context by value: the scratch is given back.
  template <class Backend>
  source_map attend_and_plan(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, const token_state& state,
                             arena* memory) const {
    const attention_type& layer = Block::attn;
    const std::size_t rows = x.extent(0);
    const auto projection = make_matrix(ctx.scratch.template take<float>(rows * 3 * inner), rows, 3 * inner);
    project(ctx, x, projection);
    const auto views = qkv_views<attention_type::head_dim>(projection.data_handle(), state.batch, state.tokens,
                                                           attention_type::heads, attention_type::options.order);
    context<Backend> attending = ctx;
    const composition_type composition = with_sizes(attending, state);
    const auto plan = plan_attention(composition, attention_type::grid_of(map_extents(state.batch, 1, state.tokens, channels)),
                                     attention_type::heads, attending.scratch);
    const auto merged_rows = make_matrix(attending.scratch.template take<float>(rows * inner), rows, inner);
    attend(attending, plan, views.q, views.k, views.v,
           merged_heads<attention_type::head_dim>(merged_rows.data_handle(), state.batch, state.tokens, attention_type::heads));
    detail::copy_rows(ctx, x, y);
    layer.proj.accumulate_rows(attending, as_const(merged_rows), y);
    if (memory == nullptr) return {};
    const metric_rows keys{make_matrix<const float>(views.k.data_handle(), rows, attention_type::head_dim, views.k.stride(2)),
                           attention_type::heads, views.k.stride(1)};
    return operation.plan(ctx, keys, state.batch, *memory);
  }

  template <class Backend>
  void project(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> projection) const {
    const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
    Block::norm1.forward_rows(ctx, x, h);
    Block::attn.qkv.forward_rows(ctx, as_const(h), projection);
  }

  /// The composition of the attention with the logarithms of the sizes, which lie in the scratch of `ctx`.
  template <class Backend>
  composition_type with_sizes(context<Backend>& ctx, const token_state& state) const {
    if constexpr (Proportional == proportional_attention::on) {
      const std::size_t keys = state.batch * state.tokens;
      float* const logarithms = ctx.scratch.template take<float>(keys);
      each(ctx, keys, detail::take_logarithm{state.sizes, logarithms});
      return detail::extended_composition<typename attention_type::composition_type, key_bias>::make(
          Block::attn.composition, key_bias{.values = logarithms, .keys = state.tokens, .batches = state.batch});
    } else {
      return Block::attn.composition;
    }
  }

  template <class Backend>
  void reduce(context<Backend> ctx, const source_map& map, matrix_view<const float> x, matrix_view<float> y,
              token_state& state) const {
    float* const sizes = ctx.scratch.template take<float>(map.batch * map.after);
    operation.apply(ctx, map, x, y, {state.sizes, sizes});
    state.advance(ctx, map, sizes);
  }
};

}  // namespace heddle::inline v0
