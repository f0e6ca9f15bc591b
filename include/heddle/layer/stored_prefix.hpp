/// @file
/// Blocks whose first tokens do not change: the keys and values of a prefix are computed once and kept, later passes run the
/// other tokens alone.
///
/// It is exact where the prefix sees nothing but itself (`mixed<..., sees<0>, sees<0, 1>>`), because then nothing in it
/// depends on the other tokens: the templates of a tracker, a fixed prompt.
#pragma once

#include <cstddef>
#include <cstring>

#include "../attention/source/joined_heads.hpp"
#include "../primitive/each.hpp"
#include "encoder_block.hpp"

namespace heddle::inline v0 {

/// Kept keys and values of one attention layer, `[tokens, 2 C]`: keys of all heads, then values, of one token.
template <class Attention>
using prefix_rows = matrix_view<typename Attention::element>;

/// The query rows and the key and value rows of a fused projection as products of their own, for a pass in which fewer
/// tokens ask than answer. Made by `prepare` from the projection, which must be bound.
template <class Attention>
struct split_projection {
  static constexpr std::size_t channels = Attention::channels;
  static constexpr linear_options options{.bias = Attention::options.qkv_bias, .products = Attention::options.products};
  static_assert(Attention::options.order == qkv_order::qkv_heads,
                "heddle::split_projection: the projection is stored head by head");
  using queries_type = linear<channels, channels, options>;
  using keys_type = linear<channels, 2 * channels, options>;

  queries_type queries;  ///< their `prepared` alone are used
  keys_type keys_and_values;

  template <class Backend>
  HEDDLE_COLD void prepare_from(const Backend& backend, const typename Attention::qkv_type& qkv) {
    queries.prepared = part(backend, qkv, 0, channels);
    keys_and_values.prepared = part(backend, qkv, channels, 2 * channels);
  }

 private:
  template <class Backend>
  static auto part(const Backend& backend, const typename Attention::qkv_type& qkv, std::size_t first, std::size_t count) {
    const matrix_view<const float> weight = row_range(as_rows(qkv.weight.view()), first, count);
    const std::span<const float> bias = qkv.bias.span().empty() ? qkv.bias.span() : qkv.bias.span().subspan(first, count);
    if constexpr (options.products == precision::bf16) {
      return prepare_bf16(backend, weight, bias);
    } else {
      return prepare_dense(backend, weight, bias);
    }
  }
};

namespace detail {

/// Prefix and present tokens of one block.
template <class Block>
struct prefix_step {
  using attention_type = decltype(Block::attn);
  using mlp_type = decltype(Block::mlp);
  using element = typename attention_type::element;
  using keys_type = joined_heads<element, attention_type::head_dim, 2>;
  using composition = attention<cross_source>;
  static constexpr std::size_t C = Block::channels;
  static constexpr std::size_t heads = attention_type::heads;
  static constexpr std::size_t head_dim = attention_type::head_dim;
  static_assert(attention_type::options.order == qkv_order::qkv_heads,
                "heddle::prefix_rows: the projection is stored head by head");

  /// `part` 0: keys, 1: values, of rows `[tokens, 2 C]`.
  template <class T>
  static head_view<const element, head_dim> stored(const matrix_view<T>& rows, std::size_t part) {
    return head_view<const element, head_dim>(rows.data_handle() + part * C,
                                              extents<dyn, dyn, dyn, head_dim>(1, heads, rows.extent(0), head_dim),
                                              {rows.extent(0) * rows.stride(0), head_dim, rows.stride(0), std::size_t{1}});
  }

  template <class Backend>
  static constexpr std::size_t feed_forward_bytes(const Backend& backend, std::size_t rows) {
    return heddle::scratch_bytes<float>(rows * C) + add_rows_bytes<mlp_type>(backend, rows);
  }
  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t rows, std::size_t prefix) {
    const std::size_t products = attention_type::qkv_type::row_scratch_bytes(backend, rows);
    const std::size_t attended =
        attend_bytes<element>(backend, composition{}, sequence_grid(rows), sequence_grid(prefix + rows), head_dim);
    const std::size_t inner = attended > products ? attended : products;
    const std::size_t attention_part = heddle::scratch_bytes<float>(rows * C) + heddle::scratch_bytes<element>(rows * 3 * C) +
                                       heddle::scratch_bytes<element>(rows * C) + inner;
    const std::size_t other = feed_forward_bytes(backend, rows);
    return attention_part > other ? attention_part : other;
  }

