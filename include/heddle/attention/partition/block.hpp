/// @file
/// Block and grid attention with a fixed size (MaxViT, Tu et al. 2022).
#pragma once

#include "window.hpp"

namespace heddle::inline v0 {

/// Windows that must divide the grid.
/// @throws shape_error where they do not
template <std::size_t Height = dyn, std::size_t Width = Height>
struct block {
  using policy_category = partition_tag;
  using map_type = strided_groups<Height, Width>;
  static_assert(Height > 0 && Width > 0, "heddle::block: the sides must be positive");

  constexpr map_type map(const token_grid& g) const {
    detail::require_multiple("block", "height", g.height, Height);
    detail::require_multiple("block", "width", g.width, Width);
    return detail::window_map<Height, Width>(g, {Height, Width}, "block");
  }
};

/// The dilated counterpart of `block`: `Height` x `Width` tokens spread evenly over the whole grid, group `(gy, gx)` at
/// offset `(gy, gx)`; the distance from token to token is the number of groups along the axis.
/// @throws shape_error where the sides do not divide the grid
template <std::size_t Height = dyn, std::size_t Width = Height>
struct grid {
  using policy_category = partition_tag;
  using map_type = strided_groups<Height, Width>;
  static_assert(Height > 0 && Width > 0, "heddle::grid: the sides must be positive");

  constexpr map_type map(const token_grid& g) const {
    detail::require_multiple("grid", "height", g.height, Height);
    detail::require_multiple("grid", "width", g.width, Width);
    return detail::lattice_map<Height, Width>(g, {Height, Width});
  }
};

/// Blocks whose sides are known at run time.
template <>
struct block<dyn, dyn> {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;
  std::size_t height = 0;
  std::size_t width = 0;

  constexpr map_type map(const token_grid& g) const {
    detail::require_window("block", {height, width});
    detail::require_multiple("block", "height", g.height, height);
    detail::require_multiple("block", "width", g.width, width);
    return detail::window_map<dyn, dyn>(g, {height, width}, "block");
  }
};

/// Grid groups whose sides are known at run time.
template <>
struct grid<dyn, dyn> {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;
  std::size_t height = 0;
  std::size_t width = 0;

  constexpr map_type map(const token_grid& g) const {
    detail::require_window("grid", {height, width});
    detail::require_multiple("grid", "height", g.height, height);
    detail::require_multiple("grid", "width", g.width, width);
    return detail::lattice_map<dyn, dyn>(g, {height, width});
  }
};

}  // namespace heddle::inline v0
