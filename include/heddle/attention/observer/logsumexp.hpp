/// @file
/// What else attention returns.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

/// Nothing, for free.
struct no_observer {
  using policy_category = observer_tag;
  static constexpr bool returns_logsumexp = false;
};

/// `log sum exp(score)` over the visible keys of every query, -inf for one that sees nothing. Two results over disjoint
/// keys merge exactly through it: `w = 1 / (1 + exp(l2 - l1))`, `out = w out1 + (1 - w) out2`.
struct logsumexp {
  using policy_category = observer_tag;
  static constexpr bool returns_logsumexp = true;
};

}  // namespace heddle::inline v0
