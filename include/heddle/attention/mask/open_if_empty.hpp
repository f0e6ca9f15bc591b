/// @file
/// A query that would see nothing sees everything.
#pragma once

#include "../category.hpp"
#include "ask.hpp"

namespace heddle::inline v0 {

/// As `Mask` says, but a query that sees no key of its group sees all of them: the masked attention of Mask2Former (Cheng et
/// al. 2022; a query whose predicted mask is empty is opened): `open_if_empty{block_sparse<1>{table}}`.
///
/// Whether a row is empty is asked of `Mask`: once for the row where it says `static constexpr bool exact_tiles = true` (a tile
/// that it calls partial holds a visible pair), else by halves of the row and only as far as
/// the first visible key.
template <class Mask>
struct open_if_empty {
  using policy_category = mask_tag;
  static_assert(policy_of<Mask, mask_tag>, "heddle::open_if_empty: takes a mask policy");
  [[no_unique_address]] Mask mask{};

  constexpr void check(const attend_call& call) const { detail::check_policy(mask, call); }

  /// Row by row, exact where `Mask` is.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const {
    if (detail::classify(mask, c, q0, q1, k0, k1) == tile::full) return tile::full;
    tile whole = row(c, q0, k0, k1);
    for (std::size_t q = q0 + 1; q < q1 && whole != tile::partial; ++q)
      if (row(c, q, k0, k1) != whole) whole = tile::partial;
    return whole;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const {
    using traits = batch_traits<T>;
    using mask_type = typename traits::mask;
    // Lanes are mostly keys of one query: it is asked once.
    float asked = -1.0F;
    bool open = false;
    const mask_type opened = traits::mask_from_lanes([&](std::size_t lane) {
      const float query = traits::lane(q, lane);
      if (query != asked) {
        asked = query;
        open = static_cast<std::size_t>(query) < c.queries && !sees_any(c, static_cast<std::size_t>(query), 0, c.keys);
      }
      return open;
    });
    return static_cast<mask_type>(opened | detail::visible<T>(mask, c, q, k));
  }

 private:
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile row(const Context& c, std::size_t q, std::size_t k0, std::size_t k1) const {
    const tile t = detail::classify(mask, c, q, q + 1, k0, k1);
    if (t == tile::full || sees_any(c, q, 0, c.keys)) return t;
    return tile::full;
  }

  /// Whether query `q` sees a key of `[k0, k1)`.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr bool sees_any(const Context& c, std::size_t q, std::size_t k0, std::size_t k1) const {
    if constexpr (requires { requires bool(Mask::exact_tiles); })
      return detail::classify(mask, c, q, q + 1, k0, k1) != tile::skip;
    constexpr std::size_t few = 16;
    while (k0 < k1) {
      const tile t = detail::classify(mask, c, q, q + 1, k0, k1);
      if (t != tile::partial) return t == tile::full;
      if (k1 - k0 <= few || !detail::classifying_mask<Mask, Context>) {
        for (std::size_t k = k0; k < k1; ++k)
          if (detail::visible<float>(mask, c, static_cast<float>(q), static_cast<float>(k))) return true;
        return false;
      }
      const std::size_t middle = k0 + (k1 - k0) / 2;
      if (sees_any(c, q, k0, middle)) return true;
      k0 = middle;
    }
    return false;
  }
};

template <class Mask>
open_if_empty(Mask) -> open_if_empty<Mask>;

}  // namespace heddle::inline v0
