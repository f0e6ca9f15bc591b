/// @file
/// Softmax of which some keys are dropped softly: the attention of adaptive token sampling.
#pragma once

#include <cstddef>
#include <limits>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "kind.hpp"

namespace heddle::inline v0 {

/// Masked softmax with a policy `p` of every token (ATS, Fayyaz et al. 2022; DynamicViT, Rao et al. 2021):
/// with `e_qk = exp(s_qk - max_j s_qj)`, the maximum over all keys, dropped ones included,
/// `w_qk = e_qk (p_k + (1 - p_k) [q = k])`, `A_qk = (w_qk + eps / N) / (sum_j w_qj + eps)`.
///
/// A token keeps its own weight even when it is dropped. `N` is the number of visible keys (all, without a mask); masked
/// keys have weight 0. For the partition `global` and keys from the same tokens.
/// @throws shape_error from `attend` if the policy is not `[batch, tokens]`, weight_error if it is not bound
struct policy_weighted {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::whole_row;

  const float* policy = nullptr;  ///< `[batch, tokens]`, 0 (dropped) to 1
  std::size_t batch = 0;
  std::size_t tokens = 0;
  float epsilon = 1e-6F;

  constexpr void check(const attend_call& call) const {
    if (policy == nullptr) detail::raise<weight_error>("policy_weighted: the policy is not bound");
    if (batch < call.batch) detail::raise_shape("policy_weighted: policy", "batch items", call.batch, batch);
    require_extent("policy_weighted", "groups (partition global)", 1, call.groups);
    require_extent("policy_weighted: policy", "tokens", call.keys, tokens);
    require_extent("policy_weighted", "keys (those of the queries)", call.queries, call.keys);
  }

  /// Scores to weights, in place; -inf is a hidden key. They are final: returns 1.
  template <class Context>
  HEDDLE_HOST_DEVICE float weigh(const Context& c, std::size_t q, float* scores, std::size_t keys) const {
    constexpr float hidden = -std::numeric_limits<float>::infinity();
    const float* p = policy + c.batch * tokens;
    float largest = hidden;
    std::size_t visible = 0;
    for (std::size_t k = 0; k < keys; ++k) {
      visible += scores[k] == hidden ? 0 : 1;
      largest = scores[k] > largest ? scores[k] : largest;
    }
    double sum = 0.0;
    for (std::size_t k = 0; k < keys; ++k) {
      if (scores[k] == hidden) continue;
      const float kept = k == q ? 1.0F : p[k];
      scores[k] = math::exp(scores[k] - largest) * kept;
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
