/// @file
/// Scores become weights by the exponential.
#pragma once

#include "kind.hpp"

namespace heddle::inline v0 {

/// `weight = exp(score - max) / sum exp(score - max)` over the visible keys; a query that sees nothing gets zeros.
struct softmax {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::exponential;
};

}  // namespace heddle::inline v0
