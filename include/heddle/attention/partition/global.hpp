/// @file
/// Every token attends to every token.
#pragma once

#include "../category.hpp"
#include "strided_groups.hpp"

namespace heddle::inline v0 {

/// One group of all tokens, in the order of the grid: joint attention over frames, rows and columns.
/// @throws shape_error for a grid of 2^31 tokens or more
struct global {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  constexpr map_type map(const token_grid& grid) const {
    detail::require_tokens("global", grid);
    map_type m;
    m.sides = detail::group_sides<dyn, dyn, 1>({grid.height, grid.width, grid.frames});
    m.grid = grid;
    m.padded_height = grid.height;
    m.padded_width = grid.width;
    m.padded_depth = grid.frames;
    return m;
  }
};

}  // namespace heddle::inline v0
