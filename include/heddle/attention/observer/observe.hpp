/// @file
/// Several observers in one, and what kernels ask about them.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

namespace detail {

/// What an observer returns; a policy leaves out what it does not return.
template <class O>
struct observed {
  static constexpr bool logsumexp = requires { requires bool(O::returns_logsumexp); };
  static constexpr bool importance = requires { requires bool(O::returns_importance); };
  static constexpr bool class_row = requires { requires bool(O::returns_class_row); };
  static constexpr bool probabilities = requires { requires bool(O::returns_probabilities); };
  /// One that reads the normalised weights.
  static constexpr bool weights = importance || class_row || probabilities;
};

}  // namespace detail

/// All that the observers return: `observe<logsumexp, key_importance>`.
template <class... Os>
struct observe {
  using policy_category = observer_tag;
  static_assert((policy_of<Os, observer_tag> && ...), "heddle::observe: every argument must be an observer policy");
  static constexpr bool returns_logsumexp = (detail::observed<Os>::logsumexp || ...);
  static constexpr bool returns_importance = (detail::observed<Os>::importance || ...);
  static constexpr bool returns_class_row = (detail::observed<Os>::class_row || ...);
  static constexpr bool returns_probabilities = (detail::observed<Os>::probabilities || ...);
};

}  // namespace heddle::inline v0
