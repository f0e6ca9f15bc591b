/// @file
/// What a policy of each slot must be able to do.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "category.hpp"
#include "mask/ask.hpp"
#include "normalizer/kind.hpp"
#include "observer/observe.hpp"
#include "partition/strided_groups.hpp"
#include "position/role.hpp"
#include "score/ask.hpp"
#include "source/source.hpp"
#include "token_grid.hpp"

namespace heddle::inline v0 {

/// An index map (group, position) -> token, -1 for padding.
template <class M>
concept index_map = requires(const M& m, std::size_t i, std::int32_t* out) {
  { m.groups() } -> std::convertible_to<std::size_t>;
  { m.group_size() } -> std::convertible_to<std::size_t>;
  { m.window() } -> std::convertible_to<window_extents>;
  { m.token(i, i) } -> std::convertible_to<std::int32_t>;
  m.tokens(i, out);
  { m.padded() } -> std::convertible_to<bool>;
  { M::static_size } -> std::convertible_to<std::size_t>;
};

/// An index map whose keys are not its queries: `key_tokens(group, out)` writes the `key_group_size()` keys of a group, tokens
/// of the same tensor, in the order in which masks and score functions count them (-1: none). Groups may share keys.
///
/// Any index map may hide pairs by itself: `tile classify(context, q0, q1, k0, k1)` and
/// `template <class Context, class T> batch_traits<T>::mask visible(context, T q, T k)`, both with the mask of the composition.
template <class M>
concept keyed_index_map = index_map<M> && requires(const M& m, std::size_t i, std::int32_t* out) {
  { m.key_group_size() } -> std::convertible_to<std::size_t>;
  { m.key_token(i, i) } -> std::convertible_to<std::int32_t>;
  m.key_tokens(i, out);
};

/// `p.map(token_grid)` makes the index map and throws `shape_error` for a grid that does not fit.
template <class P>
concept partition_policy = policy_of<P, partition_tag> && requires(const P& p, const token_grid& g) {
  { p.map(g) } -> index_map;
};

/// `m(q, k)` or `m(context, q, k)`, and if it can leave tiles out `m.classify(context, q0, q1, k0, k1)`.
template <class M>
concept mask_policy = policy_of<M, mask_tag> && detail::askable_mask<M, group_context<strided_groups<>>>;

/// `s.scale(head, head_dim)`: the factor of the dot product; optionally `s.prepare(row, head_dim)`, applied to a copy of every
/// query and key after the position policy.
template <class S>
concept score_policy = policy_of<S, score_tag> && requires(const S& s, std::size_t i) {
  { s.scale(i, i) } -> std::convertible_to<float>;
};

/// A bias that depends on the head and on the offset from key to query in the window: kernels expand it once and start
/// their sums from it.
template <class B>
concept relative_bias = requires(const B& b, window_extents w, std::size_t i) {
  { b.offset_bias(w, i, i, i) } -> std::convertible_to<float>;
  b.check(w, i);
};

/// Biases of a query for all keys of its group, which lie in memory: `const float* row(context, q)`, or null for none.
template <class B>
concept row_bias = detail::askable_row<B, group_context<strided_groups<>>>;

/// `f(score, head, q, k)` or `f(context, score, q, k)` gives the new score: generic in its number type, or for single elements.
template <class F>
concept score_function = detail::askable_score<F, group_context<strided_groups<>>>;

/// A function of the score, a relative bias, or rows of biases.
template <class P>
concept score_modifier_policy = policy_of<P, score_mod_tag> && (relative_bias<P> || row_bias<P> || score_function<P>);

/// One of the three kinds of `normalizer_kind`.
template <class P>
concept normalizer_policy = policy_of<P, normalizer_tag> && detail::askable_normalizer<P, group_context<strided_groups<>>>;

/// `same_tokens` says whether keys come from the tokens of the queries.
template <class P>
concept source_policy = policy_of<P, source_tag> && requires {
  { P::same_tokens } -> std::convertible_to<bool>;
};

/// Changes rows of queries and keys, or nothing (`no_position`).
template <class P>
concept position_policy = policy_of<P, position_tag> && (detail::changes_rows<P> || std::same_as<P, no_position>);

/// `returns_logsumexp` says whether `attend` writes it; `returns_importance`, `returns_class_row`, `returns_probabilities`
/// alike (left out: false).
template <class P>
concept observer_policy = policy_of<P, observer_tag> && requires {
  { P::returns_logsumexp } -> std::convertible_to<bool>;
};

}  // namespace heddle::inline v0
