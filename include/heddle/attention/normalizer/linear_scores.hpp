/// @file
/// Scores as weights.
#pragma once

#include "kind.hpp"

namespace heddle::inline v0 {

/// `weight_k = s_k`: unnormalised linear attention, `out = (scale Q K^T) V` over the visible keys. A score modifier may
/// divide by the number of keys, or make scores positive.
struct linear_scores {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::elementwise;

  template <class T>
  HEDDLE_HOST_DEVICE constexpr T weight(T score) const noexcept {
    return score;
  }
};

}  // namespace heddle::inline v0
