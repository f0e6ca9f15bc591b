/// @file
/// The three ways in which scores become weights, and how kernels ask a normalizer.
#pragma once

#include <concepts>
#include <cstddef>

#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// What a kernel does with finished scores.
///
/// | kind | the policy has | a kernel |
/// |---|---|---|
/// | `exponential` | nothing; or `float initial_score(head)`; or parts | keeps maximum and sum of every row |
/// | `elementwise` | `template <class T> T weight(T score)` | keeps nothing: no maximum, no sum |
/// | `whole_row` | `float weigh(context, q, float* scores, keys)` | keeps whole rows of scores |
enum class normalizer_kind {
  exponential,  ///< weights `exp(score)` over their sum
  elementwise,  ///< a weight is a function of its own score alone
  whole_row     ///< weights need all scores of the row at once
};

namespace detail {

/// A virtual key that takes part in the sum and has no value: `float initial_score(std::size_t head) const`.
template <class N>
concept initial_score = requires(const N& n, std::size_t head) {
  { n.initial_score(head) } -> std::convertible_to<float>;
};

/// Groups of keys that are normalised apart (1: all together).
template <class N>
inline constexpr std::size_t normalizer_parts = [] {
  if constexpr (requires { N::parts; }) {
    return std::size_t{N::parts};
  } else {
    return std::size_t{1};
  }
}();

/// Two parts: which key is in which, and the share of part 1 in the output, from the log-sum-exps of both.
template <class N, class Context>
concept two_parts = N::parts == 2 && requires(const N& n, const Context& c, std::size_t i, float f, probe t) {
  { n.share(c, i, f, f) } -> std::convertible_to<float>;
  { n.classify_part(c, i, i, i) } -> std::same_as<tile>;
  { n.in_part(c, f, i) } -> std::convertible_to<bool>;
  { n.in_part(c, t, i) } -> std::same_as<batch_traits<probe>::mask>;
};

template <class N>
concept batch_weight = requires(const N& n, probe t) {
  { n.weight(t) } -> std::same_as<probe>;
};
template <class N>
concept element_weight = requires(const N& n, float score) {
  { n.weight(score) } -> std::convertible_to<float>;
};
template <class N, class Context>
concept row_weigher = requires(const N& n, const Context& c, std::size_t i, float* scores) {
  { n.weigh(c, i, scores, i) } -> std::convertible_to<float>;
};

/// The weight of a score (kind `elementwise`), lane by lane.
template <class T, class N>
HEDDLE_HOST_DEVICE constexpr T weight(const N& n, T score) {
  using traits = batch_traits<T>;
  if constexpr (batch_weight<N>) {
    return n.weight(score);
  } else {
    return traits::from_lanes([&](std::size_t lane) { return static_cast<float>(n.weight(traits::lane(score, lane))); });
  }
}

/// A normalizer of whole rows whose weights are `(exp(s - max s) + epsilon / N) / (sum exp(s - max s) + epsilon)` over N visible
/// keys, with `float smoothing() const` = epsilon: a kernel may keep maximum and sum instead of the row.
template <class N>
concept smoothed_exponentials = N::kind == normalizer_kind::whole_row && requires(const N& n) {
  { n.smoothing() } -> std::convertible_to<float>;
};

template <class N, class Context>
concept askable_normalizer = (N::kind == normalizer_kind::exponential && (normalizer_parts<N> == 1 || two_parts<N, Context>)) ||
                             (N::kind == normalizer_kind::elementwise && element_weight<N>) ||
                             (N::kind == normalizer_kind::whole_row && row_weigher<N, Context>);

}  // namespace detail
}  // namespace heddle::inline v0
