/// @file
/// Softmax with a virtual key that takes weight and gives nothing.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "kind.hpp"

namespace heddle::inline v0 {

/// `weight_k = exp(s_k) / (exp(logit_h) + sum_j exp(s_j))`: a learned logit for each head that attention can drain into
/// (attention sinks, Xiao et al. 2024; the logits of gpt-oss). `logits` is a view of `[heads]` weights.
///
/// A query that sees nothing gives all its weight to the sink: zeros, logsumexp = logit.
/// @throws shape_error from `attend` for another number of heads, weight_error if the logits are not bound
struct softmax_sink {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::exponential;

  const float* logits = nullptr;
  std::size_t heads = 0;

  constexpr void check(const attend_call& call) const {
    if (logits == nullptr) detail::raise<weight_error>("softmax_sink: the logits are not bound");
    require_extent("softmax_sink: logits", "heads", call.heads, heads);
  }
  HEDDLE_HOST_DEVICE constexpr float initial_score(std::size_t head) const noexcept { return logits[head]; }
};

/// `weight_k = exp(s_k) / (1 + sum_j exp(s_j))`: a sink of logit 0 (softmax-one, Miller 2023), which lets a head attend to
/// nothing.
struct softmax_one {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::exponential;

  HEDDLE_HOST_DEVICE constexpr float initial_score(std::size_t /*head*/) const noexcept { return 0.0F; }
};

}  // namespace heddle::inline v0
