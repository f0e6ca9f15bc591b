/// @file
/// Observers of the weights themselves: probabilities, their sums over queries, the row of the class token.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

/// Importance of every key: `sum_q r_q P[q, k]`, added to `attend_outputs::importance` (the caller zeroes it; several calls
/// may add to the same). `r_q` is `row_weights`, or 1 / queries of the group: then it is the mean column of P.
struct key_importance {
  using policy_category = observer_tag;
  static constexpr bool returns_logsumexp = false;
  static constexpr bool returns_importance = true;
};

/// The weights of the first query of every group (the class token, where there is one), at the tokens of its keys. For
/// partitions whose groups do not share keys.
struct class_row {
  using policy_category = observer_tag;
  static constexpr bool returns_logsumexp = false;
  static constexpr bool returns_class_row = true;
};

/// All weights P of every group. For looking at; a kernel that writes them is not fast.
struct probabilities {
  using policy_category = observer_tag;
  static constexpr bool returns_logsumexp = false;
  static constexpr bool returns_probabilities = true;
};

}  // namespace heddle::inline v0
