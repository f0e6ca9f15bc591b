/// @file
/// A learned bias for every offset between a query and its neighbours.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"
#include "../token_grid.hpp"

namespace heddle::inline v0 {

/// `score + table[head, t_key - t_query, y_key - y_query, x_key - x_query]` with offsets counted in steps of the dilation, from
/// minus the kernel less one: the relative position bias of NATTEN (Hassani et al. 2023). For the partition
/// `neighborhood`, whose kernel the table is for.
/// @throws shape_error (from `attend`) if the number of heads differs, weight_error if the table is not set
struct neighborhood_bias {
  using policy_category = score_mod_tag;

  const float* table = nullptr;  ///< `[heads, 2 kernel.depth - 1, 2 kernel.height - 1, 2 kernel.width - 1]`
  std::size_t heads = 0;

  /// Entries of the table of one head.
  HEDDLE_HOST_DEVICE static constexpr std::size_t table_size(window_extents kernel) noexcept {
    return (2 * kernel.depth - 1) * (2 * kernel.height - 1) * (2 * kernel.width - 1);
  }

  constexpr void check(const attend_call& call) const {
    if (table == nullptr) detail::raise<weight_error>("neighborhood_bias: the table is not bound");
    require_extent("neighborhood_bias", "heads", call.heads, heads);
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(const Context& c, T score, T q, T k) const {
    using traits = batch_traits<T>;
    constexpr bool near = requires { c.map->table_index(c.group, q, k); };
    static_assert(near, "heddle::neighborhood_bias: needs the partition neighborhood; windows take relative_position_bias");
    if constexpr (near) {
      const float* entries = table + c.head * table_size(c.map->kernel());
      const T index = c.map->table_index(c.group, q, k);
      return score +
             traits::from_lanes([&](std::size_t lane) { return entries[static_cast<std::size_t>(traits::lane(index, lane))]; });
    } else {
      return score;
    }
  }
};

}  // namespace heddle::inline v0
