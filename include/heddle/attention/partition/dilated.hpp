/// @file
/// Groups of tokens that are a fixed distance apart.
#pragma once

#include "window.hpp"

namespace heddle::inline v0 {

namespace detail {

/// The lattices of steps `(height, width, depth)`; a step longer than its axis is the axis.
constexpr strided_groups<> dilated_map(const token_grid& g, window_extents step) {
  require_window("dilated", step);
  const auto shorter = [](std::size_t a, std::size_t b) { return b == 0 || a < b ? a : b; };
  const window_extents s{shorter(step.height, g.height), shorter(step.width, g.width), shorter(step.depth, g.frames)};
  const auto parts = [](std::size_t n, std::size_t part) { return (n + part - 1) / part; };
  return lattice_map<dyn, dyn>(g, {parts(g.height, s.height), parts(g.width, s.width), parts(g.frames, s.depth)}, s, "dilated");
}

}  // namespace detail

/// Tokens with the same residue: `(y, x)` and `(y', x')` share a group where `y = y' mod Height` and `x = x' mod Width`
/// (the dilated layers of Sparse Transformers, Child et al. 2019, and LongNet, Ding et al. 2023, on a sequence;
/// `Height` x `Width` sparse lattices on a map). `grid` fixes the size of a group, `dilated` the distance of its tokens.
///
/// A grid that is not a multiple is padded. On a sequence `dilated<4>` makes four groups: a step longer than an axis is
/// that axis. Frames are apart unless the run-time `dilated<>` is given a `depth`.
template <std::size_t Height = dyn, std::size_t Width = Height>
struct dilated {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;
  static_assert(Height > 0 && Width > 0, "heddle::dilated: the distances must be positive");

  constexpr map_type map(const token_grid& g) const {
    return detail::dilated_map(g, {Height, Width, g.frames == 0 ? 1 : g.frames});
  }
};

/// Distances that are known at run time. @throws shape_error for a distance of zero
template <>
struct dilated<dyn, dyn> {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t depth = 0;  ///< distance along time; 0: frames are apart

  constexpr map_type map(const token_grid& g) const {
    const std::size_t apart = g.frames == 0 ? 1 : g.frames;
    return detail::dilated_map(g, {height, width, depth == 0 ? apart : depth});
  }
};

}  // namespace heddle::inline v0
