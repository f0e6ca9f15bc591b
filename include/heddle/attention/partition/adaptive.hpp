/// @file
/// Block and grid attention whose window follows the map (MaxSR, Yang and Wu 2023).
#pragma once

#include "window.hpp"

namespace heddle::inline v0 {

namespace detail {

/// The window side for a side of the map: `ceil(sqrt(side))`, whose square the side must be.
constexpr std::size_t adaptive_side(const char* policy, const char* axis, std::size_t side) {
  const std::size_t root = integer_root_ceil(side);
  if (side == 0 || root * root != side)
    raise<shape_error>(std::string(policy) + ": the " + axis + " must be the square of a window side; expected " +
                       std::to_string(root * root) + ", got " + std::to_string(side) + " (pad the image)");
  return root;
}

constexpr window_extents adaptive_window(const char* policy, const token_grid& g) {
  return {adaptive_side(policy, "height", g.height), adaptive_side(policy, "width", g.width)};
}

}  // namespace detail

/// Windows of `sqrt(height)` x `sqrt(width)` tokens: there are as many windows along an axis as tokens in one, which is
/// the least work for a block and a grid layer that together join every pixel with every other.
/// @throws shape_error for a side that is not a square
struct adaptive_block {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;
  constexpr map_type map(const token_grid& g) const {
    return detail::window_map<dyn, dyn>(g, detail::adaptive_window("adaptive_block", g), "adaptive_block");
  }
};

/// The dilated counterpart: one token from each of the windows of `adaptive_block`.
/// @throws shape_error for a side that is not a square
struct adaptive_grid {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;
  constexpr map_type map(const token_grid& g) const {
    return detail::lattice_map<dyn, dyn>(g, detail::adaptive_window("adaptive_grid", g), "adaptive_grid");
  }
};

}  // namespace heddle::inline v0
