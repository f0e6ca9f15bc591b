/// @file
/// A learned bias for every offset between query and key inside a window of space and time.
#pragma once

#include "relative_position_bias.hpp"

namespace heddle::inline v0 {

/// `score + table[t_query - t_key, y_query - y_key, x_query - x_key]` for each head, for windows of `Frames` x `Height` x
/// `Width` tokens (Video Swin, Liu et al. 2022, section 3.2). A table for windows that are known at run time, of any number
/// of frames, is `relative_position_bias<>`.
/// @throws shape_error if the window or the number of heads differs, weight_error if the table is not set
template <std::size_t Frames, std::size_t Height, std::size_t Width = Height, table_layout Layout = table_layout::flat>
struct space_time_position_bias {
  using policy_category = score_mod_tag;
  static_assert(Frames > 0 && Height > 0 && Width > 0, "heddle::space_time_position_bias: the sides must be positive");
  static constexpr window_extents fixed_window{Height, Width, Frames};

  const float* table = nullptr;  ///< `[(2 Frames - 1)(2 Height - 1)(2 Width - 1), heads]`, or as `Layout` says
  std::size_t heads = 0;

  static constexpr std::size_t table_size(std::size_t heads) noexcept {
    return (2 * Frames - 1) * (2 * Height - 1) * (2 * Width - 1) * heads;
  }

  constexpr void check(window_extents w, std::size_t expected_heads) const {
    detail::require_table("space_time_position_bias", table, expected_heads, heads);
    require_extent("space_time_position_bias: window", "frames", Frames, w.depth);
    require_extent("space_time_position_bias: window", "rows", Height, w.height);
    require_extent("space_time_position_bias: window", "columns", Width, w.width);
  }

  /// The bias of one offset: query - key, counted from minus the side less one.
  HEDDLE_HOST_DEVICE constexpr float offset_bias(window_extents, std::size_t head, std::size_t dy, std::size_t dx,
                                                 std::size_t dt = 0) const noexcept {
    return detail::table_entry(table, Layout, heads, fixed_window, head, dy, dx, dt);
  }
};

}  // namespace heddle::inline v0
