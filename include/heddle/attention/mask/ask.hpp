/// @file
/// How kernels ask a mask, whatever form it is written in.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "../batch.hpp"
#include "../context.hpp"

namespace heddle::inline v0::detail {

/// How a mask is written: generic in its number type, or for single elements; with the context, or without.
template <class M, class Context>
concept batch_mask_with_context =
    requires(const M& m, const Context& c, probe t) { static_cast<batch_traits<probe>::mask>(m(c, t, t)); };
template <class M>
concept batch_mask = requires(const M& m, probe t) { static_cast<batch_traits<probe>::mask>(m(t, t)); };
template <class M, class Context, class Number>
concept element_mask_with_context = requires(const M& m, const Context& c, Number n) { static_cast<bool>(m(c, n, n)); };
template <class M, class Number>
concept element_mask = requires(const M& m, Number n) { static_cast<bool>(m(n, n)); };

/// A mask that can be asked about single elements in one of the forms.
template <class M, class Context>
concept askable_mask =
    batch_mask_with_context<M, Context> || batch_mask<M> || element_mask_with_context<M, Context, as_index> ||
    element_mask<M, as_index> || element_mask_with_context<M, Context, float> || element_mask<M, float>;

template <class M, class Context>
concept classifying_mask = requires(const M& m, const Context& c, std::size_t i) {
  { m.classify(c, i, i, i, i) } -> std::same_as<tile>;
};

/// What the mask says about a rectangle; `partial` if it does not say.
template <class M, class Context>
HEDDLE_HOST_DEVICE constexpr tile classify(const M& m, const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                           std::size_t k1) {
  if constexpr (classifying_mask<M, Context>) {
    return m.classify(c, q0, q1, k0, k1);
  } else {
    return tile::partial;
  }
}

/// Whether query `q` sees key `k`, for a mask of single elements.
template <class M, class Context>
HEDDLE_HOST_DEVICE constexpr bool visible_element(const M& m, [[maybe_unused]] const Context& c, float q, float k) {
  [[maybe_unused]] const as_index i{static_cast<std::size_t>(q)};
  [[maybe_unused]] const as_index j{static_cast<std::size_t>(k)};
  if constexpr (element_mask_with_context<M, Context, as_index>) {
    return static_cast<bool>(m(c, i, j));
  } else if constexpr (element_mask<M, as_index>) {
    return static_cast<bool>(m(i, j));
  } else if constexpr (element_mask_with_context<M, Context, float>) {
    return static_cast<bool>(m(c, q, k));
  } else {
    return static_cast<bool>(m(q, k));
  }
}

/// Whether query `q` sees key `k`, lane by lane. A mask that is not generic in its number type is asked for every lane.
template <class T, class M, class Context>
HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask visible(const M& m, [[maybe_unused]] const Context& c, T q, T k) {
  using traits = batch_traits<T>;
  if constexpr (batch_mask_with_context<M, Context>) {
    return static_cast<typename traits::mask>(m(c, q, k));
  } else if constexpr (batch_mask<M>) {
    return static_cast<typename traits::mask>(m(q, k));
  } else {
    return traits::mask_from_lanes(
        [&](std::size_t lane) { return visible_element(m, c, traits::lane(q, lane), traits::lane(k, lane)); });
  }
}

/// Lets a mask refuse run-time parameters that do not fit a call with so many batch items.
template <class M>
constexpr void check_mask(const M& m, std::size_t batch) {
  if constexpr (requires { m.check(batch); }) m.check(batch);
}

}  // namespace heddle::inline v0::detail
