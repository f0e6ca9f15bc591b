/// @file
/// A table of relative positions that follows the window at run time.
#pragma once

#include "relative_position_bias.hpp"

namespace heddle::inline v0 {

/// `relative_position_bias` with a table for windows of `Height` x `Width`, resized to the window of the partition:
/// bilinear over offsets with half-pixel centres, no anti-aliasing, edges clamped (MaxViT, MaxSR). Equal windows read
/// the table itself.
/// @throws shape_error if the number of heads differs, weight_error if the table is not set
template <std::size_t Height, std::size_t Width = Height, table_layout Layout = table_layout::flat>
struct resized_position_bias {
  using policy_category = score_mod_tag;
  static_assert(Height != dyn && Width != dyn && Height > 0 && Width > 0,
                "heddle::resized_position_bias: name the window of the table");
  static constexpr window_extents base{Height, Width};

  const float* table = nullptr;
  std::size_t heads = 0;

  static constexpr std::size_t table_size(std::size_t heads) noexcept { return (2 * Height - 1) * (2 * Width - 1) * heads; }

  constexpr void check(window_extents, std::size_t expected_heads) const {
    detail::require_table("resized_position_bias", table, expected_heads, heads);
  }

  HEDDLE_HOST_DEVICE constexpr float offset_bias(window_extents w, std::size_t head, std::size_t dy,
                                                 std::size_t dx) const noexcept {
    const sample y = place(dy, 2 * w.height - 1, 2 * Height - 1);
    const sample x = place(dx, 2 * w.width - 1, 2 * Width - 1);
    const auto at = [&](std::size_t r, std::size_t c) { return detail::table_entry(table, Layout, heads, base, head, r, c); };
    const float upper = at(y.low, x.low) * (1.0F - x.weight) + at(y.low, x.high) * x.weight;
    const float lower = at(y.high, x.low) * (1.0F - x.weight) + at(y.high, x.high) * x.weight;
    return upper * (1.0F - y.weight) + lower * y.weight;
  }

 private:
  struct sample {
    std::size_t low;
    std::size_t high;
    float weight;  ///< of `high`
  };

  /// Where sample `i` of `to` lies among `from` samples of the same stretch: `(i + 1/2) from / to - 1/2`, clamped.
  HEDDLE_HOST_DEVICE static constexpr sample place(std::size_t i, std::size_t to, std::size_t from) noexcept {
    const std::size_t doubled = (2 * i + 1) * from;  // 2 to (x + 1/2): whole numbers, so that equal sizes are exact
    if (doubled <= to) return {0, 0, 0.0F};
    const std::size_t numerator = doubled - to;  // 2 to x
    const std::size_t low = numerator / (2 * to);
    if (low + 1 >= from) return {from - 1, from - 1, 0.0F};
    return {low, low + 1, static_cast<float>(numerator - low * 2 * to) / static_cast<float>(2 * to)};
  }
};

}  // namespace heddle::inline v0
