/// @file
/// How kernels apply a score modifier, whatever form it is written in.
#pragma once

#include <concepts>
#include <cstddef>

#include "../batch.hpp"

namespace heddle::inline v0::detail {

template <class F>
concept batch_score = requires(const F& f, probe t, std::size_t head) {
  { f(t, head, t, t) } -> std::same_as<probe>;
};
template <class F, class Number>
concept element_score = requires(const F& f, float score, std::size_t head, Number n) {
  { f(score, head, n, n) } -> std::convertible_to<float>;
};

/// The new score of query `q` and key `k`, lane by lane. A function that is not generic in its number type is called
/// for every lane.
template <class T, class F>
HEDDLE_HOST_DEVICE constexpr T modified(const F& f, T score, std::size_t head, T q, T k) {
  using traits = batch_traits<T>;
  if constexpr (batch_score<F>) {
    return f(score, head, q, k);
  } else {
    return traits::from_lanes([&](std::size_t lane) {
      const float s = traits::lane(score, lane);
      const float a = traits::lane(q, lane);
      const float b = traits::lane(k, lane);
      if constexpr (element_score<F, as_index>) {
        return static_cast<float>(f(s, head, as_index{static_cast<std::size_t>(a)}, as_index{static_cast<std::size_t>(b)}));
      } else {
        return static_cast<float>(f(s, head, a, b));
      }
    });
  }
}

}  // namespace heddle::inline v0::detail
