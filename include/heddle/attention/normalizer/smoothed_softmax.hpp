/// @file
/// Softmax with a small constant in numerator and denominator: what the masked softmax of token sampling is where no token
/// is masked.
#pragma once

#include <cstddef>
#include <limits>

#include "../../core/math.hpp"
#include "kind.hpp"

namespace heddle::inline v0 {

/// `A_qk = (e_qk + epsilon / N) / (sum_j e_qj + epsilon)` with `e_qk = exp(s_qk - max_j s_qj)` and N visible keys: the rule of
/// DynamicViT (Rao et al. 2021) and ATS (Fayyaz et al. 2022) for tokens that are all kept. `policy_weighted` is the general
/// form; this one has no policy to bind, and its queries may be some of the keys' tokens (source `cross_source`).
struct smoothed_softmax {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::whole_row;

  float epsilon = 1e-6F;

  /// Kernels that keep maximum and sum of a row ask for it.
  HEDDLE_HOST_DEVICE constexpr float smoothing() const noexcept { return epsilon; }

  /// Scores to weights, in place; -inf is a hidden key. They are final: returns 1.
  template <class Context>
  HEDDLE_HOST_DEVICE float weigh(const Context&, std::size_t, float* scores, std::size_t keys) const {
    constexpr float hidden = -std::numeric_limits<float>::infinity();
    float largest = hidden;
    std::size_t visible = 0;
    for (std::size_t k = 0; k < keys; ++k) {
      visible += scores[k] == hidden ? 0 : 1;
      largest = scores[k] > largest ? scores[k] : largest;
    }
    double sum = 0.0;
    for (std::size_t k = 0; k < keys; ++k) {
      if (scores[k] == hidden) continue;
      scores[k] = math::exp(scores[k] - largest);
      sum += static_cast<double>(scores[k]);
    }
    // -inf still marks hidden keys: weights are not negative.
    const float each = visible == 0 ? 0.0F : epsilon / static_cast<float>(visible);
    const float inverse = static_cast<float>(1.0 / (sum + static_cast<double>(epsilon)));
    for (std::size_t k = 0; k < keys; ++k) scores[k] = scores[k] == hidden ? 0.0F : (scores[k] + each) * inverse;
    return 1.0F;
  }
};

}  // namespace heddle::inline v0
