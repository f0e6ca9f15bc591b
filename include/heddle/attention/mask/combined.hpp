/// @file
/// Masks made of masks.
#pragma once

#include <cstddef>
#include <utility>

#include "../category.hpp"
#include "ask.hpp"

namespace heddle::inline v0 {

namespace detail {

template <std::size_t I, class M>
struct mask_entry {
  [[no_unique_address]] M mask;
  constexpr mask_entry() : mask() {}
  HEDDLE_HOST_DEVICE constexpr explicit mask_entry(const M& m) : mask(m) {}
};

/// Masks side by side; empty ones take no space.
template <class Indices, class... Ms>
struct mask_list;
template <std::size_t... I, class... Ms>
struct mask_list<std::index_sequence<I...>, Ms...> : mask_entry<I, Ms>... {
  constexpr mask_list() = default;
  constexpr explicit mask_list(const Ms&... ms) : mask_entry<I, Ms>(ms)... {}

  /// `f(mask)` for every mask, in order, until one returns true.
  template <class F>
  HEDDLE_HOST_DEVICE constexpr bool any(F&& f) const {
    return (f(static_cast<const mask_entry<I, Ms>&>(*this).mask) || ...);
  }
};

/// What `all_of`, `any_of` and `none_of` share: the answer of a whole follows from the answers of the parts.
template <tile Decided, class... Ms>
struct combined_mask {
  using policy_category = mask_tag;
  static_assert((policy_of<Ms, mask_tag> && ...), "heddle: all_of, any_of and none_of combine mask policies");
  static_assert(sizeof...(Ms) > 0, "heddle: all_of, any_of and none_of need at least one mask");
  [[no_unique_address]] mask_list<std::index_sequence_for<Ms...>, Ms...> masks;

  constexpr combined_mask() = default;
  constexpr explicit combined_mask(const Ms&... ms) : masks(ms...) {}

  /// One part that says `Decided` settles the rectangle; it is the opposite where all parts say so.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const {
    constexpr tile opposite = Decided == tile::skip ? tile::full : tile::skip;
    tile result = opposite;
    masks.any([&](const auto& m) {
      const tile t = detail::classify(m, c, q0, q1, k0, k1);
      if (t != opposite) result = t;
      return t == Decided;
    });
    return result;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const {
    using mask_type = typename batch_traits<T>::mask;
    const T zero = batch_traits<T>::broadcast(0.0F);
    mask_type result = Decided == tile::skip ? static_cast<mask_type>(zero == zero) : static_cast<mask_type>(zero != zero);
    masks.any([&](const auto& m) {
      const mask_type part = visible<T>(m, c, q, k);
      if constexpr (Decided == tile::skip) {
        result = static_cast<mask_type>(result & part);
      } else {
        result = static_cast<mask_type>(result | part);
      }
      return false;
    });
    return result;
  }

  constexpr void check(const attend_call& call) const {
    masks.any([&](const auto& m) {
      check_policy(m, call);
      return false;
    });
  }
};

}  // namespace detail

/// Visible where every one of the masks says so: `all_of{causal<>{}, lengths{n}}`.
template <class... Ms>
struct all_of : detail::combined_mask<tile::skip, Ms...> {
  using base = detail::combined_mask<tile::skip, Ms...>;
  constexpr all_of() = default;
  constexpr explicit(sizeof...(Ms) == 1) all_of(const Ms&... ms) : base(ms...) {}
};

/// Visible where one of the masks says so.
template <class... Ms>
struct any_of : detail::combined_mask<tile::full, Ms...> {
  using base = detail::combined_mask<tile::full, Ms...>;
  constexpr any_of() = default;
  constexpr explicit(sizeof...(Ms) == 1) any_of(const Ms&... ms) : base(ms...) {}
};

/// Visible where not one of the masks says so: `none_of{causal<>{}}` are the keys behind the query.
template <class... Ms>
struct none_of : detail::combined_mask<tile::full, Ms...> {
  using base = detail::combined_mask<tile::full, Ms...>;
  constexpr none_of() = default;
  constexpr explicit(sizeof...(Ms) == 1) none_of(const Ms&... ms) : base(ms...) {}

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const {
    const tile t = base::classify(c, q0, q1, k0, k1);
    return t == tile::partial ? t : t == tile::full ? tile::skip : tile::full;
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const {
    return static_cast<typename batch_traits<T>::mask>(!base::operator()(c, q, k));
  }
};

}  // namespace heddle::inline v0
