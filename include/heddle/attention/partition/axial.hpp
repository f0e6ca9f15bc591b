/// @file
/// Attention along one axis of a token grid.
#pragma once

#include "window.hpp"

namespace heddle::inline v0 {

/// The axes of a token grid, slowest first.
enum class axis { frames, height, width };

/// One group for each line of tokens along `Along` (Ho et al. 2019, "Axial attention"): tokens that differ in that
/// coordinate only. `axial<axis::width>` are the rows, `axial<axis::height>` the columns of every frame.
template <axis Along>
struct axial {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  constexpr map_type map(const token_grid& g) const {
    return detail::window_map<dyn, dyn>(
        g, {Along == axis::height ? g.height : 1, Along == axis::width ? g.width : 1, Along == axis::frames ? g.frames : 1},
        "axial");
  }
};

/// Every row is a group.
using axial_rows = axial<axis::width>;
/// Every column is a group.
using axial_columns = axial<axis::height>;

}  // namespace heddle::inline v0
