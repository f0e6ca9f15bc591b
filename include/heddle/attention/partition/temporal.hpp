/// @file
/// Attention along time, the other half of divided space-time attention.
#pragma once

#include "window.hpp"

namespace heddle::inline v0 {

/// Every place `(y, x)` is a group, its frames inside (TimeSformer, Bertasius et al. 2021, section 3).
struct temporal {
  using policy_category = partition_tag;
  using map_type = strided_groups<>;

  constexpr map_type map(const token_grid& g) const { return detail::window_map<dyn, dyn>(g, {1, 1, g.frames}, "temporal"); }
};

}  // namespace heddle::inline v0
