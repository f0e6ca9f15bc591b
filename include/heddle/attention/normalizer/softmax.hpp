/// @file
/// Scores become weights by the exponential.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

/// `weight = exp(score - max) / sum exp(score - max)` over the visible keys; a query that sees nothing gets zeros.
struct softmax {
  using policy_category = normalizer_tag;
};

}  // namespace heddle::inline v0
