/// @file
/// Windows of neighbouring tokens, shifted or not, on grids of any size, in space or in space and time.
#pragma once

#include "../../core/error.hpp"
#include "../category.hpp"
#include "strided_groups.hpp"

namespace heddle::inline v0 {

namespace detail {

/// The map of contiguous windows that cover the grid, the last ones padded.
template <std::size_t Height, std::size_t Width, std::size_t Depth = 1>
constexpr strided_groups<Height, Width, Depth> window_map(const token_grid& grid, window_extents w,
                                                          const char* policy = "window") {
  require_tokens(policy, grid);
  strided_groups<Height, Width, Depth> m;
  m.sides = group_sides<Height, Width, Depth>(w);
  m.grid = grid;
  m.groups_t = (grid.frames + w.depth - 1) / w.depth;
  m.groups_y = (grid.height + w.height - 1) / w.height;
  m.groups_x = (grid.width + w.width - 1) / w.width;
  m.group_step_t = w.depth;
  m.group_step_y = w.height;
  m.group_step_x = w.width;
  m.padded_depth = m.groups_t * w.depth;
  m.padded_height = m.groups_y * w.height;
  m.padded_width = m.groups_x * w.width;
  return m;
}

/// The map of lattices: token `(tt, ty, tx)` of a group is taken from window `(tt, ty, tx)`, all groups at another offset.
/// `steps`: the distance from token to token along each axis, which is also the number of groups along it.
template <std::size_t Height, std::size_t Width, std::size_t Depth = 1>
constexpr strided_groups<Height, Width, Depth> lattice_map(const token_grid& grid, window_extents w, window_extents steps,
                                                           const char* policy) {
  require_tokens(policy, grid);
  strided_groups<Height, Width, Depth> m;
  m.sides = group_sides<Height, Width, Depth>(w);
  m.grid = grid;
  m.groups_t = steps.depth;
  m.groups_y = steps.height;
  m.groups_x = steps.width;
  m.group_step_t = 1;
  m.group_step_y = 1;
  m.group_step_x = 1;
  m.token_step_t = steps.depth;
  m.token_step_y = steps.height;
  m.token_step_x = steps.width;
  m.padded_depth = steps.depth * w.depth;
  m.padded_height = steps.height * w.height;
  m.padded_width = steps.width * w.width;
  return m;
}

/// Lattices of `w` in every frame; the sides divide those of the grid.
template <std::size_t Height, std::size_t Width>
constexpr strided_groups<Height, Width> lattice_map(const token_grid& grid, window_extents w, const char* policy = "grid") {
  return lattice_map<Height, Width>(grid, w, {grid.height / w.height, grid.width / w.width, grid.frames}, policy);
}

constexpr void require_window(const char* policy, window_extents w) {
  if (w.height == 0 || w.width == 0 || w.depth == 0)
    raise<shape_error>(std::string(policy) + ": the sides of a window must be positive");
}

constexpr void require_multiple(const char* policy, const char* axis, std::size_t side, std::size_t part) {
  if (side % part != 0)
    raise<shape_error>(std::string(policy) + ": expected a " + axis + " that is a multiple of " + std::to_string(part) +
                       ", got " + std::to_string(side));
}

constexpr void require_shift(const char* axis, std::size_t side, std::size_t shift) {
  if (shift >= side)
    raise<shape_error>(std::string("window: expected a shift below the ") + axis + ' ' + std::to_string(side) + ", got " +
                       std::to_string(shift));
}

/// Windows of sides `w`, the grid rolled by `-shift` first.
template <std::size_t Height, std::size_t Width, std::size_t Depth>
constexpr strided_groups<Height, Width, Depth> shifted_map(const token_grid& grid, window_extents w, region_split shift) {
  require_window("window", w);
  require_shift("height", w.height, shift.y);
  require_shift("width", w.width, shift.x);
  require_shift("depth", w.depth, shift.t);
  auto m = window_map<Height, Width, Depth>(grid, w);
  m.shift_y = shift.y;
  m.shift_x = shift.x;
  m.shift_t = shift.t;
  return m;
}

/// Stands for "no third side": windows of one frame.
inline constexpr std::size_t no_side = static_cast<std::size_t>(-2);

}  // namespace detail

/// Non-overlapping windows: `window<7>` and `window<Height, Width>` in every frame (Swin, Liu et al. 2021),
/// `window<Frames, Height, Width>` in space and time (Video Swin, Liu et al. 2022; STPT), `window<>` with sides that are
/// known at run time.
///
/// A grid whose sides are not multiples is padded at the far ends; padded positions take no part. A shift rolls the
/// (padded) grid by `-shift` first, as in Swin (section 3.2); add the mask `same_region` so that tokens that meet only
/// through the roll do not see each other.
/// @throws shape_error for a shift that is not smaller than the window
template <std::size_t First = dyn, std::size_t Second = First, std::size_t Third = detail::no_side>
struct window {
  using policy_category = partition_tag;
  using map_type = strided_groups<Second, Third, First>;
  static_assert(First > 0 && Second > 0 && Third > 0, "heddle::window: the sides must be positive");

  std::size_t shift_y = 0;
  std::size_t shift_x = 0;
  std::size_t shift_t = 0;

  constexpr map_type map(const token_grid& grid) const {
    return detail::shifted_map<Second, Third, First>(grid, {Second, Third, First}, {shift_y, shift_x, shift_t});
  }
};

/// Windows of one frame.
template <std::size_t Height, std::size_t Width>
struct window<Height, Width, detail::no_side> {
  using policy_category = partition_tag;
  using map_type = strided_groups<Height, Width>;
  static_assert(Height > 0 && Width > 0, "heddle::window: the sides must be positive");

  std::size_t shift_y = 0;
  std::size_t shift_x = 0;

  constexpr map_type map(const token_grid& grid) const {
    return detail::shifted_map<Height, Width, 1>(grid, {Height, Width}, {shift_y, shift_x, 0});
  }
};

/// Windows whose sides are known at run time.
template <>
struct window<dyn, dyn, detail::no_side> {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t shift_y = 0;
  std::size_t shift_x = 0;
  std::size_t depth = 1;  ///< frames
  std::size_t shift_t = 0;

  constexpr map_type map(const token_grid& grid) const {
    return detail::shifted_map<dyn, dyn, 1>(grid, {height, width, depth}, {shift_y, shift_x, shift_t});
  }
};

/// Windows shifted by half their sides (rounded down), on which `same_region` acts: `shifted_window<7>`,
/// `shifted_window<Height, Width>`, `shifted_window<Frames, Height, Width>`.
template <std::size_t First, std::size_t Second = First, std::size_t Third = detail::no_side>
struct shifted_window {
  using policy_category = partition_tag;
  using map_type = strided_groups<Second, Third, First>;
  constexpr map_type map(const token_grid& grid) const {
    return window<First, Second, Third>{Second / 2, Third / 2, First / 2}.map(grid);
  }
};
template <std::size_t Height, std::size_t Width>
struct shifted_window<Height, Width, detail::no_side> {
  using policy_category = partition_tag;
  using map_type = strided_groups<Height, Width>;
  constexpr map_type map(const token_grid& grid) const { return window<Height, Width>{Height / 2, Width / 2}.map(grid); }
};

}  // namespace heddle::inline v0
