/// @file
/// Neighborhood attention: every query sees the keys around it.
#pragma once

#include <string>

#include "../../core/error.hpp"
#include "../../core/extents.hpp"
#include "../category.hpp"
#include "neighborhood_groups.hpp"
#include "window.hpp"

namespace heddle::inline v0 {

namespace detail {

/// An axis cut into tiles. @throws shape_error if it is shorter than a dilated neighborhood
constexpr neighborhood_axis neighborhood_along(const char* name, std::size_t length, std::size_t kernel, std::size_t dilation,
                                               std::size_t most) {
  neighborhood_axis a;
  a.length = length;
  a.kernel = kernel;
  a.dilation = kernel == 1 ? 1 : dilation;
  if (a.dilation == 0) raise<shape_error>(std::string("neighborhood: the dilation of the ") + name + " must be positive");
  if (length < kernel * a.dilation)
    raise<shape_error>(std::string("neighborhood: expected a ") + name + " of at least " + std::to_string(kernel * a.dilation) +
                       " (kernel " + std::to_string(kernel) + ", dilation " + std::to_string(a.dilation) + "), got " +
                       std::to_string(length));
  const std::size_t line = (length + a.dilation - 1) / a.dilation;
  a.tile = line < most ? line : most;
  a.tiles = (line + a.tile - 1) / a.tile;
  a.region = line < a.tile + kernel - 1 ? line : a.tile + kernel - 1;
  return a;
}

/// The map for kernels and dilations along the three axes. About 64 queries make a group: the keys around them are not many
/// more than each sees, and are packed once for all of them.
constexpr neighborhood_groups neighborhood_map(const token_grid& g, window_extents kernel, window_extents dilation) {
  require_tokens("neighborhood", g);
  if (kernel.size() == 0) raise<shape_error>("neighborhood: the sides of a neighborhood must be positive");
  const int axes = (kernel.depth > 1 ? 1 : 0) + (kernel.height > 1 ? 1 : 0) + (kernel.width > 1 ? 1 : 0);
  const std::size_t side = axes <= 1 ? 64 : axes == 2 ? 8 : 4;
  neighborhood_groups m;
  m.grid = g;
  m.t = neighborhood_along("number of frames", g.frames, kernel.depth, dilation.depth, kernel.depth > 1 ? side : 1);
  m.y = neighborhood_along("height", g.height, kernel.height, dilation.height, kernel.height > 1 ? side : 1);
  m.x = neighborhood_along("width", g.width, kernel.width, dilation.width, kernel.width > 1 || axes == 0 ? side : 1);
  return m;
}

}  // namespace detail

/// Every query sees exactly `Kernel` keys along each axis, those nearest to it; at a border the neighborhood is shifted
/// inwards, not cut (NATTEN, Hassani et al. 2023). With a dilation it sees every `dilation`-th token (DiNAT, Hassani
/// and Shi 2022), each residue as a grid of its own.
///
/// `neighborhood<7>`: 7 x 7 in every frame, 7 on a sequence; `neighborhood<Height, Width>`; `neighborhood<Frames, Height,
/// Width>` in space and time; `neighborhood<>` with sides known at run time. The keys of a group are not its queries: the index
/// map lists both, and hides the keys of a group that a query is not near to. Its position bias is `neighborhood_bias`.
/// @throws shape_error for an axis shorter than kernel times dilation
template <std::size_t First = dyn, std::size_t Second = detail::no_side, std::size_t Third = detail::no_side>
struct neighborhood {
  using policy_category = partition_tag;
  using map_type = neighborhood_groups;
  static_assert(First > 0 && Second > 0 && Third > 0, "heddle::neighborhood: the sides must be positive");

  std::size_t dilation_y = 1;
  std::size_t dilation_x = 1;
  std::size_t dilation_t = 1;

  constexpr map_type map(const token_grid& g) const {
    return detail::neighborhood_map(g, {Second, Third, First}, {dilation_y, dilation_x, dilation_t});
  }
};

/// In every frame.
template <std::size_t Height, std::size_t Width>
struct neighborhood<Height, Width, detail::no_side> {
  using policy_category = partition_tag;
  using map_type = neighborhood_groups;
  static_assert(Height > 0 && Width > 0, "heddle::neighborhood: the sides must be positive");

  std::size_t dilation_y = 1;
  std::size_t dilation_x = 1;

  constexpr map_type map(const token_grid& g) const {
    return detail::neighborhood_map(g, {Height, Width}, {dilation_y, dilation_x});
  }
};

/// The same side along both axes, or along the one that a sequence has.
template <std::size_t Side>
struct neighborhood<Side, detail::no_side, detail::no_side> {
  using policy_category = partition_tag;
  using map_type = neighborhood_groups;
  static_assert(Side > 0, "heddle::neighborhood: the side must be positive");

  std::size_t dilation = 1;

  constexpr map_type map(const token_grid& g) const {
    return detail::neighborhood_map(g, {g.height == 1 ? 1 : Side, Side}, {dilation, dilation});
  }
};

/// Sides that are known at run time.
template <>
struct neighborhood<dyn, detail::no_side, detail::no_side> {
  using policy_category = partition_tag;
  using map_type = neighborhood_groups;

  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t depth = 1;
  std::size_t dilation_y = 1;
  std::size_t dilation_x = 1;
  std::size_t dilation_t = 1;

  constexpr map_type map(const token_grid& g) const {
    return detail::neighborhood_map(g, {height, width, depth}, {dilation_y, dilation_x, dilation_t});
  }
};

}  // namespace heddle::inline v0
