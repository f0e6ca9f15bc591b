/// @file
/// Queries and keys as they are.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

/// Nothing is done to queries and keys. A position policy that does something has
/// `void operator()(float* row, std::size_t head_dim, std::size_t head, std::size_t token, row_role role) const` (the role may
/// be left out): kernels call it on their own copy of every query and key. `head` counts in the heads of the queries or
/// of the keys; `token` is the row in the view.
struct no_position {
  using policy_category = position_tag;
};

}  // namespace heddle::inline v0
