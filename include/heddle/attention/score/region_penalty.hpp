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
  /// What is added depends on the pair alone, so that a kernel may make it once for all heads of a group.
  static constexpr bool adds_to_pairs = true;
  float value = -100.0F;

  /// Whether scores of this group stay what they are.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr bool silent(const Context& c) const noexcept {
    const auto split = c.map->split(c.group);
    const auto sides = c.map->window();
    return split.y == sides.height && split.x == sides.width && split.t == sides.depth;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(const Context& c, T score, T q, T k) const noexcept {
    using math::select;
    if (silent(c)) return score;
    return select(same_region{}(c, q, k), score, score + batch_traits<T>::broadcast(value));
  }
};

}  // namespace heddle::inline v0
