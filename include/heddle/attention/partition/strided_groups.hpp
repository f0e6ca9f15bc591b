/// @file
/// The index map of every partition whose groups are lattices of a token grid.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../core/extents.hpp"
#include "../token_grid.hpp"

namespace heddle::inline v0 {

/// Where a second region begins inside a group, per axis (the side itself: nowhere). See `same_region`.
struct region_split {
  std::size_t y = 0;
  std::size_t x = 0;
  std::size_t t = 1;
};

namespace detail {

/// Sides of a group: known to the type, or stored.
template <std::size_t Height, std::size_t Width, std::size_t Depth>
struct group_sides {
  static_assert(Height != dyn && Width != dyn && Depth != dyn, "heddle: all sides of a window are known to the type, or none");
  constexpr group_sides() = default;
  HEDDLE_HOST_DEVICE constexpr explicit group_sides(window_extents) noexcept {}
  HEDDLE_HOST_DEVICE static constexpr window_extents get() noexcept { return {Height, Width, Depth}; }
};
template <std::size_t Depth>
struct group_sides<dyn, dyn, Depth> {
  window_extents value{};
  constexpr group_sides() = default;
  HEDDLE_HOST_DEVICE constexpr explicit group_sides(window_extents w) noexcept : value(w) {}
  HEDDLE_HOST_DEVICE constexpr window_extents get() const noexcept { return value; }
};

}  // namespace detail

/// An affine index map: token `(tt, ty, tx)` of group `(gt, gy, gx)` lies at
/// `y = (gy * group_step_y + ty * token_step_y + shift_y) mod padded_height`, `x` and the frame alike; positions outside
/// the grid are padding. Window, block, grid, adaptive, axial, spatial, temporal, dilated and global partitions are values
/// of it; nothing is ever copied.
///
/// Sides that are template arguments take no storage. Groups are numbered (gt, gy, gx), positions (tt, ty, tx). All
/// arithmetic is in `std::size_t`; a grid has fewer than 2^31 tokens, its groups may have any number of positions.
template <std::size_t Height = dyn, std::size_t Width = dyn, std::size_t Depth = 1>
struct strided_groups {
  /// Positions of a group where the type knows them, else `dyn`.
  static constexpr std::size_t static_size = Height == dyn || Width == dyn ? dyn : Depth * Height * Width;

  [[no_unique_address]] detail::group_sides<Height, Width, Depth> sides{};
  token_grid grid{};
  std::size_t groups_y = 1;
  std::size_t groups_x = 1;
  std::size_t group_step_y = 0;
  std::size_t group_step_x = 0;
  std::size_t token_step_y = 1;
  std::size_t token_step_x = 1;
  std::size_t padded_height = 0;
  std::size_t padded_width = 0;
  std::size_t shift_y = 0;  ///< cyclic, below the padded side
  std::size_t shift_x = 0;
  std::size_t groups_t = 1;
  std::size_t group_step_t = 0;
  std::size_t token_step_t = 1;
  std::size_t padded_depth = 1;
  std::size_t shift_t = 0;

  HEDDLE_HOST_DEVICE constexpr std::size_t height() const noexcept { return sides.get().height; }
  HEDDLE_HOST_DEVICE constexpr std::size_t width() const noexcept { return sides.get().width; }
  HEDDLE_HOST_DEVICE constexpr std::size_t depth() const noexcept { return sides.get().depth; }
  HEDDLE_HOST_DEVICE constexpr window_extents window() const noexcept { return sides.get(); }
  HEDDLE_HOST_DEVICE constexpr std::size_t groups() const noexcept { return groups_t * groups_y * groups_x; }
  HEDDLE_HOST_DEVICE constexpr std::size_t group_size() const noexcept { return window().size(); }
  /// True where some group holds padding.
  HEDDLE_HOST_DEVICE constexpr bool padded() const noexcept {
    return padded_height != grid.height || padded_width != grid.width || padded_depth != grid.frames;
  }

  /// Token at position `i` of `group`, or -1 for padding.
  HEDDLE_HOST_DEVICE constexpr std::int32_t token(std::size_t group, std::size_t i) const noexcept {
    const place p = locate(group);
    const std::size_t row = i / width();
    const std::size_t t = wrapped(p.t + (row / height()) * token_step_t, padded_depth);
    const std::size_t y = wrapped(p.y + (row % height()) * token_step_y, padded_height);
    const std::size_t x = wrapped(p.x + (i % width()) * token_step_x, padded_width);
    if (t >= grid.frames || y >= grid.height || x >= grid.width) return -1;
    return static_cast<std::int32_t>((t * grid.height + y) * grid.width + x);
  }

  /// All tokens of `group` in order: `group_size()` numbers, -1 for padding.
  HEDDLE_HOST_DEVICE constexpr void tokens(std::size_t group, std::int32_t* out) const noexcept {
    const place p = locate(group);
    std::size_t t = p.t;
    for (std::size_t tt = 0; tt < depth(); ++tt) {
      const std::size_t frame = t * grid.height * grid.width;
      std::size_t y = p.y;
      for (std::size_t ty = 0; ty < height(); ++ty) {
        const bool outside = t >= grid.frames || y >= grid.height;
        const std::size_t row = frame + y * grid.width;
        std::size_t x = p.x;
        for (std::size_t tx = 0; tx < width(); ++tx) {
          out[tx] = outside || x >= grid.width ? -1 : static_cast<std::int32_t>(row + x);
          x = wrapped(x + token_step_x, padded_width);
        }
        out += width();
        y = wrapped(y + token_step_y, padded_height);
      }
      t = wrapped(t + token_step_t, padded_depth);
    }
  }

  /// Where tokens that a cyclic shift brought together meet in `group`: the last windows along an axis hold two regions
  /// each, of tokens that are not neighbours in the grid.
  HEDDLE_HOST_DEVICE constexpr region_split split(std::size_t group) const noexcept {
    const std::size_t row = group / groups_x;
    const bool last_x = group % groups_x + 1 == groups_x;
    const bool last_y = row % groups_y + 1 == groups_y;
    const bool last_t = row / groups_y + 1 == groups_t;
    return {last_y ? height() - shift_y : height(), last_x ? width() - shift_x : width(), last_t ? depth() - shift_t : depth()};
  }

 private:
  struct place {
    std::size_t t;
    std::size_t y;
    std::size_t x;
  };

  HEDDLE_HOST_DEVICE static constexpr std::size_t wrapped(std::size_t position, std::size_t side) noexcept {
    return position < side ? position : position - side;
  }

  HEDDLE_HOST_DEVICE constexpr place locate(std::size_t group) const noexcept {
    const std::size_t row = group / groups_x;
    return {wrapped(row / groups_y * group_step_t + shift_t, padded_depth),
            wrapped(row % groups_y * group_step_y + shift_y, padded_height),
            wrapped(group % groups_x * group_step_x + shift_x, padded_width)};
  }
};

}  // namespace heddle::inline v0
