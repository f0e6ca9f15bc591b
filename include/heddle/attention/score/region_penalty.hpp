/// @file
/// The mask of shifted windows as a number.
#pragma once

#include "../mask/same_region.hpp"

namespace heddle::inline v0 {

/// `score + value` between tokens that share a window only because the grid was rolled: what models were trained with that add
/// -100 to such scores (Swin, Swin V2, NGswin). `same_region` hides these pairs, which is faster; the two differ where the
/// other scores of a query are lower than `value` says, as cosines with a scale of 100 can be.
struct region_penalty {
  using policy_category = score_mod_tag;
  float value = -100.0F;

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(const Context& c, T score, T q, T k) const noexcept {
    using math::select;
    const auto split = c.map->split(c.group);
    const auto sides = c.map->window();
    if (split.y == sides.height && split.x == sides.width && split.t == sides.depth) return score;
    return select(same_region{}(c, q, k), score, score + batch_traits<T>::broadcast(value));
  }
};

}  // namespace heddle::inline v0
