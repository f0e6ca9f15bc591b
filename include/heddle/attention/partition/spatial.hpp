/// @file
/// Divided space-time attention (TimeSformer, Bertasius et al. 2021, section 3): one layer inside frames, one along time.
#pragma once

#include "window.hpp"

namespace heddle::inline v0 {

/// Every frame is a group, `(y, x)` inside.
struct spatial {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  constexpr map_type map(const token_grid& g) const {
    return detail::window_map<dyn, dyn>(g, {g.height, g.width, 1}, "spatial");
  }
};

}  // namespace heddle::inline v0
