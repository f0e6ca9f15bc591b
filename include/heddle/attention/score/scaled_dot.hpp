/// @file
/// The usual score: a scaled dot product.
#pragma once

#include <cstddef>

#include "../../core/math.hpp"
#include "../category.hpp"

namespace heddle::inline v0 {

/// `score = factor * sum_d q_d k_d`; `factor` 0 (the default) means `1 / sqrt(head_dim)`.
///
/// A score policy answers `scale(head, head_dim)`; kernels fold it into the queries.
struct scaled_dot {
  using policy_category = score_tag;
  float factor = 0.0F;

  HEDDLE_HOST_DEVICE float scale(std::size_t /*head*/, std::size_t head_dim) const noexcept {
    return factor != 0.0F ? factor : 1.0F / math::sqrt(static_cast<float>(head_dim));
  }
};

}  // namespace heddle::inline v0
