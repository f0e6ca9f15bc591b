/// @file
/// Queries and keys as they are.
#pragma once

#include "../category.hpp"

namespace heddle::inline v0 {

/// Nothing is done to queries and keys. A position policy that does something has
/// `void operator()(float* row, std::size_t head_dim, std::size_t head, std::size_t token) const`: kernels call it on
/// their packed copy of every query and key.
struct no_position {
  using policy_category = position_tag;
};

}  // namespace heddle::inline v0