  /// The prefix itself: it sees nothing else, and what comes after it will see its keys and values. Takes its context by value,
  /// as every step here: what it took is free for the next.
  template <class Backend>
  static void attend_own(context<Backend> ctx, const Block& block, matrix_view<float> x, prefix_rows<attention_type> kept) {
    const matrix_view<element> projection = project(ctx, block, x);
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, x.extent(0) * 2 * C, kept_element{projection.data_handle() + C, kept.data_handle(), kept.stride(0)});
    } else {
      for (std::size_t r = 0; r < x.extent(0); ++r)
        std::memcpy(kept.data_handle() + r * kept.stride(0), projection.data_handle() + r * 3 * C + C, 2 * C * sizeof(element));
    }
    attend_projected(ctx, block, projection, row_range(as_const(kept), 0, 0), x);  // the same kernel, with nothing in front
  }

  template <class Backend>
  static void attend_joined(context<Backend> ctx, const Block& block, matrix_view<float> x, matrix_view<const element> kept) {
    const matrix_view<element> projection = project(ctx, block, x);
    attend_projected(ctx, block, projection, kept, x);
  }

  /// The last rows of `x` ask, all answer.
  template <class Backend>
  static void attend_last(context<Backend> ctx, const Block& block, const split_projection<attention_type>& split,
                          matrix_view<const float> x, matrix_view<float> last, matrix_view<const element> kept) {
    const std::size_t rows = x.extent(0);
    const std::size_t asking = last.extent(0);
    const auto h = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    const auto answers = make_matrix(ctx.scratch.template take<element>(rows * 2 * C), rows, 2 * C);
    const auto questions = make_matrix(ctx.scratch.template take<element>(asking * C), asking, C);
    forward_all_rows(ctx, block.norm1, x, h);
    split.keys_and_values.forward_rows(ctx, as_const(h), answers);
    split.queries.forward_rows(ctx, as_const(row_range(h, rows - asking, asking)), questions);
    const auto q = merged_heads<head_dim>(questions.data_handle(), 1, asking, heads);
    attend(ctx, composition{}, q, keys_type{{stored(kept, 0), stored(answers, 0)}},
           keys_type{{stored(kept, 1), stored(answers, 1)}}, q,
           sequence_grid(asking));  // in place: every row is read before it is written
    block.attn.proj.accumulate_rows(ctx, as_const(questions), last);
  }

  template <class Backend>
  static void feed_forward(context<Backend> ctx, const Block& block, matrix_view<float> x) {
    forward_pre_norm(ctx, block.norm2, block.mlp, as_const(x), x);
  }

  /// One number of the kept keys and values.
  struct kept_element {
    const element* from;
    element* to;
    std::size_t pitch;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      to[i / (2 * C) * pitch + i % (2 * C)] = from[i / (2 * C) * 3 * C + i % (2 * C)];
    }
  };

 private:
  /// `x += W_o attend(...)` for projected rows after kept ones.
  template <class Backend>
  static void attend_projected(context<Backend> ctx, const Block& block, matrix_view<element> projection,
                               matrix_view<const element> kept, matrix_view<float> x) {
    const std::size_t rows = x.extent(0);
    const auto merged = make_matrix(ctx.scratch.template take<element>(rows * C), rows, C);
    const auto views = qkv_views<head_dim>(projection.data_handle(), 1, rows, heads);
    attend(ctx, composition{}, views.q, keys_type{{stored(kept, 0), views.k}}, keys_type{{stored(kept, 1), views.v}},
           merged_heads<head_dim>(merged.data_handle(), 1, rows, heads), sequence_grid(rows));
    block.attn.proj.accumulate_rows(ctx, as_const(merged), x);
  }

  /// Queries, keys and values of the normalised rows, in scratch that `ctx` keeps.
  template <class Backend>
  static matrix_view<element> project(context<Backend>& ctx, const Block& block, matrix_view<float> x) {
    const std::size_t rows = x.extent(0);
    const auto projection = make_matrix(ctx.scratch.template take<element>(rows * 3 * C), rows, 3 * C);
    const auto h = make_matrix(ctx.scratch.template take<float>(rows * C), rows, C);
    forward_all_rows(ctx, block.norm1, as_const(x), h);
    block.attn.qkv.forward_rows(ctx, as_const(h), projection);
    return projection;
  }
};

