/// @file
/// Weights that do not compete.
#pragma once

#include "../../core/math.hpp"
#include "kind.hpp"

namespace heddle::inline v0 {

/// `weight_k = 1 / (1 + exp(-(s_k + bias)))`: no maximum, no sum (sigmoid attention, Ramapuram et al. 2024, eq. 3, where
/// `bias = -log(keys)` keeps outputs of the size that softmax gives). A bias for each head is a score modifier.
struct sigmoid_weights {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::elementwise;

  float bias = 0.0F;

  template <class T>
  HEDDLE_HOST_DEVICE constexpr T weight(T score) const noexcept {
    using math::exp;
    const T one = batch_traits<T>::broadcast(1.0F);
    return one / (one + exp(-(score + batch_traits<T>::broadcast(bias))));
  }
};

}  // namespace heddle::inline v0
