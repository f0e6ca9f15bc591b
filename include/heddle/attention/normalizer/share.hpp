/// @file
/// How much of an output comes from the prompts: the share modes of `decoupled`.
#pragma once

#include <cstddef>
#include <limits>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

namespace detail {

/// `1 / (1 + exp(-x))`; also of infinities.
HEDDLE_HOST_DEVICE inline float logistic(float x) noexcept { return 1.0F / (1.0F + math::exp(-x)); }

/// The share of part 1 from the log-sum-exps of both parts, its mass multiplied by `exp(beta)`. An empty part has none.
HEDDLE_HOST_DEVICE inline float share_of_masses(float lse0, float lse1, float beta) noexcept {
  constexpr float nothing = -std::numeric_limits<float>::infinity();
  if (lse1 == nothing) return 0.0F;
  if (lse0 == nothing) return 1.0F;
  return logistic(lse1 - lse0 + beta);
}

}  // namespace detail

/// The share `lambda` of prompts: `out = (1 - lambda) A_instances + lambda A_prompts`, both normalised apart. `L` are their
/// log-sum-exps.
namespace share {

/// `lambda = sigmoid(L_prompts - L_instances)`: ordinary attention over both.
struct exact {
  static constexpr bool reads_instances = true;
  static constexpr bool reads_prompts = true;
  HEDDLE_HOST_DEVICE float operator()(std::size_t, float lse_instances, float lse_prompts) const noexcept {
    return detail::share_of_masses(lse_instances, lse_prompts, 0.0F);
  }
};

/// `lambda = sigmoid(L_prompts - L_instances + beta)`: the mass of prompts multiplied by `exp(beta)`.
struct odds {
  static constexpr bool reads_instances = true;
  static constexpr bool reads_prompts = true;
  float beta = 0.0F;
  HEDDLE_HOST_DEVICE float operator()(std::size_t, float lse_instances, float lse_prompts) const noexcept {
    return detail::share_of_masses(lse_instances, lse_prompts, beta);
  }
};

/// `lambda = value`: mixed by a fixed weight.
struct constant {
  static constexpr bool reads_instances = true;
  static constexpr bool reads_prompts = true;
  float value = 0.0F;
  HEDDLE_HOST_DEVICE float operator()(std::size_t, float, float) const noexcept { return value; }
};

/// `lambda = sigmoid(gates[head])`: a learned number for each head.
/// @throws weight_error, shape_error from `attend` if the gates are not bound or their number is not that of the heads
struct head_gate {
  static constexpr bool reads_instances = true;
  static constexpr bool reads_prompts = true;
  const float* gates = nullptr;
  std::size_t heads = 0;
  constexpr void check(const attend_call& call) const {
    if (gates == nullptr) detail::raise<weight_error>("share::head_gate: the gates are not bound");
    require_extent("share::head_gate: gates", "heads", call.heads, heads);
  }
  HEDDLE_HOST_DEVICE float operator()(std::size_t head, float, float) const noexcept { return detail::logistic(gates[head]); }
};

/// `lambda = 0`: prompts are not read; their tiles are never computed.
struct drop_prompts {
  static constexpr bool reads_instances = true;
  static constexpr bool reads_prompts = false;
  HEDDLE_HOST_DEVICE constexpr float operator()(std::size_t, float, float) const noexcept { return 0.0F; }
};

/// `lambda = 1`: instances are not read.
struct drop_instances {
  static constexpr bool reads_instances = false;
  static constexpr bool reads_prompts = true;
  HEDDLE_HOST_DEVICE constexpr float operator()(std::size_t, float, float) const noexcept { return 1.0F; }
};

}  // namespace share
}  // namespace heddle::inline v0