template <class Block, class Kept>
void require_prefix(const char* name, const Kept& kept) {
  require_extent(name, "columns, keys and values,", 2 * Block::channels, kept.extent(1));
}

}  // namespace detail

/// Scratch bytes of the functions below for `rows` present tokens after `prefix` kept ones.
template <class Block, class Backend>
constexpr std::size_t prefix_bytes(const Backend& backend, std::size_t rows, std::size_t prefix) {
  return detail::prefix_step<Block>::bytes(backend, rows, prefix);
}

/// Runs an `encoder_block` on the tokens of a prefix, `[tokens, C]`, in place: they see each other alone. Their keys and
/// values are kept in `kept`, `[tokens, 2 C]`. @throws shape_error before any work
template <class Backend, class Block>
void forward_and_keep(context<Backend> ctx, const Block& block, matrix_view<float> x, prefix_rows<decltype(Block::attn)> kept) {
  detail::require_prefix<Block>("forward_and_keep: kept", kept);
  require_extent("forward_and_keep: kept", "tokens", x.extent(0), kept.extent(0));
  detail::prefix_step<Block>::attend_own(ctx, block, x, kept);
  detail::prefix_step<Block>::feed_forward(ctx, block, x);
}

/// Keeps the keys and values of a prefix in the last block of a trunk, where nothing else of the prefix is read.
/// @throws shape_error before any work
template <class Backend, class Block>
void keep_last(context<Backend> ctx, const Block& block, const split_projection<decltype(Block::attn)>& split,
               matrix_view<const float> x, prefix_rows<decltype(Block::attn)> kept) {
  detail::require_prefix<Block>("keep_last: kept", kept);
  require_extent("keep_last: kept", "tokens", x.extent(0), kept.extent(0));
  const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * Block::channels), x.extent(0), Block::channels);
  detail::forward_all_rows(ctx, block.norm1, x, h);
  split.keys_and_values.forward_rows(ctx, as_const(h), kept);
}

/// Runs an `encoder_block` on the tokens after a prefix, `[tokens, C]`, in place: they see the prefix and each other.
/// @throws shape_error before any work
template <class Backend, class Block>
void forward_after_prefix(context<Backend> ctx, const Block& block, matrix_view<float> x,
                          matrix_view<const typename decltype(Block::attn)::element> kept) {
  detail::require_prefix<Block>("forward_after_prefix: kept", kept);
  detail::prefix_step<Block>::attend_joined(ctx, block, x, kept);
  detail::prefix_step<Block>::feed_forward(ctx, block, x);
}

/// As `forward_after_prefix` for the last block of a trunk of which only the last `asking` tokens are read: they are
/// computed, to the same numbers; the other rows of `x` keep what they had. @throws shape_error before any work
template <class Backend, class Block>
void forward_last_after_prefix(context<Backend> ctx, const Block& block, const split_projection<decltype(Block::attn)>& split,
                               matrix_view<float> x, std::size_t asking,
                               matrix_view<const typename decltype(Block::attn)::element> kept) {
  detail::require_prefix<Block>("forward_last_after_prefix: kept", kept);
  if (asking > x.extent(0)) detail::raise_shape("forward_last_after_prefix: asking", "tokens at most", x.extent(0), asking);
  const matrix_view<float> last = row_range(x, x.extent(0) - asking, asking);
  detail::prefix_step<Block>::attend_last(ctx, block, split, as_const(x), last, kept);
  detail::prefix_step<Block>::feed_forward(ctx, block, last);
}

}  // namespace heddle::inline v0
