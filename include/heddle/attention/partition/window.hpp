/// @file
/// Windows of neighbouring tokens, shifted or not, on grids of any size.
#pragma once

#include "../../core/error.hpp"
#include "../category.hpp"
#include "strided_groups.hpp"

namespace heddle::inline v0 {

namespace detail {

/// The map of contiguous windows that cover the grid, the last ones padded.
template <std::size_t Height, std::size_t Width>
HEDDLE_HOST_DEVICE constexpr strided_groups<Height, Width> window_map(const token_grid& grid, window_extents w) {
  strided_groups<Height, Width> m;
  m.sides = group_sides<Height, Width>(w);
  m.grid = grid;
  m.groups_y = (grid.height + w.height - 1) / w.height;
  m.groups_x = (grid.width + w.width - 1) / w.width;
  m.group_step_y = w.height;
  m.group_step_x = w.width;
  m.padded_height = m.groups_y * w.height;
  m.padded_width = m.groups_x * w.width;
  return m;
}

/// The map of lattices: token `(ty, tx)` of a group is taken from window `(ty, tx)`, all groups at another offset.
template <std::size_t Height, std::size_t Width>
HEDDLE_HOST_DEVICE constexpr strided_groups<Height, Width> lattice_map(const token_grid& grid, window_extents w) {
  strided_groups<Height, Width> m;
  m.sides = group_sides<Height, Width>(w);
  m.grid = grid;
  m.groups_y = grid.height / w.height;
  m.groups_x = grid.width / w.width;
  m.group_step_y = 1;
  m.group_step_x = 1;
  m.token_step_y = m.groups_y;
  m.token_step_x = m.groups_x;
  m.padded_height = grid.height;
  m.padded_width = grid.width;
  return m;
}

constexpr void require_window(const char* policy, window_extents w) {
  if (w.height == 0 || w.width == 0) raise<shape_error>(std::string(policy) + ": the sides of a window must be positive");
}

constexpr void require_multiple(const char* policy, const char* axis, std::size_t side, std::size_t part) {
  if (side % part != 0)
    raise<shape_error>(std::string(policy) + ": expected a " + axis + " that is a multiple of " + std::to_string(part) + ", got " +
                       std::to_string(side));
}

constexpr void require_shift(const char* axis, std::size_t side, std::size_t shift) {
  if (shift >= side)
    raise<shape_error>(std::string("window: expected a shift below the ") + axis + ' ' + std::to_string(side) + ", got " +
                       std::to_string(shift));
}

}  // namespace detail

/// Non-overlapping windows of `Height` x `Width` tokens.
///
/// A grid whose sides are not multiples is padded at the bottom and right; padded positions take no part. A shift rolls
/// the (padded) grid by `-shift` first, as in Swin (Liu et al. 2021, section 3.2); add the mask `same_region` so that
/// tokens that meet only through the roll do not see each other.
/// @throws shape_error for a shift that is not smaller than the window
template <std::size_t Height = dyn, std::size_t Width = Height>
struct window {
  using policy_category = partition_tag;
  using map_type = strided_groups<Height, Width>;
  static_assert(Height > 0 && Width > 0, "heddle::window: the sides must be positive");

  std::size_t shift_y = 0;
  std::size_t shift_x = 0;

  constexpr map_type map(const token_grid& grid) const {
    detail::require_shift("height", Height, shift_y);
    detail::require_shift("width", Width, shift_x);
    map_type m = detail::window_map<Height, Width>(grid, {Height, Width});
    m.shift_y = shift_y;
    m.shift_x = shift_x;
    return m;
  }
};

/// Windows whose sides are known at run time.
template <>
struct window<dyn, dyn> {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t shift_y = 0;
  std::size_t shift_x = 0;

  constexpr map_type map(const token_grid& grid) const {
    detail::require_window("window", {height, width});
    detail::require_shift("height", height, shift_y);
    detail::require_shift("width", width, shift_x);
    map_type m = detail::window_map<dyn, dyn>(grid, {height, width});
    m.shift_y = shift_y;
    m.shift_x = shift_x;
    return m;
  }
};

/// Windows shifted by half their side, on which `same_region` acts.
template <std::size_t Side>
struct shifted_window {
  using policy_category = partition_tag;
  using map_type = strided_groups<Side, Side>;

  constexpr map_type map(const token_grid& grid) const { return window<Side>{Side / 2, Side / 2}.map(grid); }
};

}  // namespace heddle::inline v0
