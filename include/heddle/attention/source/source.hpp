/// @file
/// Where keys and values come from.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

/// The tokens of the queries.
struct self_source {
  using policy_category = source_tag;
  static constexpr bool same_tokens = true;
};

/// Other tokens, of another number: only with the partition `global`.
struct cross_source {
  using policy_category = source_tag;
  static constexpr bool same_tokens = false;
};

}  // namespace heddle::inline v0
