/// @file
/// Every token attends to every token.
#pragma once

#include "../category.hpp"
#include "strided_groups.hpp"

namespace heddle::inline v0 {

/// One group of all tokens, in the order of the grid. Frames follow one another as rows.
struct global {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  HEDDLE_HOST_DEVICE constexpr map_type map(const token_grid& grid) const noexcept {
    const std::size_t height = grid.frames * grid.height;
    map_type m;
    m.sides = detail::group_sides<dyn, dyn>({height, grid.width});
    m.grid = {1, height, grid.width};
    m.padded_height = height;
    m.padded_width = grid.width;
    return m;
  }
};

}  // namespace heddle::inline v0
