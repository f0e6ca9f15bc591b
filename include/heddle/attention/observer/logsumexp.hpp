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

/// `log sum exp(score)` over the visible keys of every query, -inf for one that sees nothing; a virtual key of the
/// normalizer (`softmax_sink`) counts, and parts (`decoupled`) count together. Two results over disjoint keys merge
/// exactly through it: see `merge_attention`. Needs a normalizer that takes exponentials.
struct logsumexp {
  using policy_category = observer_tag;
  static constexpr bool returns_logsumexp = true;
};

}  // namespace heddle::inline v0
