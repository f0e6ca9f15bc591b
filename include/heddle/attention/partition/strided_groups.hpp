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
};

namespace detail {

/// Sides of a group: known to the type, or stored.
template <std::size_t Height, std::size_t Width>
struct group_sides {
  static_assert(Height != dyn && Width != dyn, "heddle: both sides of a window are known to the type, or none");
  constexpr group_sides() = default;
  HEDDLE_HOST_DEVICE constexpr explicit group_sides(window_extents) noexcept {}
  HEDDLE_HOST_DEVICE static constexpr window_extents get() noexcept { return {Height, Width}; }
};
template <>
struct group_sides<dyn, dyn> {
  window_extents value{};
  constexpr group_sides() = default;
  HEDDLE_HOST_DEVICE constexpr explicit group_sides(window_extents w) noexcept : value(w) {}
  HEDDLE_HOST_DEVICE constexpr window_extents get() const noexcept { return value; }
};

}  // namespace detail

/// An affine index map: token `(ty, tx)` of group `(gy, gx)` lies at
/// `y = (gy * group_step_y + ty * token_step_y + shift_y) mod padded_height`, `x` alike; positions outside the grid are
/// padding. Window, block, grid, adaptive and global partitions are values of it; nothing is ever copied.
///
/// Sides that are template arguments take no storage. Groups are numbered (frame, gy, gx), positions (ty, tx).
template <std::size_t Height = dyn, std::size_t Width = dyn>
struct strided_groups {
  /// Positions of a group where the type knows them, else `dyn`.
  static constexpr std::size_t static_size = Height == dyn || Width == dyn ? dyn : Height * Width;

  [[no_unique_address]] detail::group_sides<Height, Width> sides{};
  token_grid grid{};
  std::size_t groups_y = 1;
  std::size_t groups_x = 1;
  std::size_t group_step_y = 0;
  std::size_t group_step_x = 0;
  std::size_t token_step_y = 1;
  std::size_t token_step_x = 1;
  std::size_t padded_height = 0;   ///< of one frame
  std::size_t padded_width = 0;
  std::size_t shift_y = 0;         ///< cyclic, below the padded side
  std::size_t shift_x = 0;

  HEDDLE_HOST_DEVICE constexpr std::size_t height() const noexcept { return sides.get().height; }
  HEDDLE_HOST_DEVICE constexpr std::size_t width() const noexcept { return sides.get().width; }
  HEDDLE_HOST_DEVICE constexpr window_extents window() const noexcept { return sides.get(); }
  HEDDLE_HOST_DEVICE constexpr std::size_t groups() const noexcept { return grid.frames * groups_y * groups_x; }
  HEDDLE_HOST_DEVICE constexpr std::size_t group_size() const noexcept { return height() * width(); }
  /// True where some group holds padding.
  HEDDLE_HOST_DEVICE constexpr bool padded() const noexcept {
    return padded_height != grid.height || padded_width != grid.width;
  }

  /// Token at position `i` of `group`, or -1 for padding.
  HEDDLE_HOST_DEVICE constexpr std::int32_t token(std::size_t group, std::size_t i) const noexcept {
    const place p = locate(group);
    const std::size_t y = wrapped(p.y + (i / width()) * token_step_y, padded_height);
    const std::size_t x = wrapped(p.x + (i % width()) * token_step_x, padded_width);
    return y < grid.height && x < grid.width ? static_cast<std::int32_t>(p.first_token + y * grid.width + x) : -1;
  }

  /// All tokens of `group` in order: `group_size()` numbers, -1 for padding.
  HEDDLE_HOST_DEVICE constexpr void tokens(std::size_t group, std::int32_t* out) const noexcept {
    const place p = locate(group);
    std::size_t y = p.y;
    for (std::size_t ty = 0; ty < height(); ++ty) {
      const bool outside = y >= grid.height;
      const std::size_t row = p.first_token + y * grid.width;
      std::size_t x = p.x;
      for (std::size_t tx = 0; tx < width(); ++tx) {
        out[tx] = outside || x >= grid.width ? -1 : static_cast<std::int32_t>(row + x);
        x = wrapped(x + token_step_x, padded_width);
      }
      out += width();
      y = wrapped(y + token_step_y, padded_height);
    }
  }

  /// Where tokens that a cyclic shift brought together meet in `group`: the last row and column of windows hold two
  /// regions each, of tokens that are not neighbours in the grid.
  HEDDLE_HOST_DEVICE constexpr region_split split(std::size_t group) const noexcept {
    const std::size_t g = group % (groups_y * groups_x);
    const bool last_y = g / groups_x + 1 == groups_y;
    const bool last_x = g % groups_x + 1 == groups_x;
    return {last_y ? height() - shift_y : height(), last_x ? width() - shift_x : width()};
  }

 private:
  struct place {
    std::size_t first_token;   ///< of the frame
    std::size_t y;
    std::size_t x;
  };

  HEDDLE_HOST_DEVICE static constexpr std::size_t wrapped(std::size_t position, std::size_t side) noexcept {
    return position < side ? position : position - side;
  }

  HEDDLE_HOST_DEVICE constexpr place locate(std::size_t group) const noexcept {
    const std::size_t per_frame = groups_y * groups_x;
    const std::size_t g = group % per_frame;
    return {group / per_frame * (grid.height * grid.width),
            wrapped(g / groups_x * group_step_y + shift_y, padded_height),
            wrapped(g % groups_x * group_step_x + shift_x, padded_width)};
  }
};

}  // namespace heddle::inline v0
