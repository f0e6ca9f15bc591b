/// @file
/// A mask from any function object.
#pragma once

#include <type_traits>

#include "../category.hpp"

namespace heddle::inline v0 {

/// Key `k` is visible to query `q` where `predicate(q, k)` says so; positions count inside the group.
///
/// A predicate that is generic in its number type runs on whole vectors:
/// `visible_if{[](auto q, auto k) { return k <= q; }}`. One that takes whole numbers is called for every element. Either
/// may be preceded by the group's context. Every tile is computed: write a struct with `classify` to leave some out.
template <class Predicate>
struct visible_if {
  using policy_category = mask_tag;
  [[no_unique_address]] Predicate predicate;

  template <class... Arguments>
    requires std::is_invocable_v<const Predicate&, Arguments...>
  HEDDLE_HOST_DEVICE constexpr auto operator()(Arguments... arguments) const {
    return predicate(arguments...);
  }
};

template <class Predicate>
visible_if(Predicate) -> visible_if<Predicate>;

}  // namespace heddle::inline v0
