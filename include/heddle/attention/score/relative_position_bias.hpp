/// @file
/// A learned bias for every offset between query and key inside a window.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/extents.hpp"
#include "../category.hpp"
#include "../token_grid.hpp"

namespace heddle::inline v0 {

/// How a table of relative positions is stored.
enum class table_layout {
  flat,  ///< `[(2d-1)(2h-1)(2w-1), heads]`, index `((dt + d-1)(2h-1) + dy + h-1)(2w-1) + dx + w-1`, offsets are query - key
  key_minus_query  ///< `[heads, 2d-1, 2h-1, 2w-1]`, offsets are key - query
};

namespace detail {

/// An entry of a table for windows of sides `w`; `dt`, `dy`, `dx` are query - key, shifted by the side less one to start at 0.
HEDDLE_HOST_DEVICE constexpr float table_entry(const float* table, table_layout layout, std::size_t heads, window_extents w,
                                               std::size_t head, std::size_t dy, std::size_t dx, std::size_t dt = 0) noexcept {
  const std::size_t rows = 2 * w.height - 1;
  const std::size_t columns = 2 * w.width - 1;
  const std::size_t entries = (2 * w.depth - 1) * rows * columns;
  const std::size_t entry = (dt * rows + dy) * columns + dx;
  return layout == table_layout::flat ? table[entry * heads + head] : table[head * entries + (entries - 1 - entry)];
}

constexpr void require_table(const char* policy, const void* table, std::size_t expected_heads, std::size_t heads) {
  if (table == nullptr) raise<weight_error>(std::string(policy) + ": the table is not bound");
  if (heads != expected_heads) raise_shape(policy, "heads", expected_heads, heads);
}

}  // namespace detail

/// `score + table[y_query - y_key, x_query - x_key]` for each head (Swin, Liu et al. 2021, eq. 4).
///
/// `Height`, `Width`: the window that the table is for; `dyn`: the one of the partition, of one or more frames. `table` is a
/// view of weights.
/// @throws shape_error if the window or the number of heads differs, weight_error if the table is not set
template <std::size_t Height = dyn, std::size_t Width = Height, table_layout Layout = table_layout::flat>
struct relative_position_bias {
  using policy_category = score_mod_tag;
  static constexpr table_layout layout = Layout;
  static constexpr window_extents fixed_window{Height, Width};

  const float* table = nullptr;
  std::size_t heads = 0;

  /// Entries of the table for windows of these sides.
  static constexpr std::size_t table_size(window_extents w, std::size_t heads) noexcept {
    return (2 * w.depth - 1) * (2 * w.height - 1) * (2 * w.width - 1) * heads;
  }

  constexpr void check(window_extents w, std::size_t expected_heads) const {
    detail::require_table("relative_position_bias", table, expected_heads, heads);
    if constexpr (Height != dyn) require_extent("relative_position_bias: window", "rows", Height, w.height);
    if constexpr (Width != dyn) require_extent("relative_position_bias: window", "columns", Width, w.width);
    if constexpr (Height != dyn) require_extent("relative_position_bias: window", "frames", 1, w.depth);
  }

  /// The bias of one offset: query - key, counted from `-(h - 1)`, `-(w - 1)` (and `-(d - 1)` along time).
  HEDDLE_HOST_DEVICE constexpr float offset_bias(window_extents w, std::size_t head, std::size_t dy, std::size_t dx,
                                                 std::size_t dt = 0) const noexcept {
    return detail::table_entry(table, Layout, heads, w, head, dy, dx, dt);
  }
};

}  // namespace heddle::inline v0
