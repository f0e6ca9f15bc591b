/// @file
/// How kernels apply a score modifier, whatever form it is written in.
#pragma once

#include <concepts>
#include <cstddef>

#include "../batch.hpp"
#include "../context.hpp"

namespace heddle::inline v0::detail {

/// Functions of the score: generic in their number type, or for single elements; with the group's context, or only the
/// head.
template <class F>
concept batch_score = requires(const F& f, probe t, std::size_t head) {
  { f(t, head, t, t) } -> std::same_as<probe>;
};
template <class F, class Number>
concept element_score = requires(const F& f, float score, as_index head, Number n) {  // a head becomes no score
  { f(score, head, n, n) } -> std::convertible_to<float>;
};
template <class F, class Context>
concept batch_score_with_context = requires(const F& f, const Context& c, probe t) {
  { f(c, t, t, t) } -> std::same_as<probe>;
};
template <class F, class Context, class Number>
concept element_score_with_context = requires(const F& f, const Context& c, float score, Number n) {
  { f(c, score, n, n) } -> std::convertible_to<float>;
};

/// A function of the score in one of the forms.
template <class F, class Context>
concept askable_score =
    batch_score<F> || batch_score_with_context<F, Context> || element_score<F, as_index> || element_score<F, float> ||
    element_score_with_context<F, Context, as_index> || element_score_with_context<F, Context, float>;

/// Rows of biases that lie in memory: those of query `q` for keys 0 to `keys - 1`, or null for none.
template <class B, class Context>
concept askable_row = requires(const B& b, const Context& c, std::size_t q) {
  { b.row(c, q) } -> std::convertible_to<const float*>;
};

/// A context of which only the head is known.
struct group_head {
  std::size_t head = 0;
};

/// The new score of one pair, for a function of single elements.
template <class F, class Context>
HEDDLE_HOST_DEVICE constexpr float modified_element(const F& f, [[maybe_unused]] const Context& c, float score, float q,
                                                    float k) {
  [[maybe_unused]] const as_index i{static_cast<std::size_t>(q)};
  [[maybe_unused]] const as_index j{static_cast<std::size_t>(k)};
  if constexpr (element_score<F, as_index>) {
    return static_cast<float>(f(score, c.head, i, j));
  } else if constexpr (element_score_with_context<F, Context, as_index>) {
    return static_cast<float>(f(c, score, i, j));
  } else if constexpr (element_score<F, float>) {
    return static_cast<float>(f(score, c.head, q, k));
  } else {
    return static_cast<float>(f(c, score, q, k));
  }
}

/// The new score of query `q` and key `k`, lane by lane. A function that is not generic in its number type is called
/// for every lane.
template <class T, class F, class Context>
HEDDLE_HOST_DEVICE constexpr T modified(const F& f, const Context& c, T score, T q, T k) {
  using traits = batch_traits<T>;
  if constexpr (batch_score<F>) {
    return f(score, c.head, q, k);
  } else if constexpr (batch_score_with_context<F, Context>) {
    return f(c, score, q, k);
  } else {
    return traits::from_lanes([&](std::size_t lane) {
      return modified_element(f, c, traits::lane(score, lane), traits::lane(q, lane), traits::lane(k, lane));
    });
  }
}

/// The same for functions that need no more of the context than the head.
template <class T, class F>
HEDDLE_HOST_DEVICE constexpr T modified(const F& f, T score, std::size_t head, T q, T k) {
  return modified<T>(f, group_head{head}, score, q, k);
}

}  // namespace heddle::inline v0::detail
