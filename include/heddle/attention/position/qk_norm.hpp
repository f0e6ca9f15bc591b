/// @file
/// Queries and keys normalised before they meet.
#pragma once

#include <cstddef>

#include "../../core/math.hpp"
#include "../category.hpp"
#include "role.hpp"

namespace heddle::inline v0 {

/// What is taken off a row.
enum class row_norm {
  layer,  ///< `(x - mean) / sqrt(variance + epsilon)`
  rms     ///< `x / sqrt(mean(x^2) + epsilon)`
};

/// Every head's row of every query and key is normalised, then `* gain + bias` (query-key normalisation: Henry et al. 2020;
/// ViT-22B, Dehghani et al. 2023). Queries and keys have gains of their own, `[head_dim]` shared by all heads; null gains
/// are 1, null biases 0.
template <row_norm Norm = row_norm::layer>
struct qk_norm {
  using policy_category = position_tag;

  const float* query_gain = nullptr;
  const float* key_gain = nullptr;
  const float* query_bias = nullptr;
  const float* key_bias = nullptr;
  float epsilon = 1e-6F;

  HEDDLE_HOST_DEVICE void operator()(float* row, std::size_t head_dim, std::size_t /*head*/, std::size_t /*token*/,
                                     row_role role) const noexcept {
    const auto n = static_cast<float>(head_dim);
    float mean = 0.0F;
    if constexpr (Norm == row_norm::layer) {
      for (std::size_t d = 0; d < head_dim; ++d) mean += row[d];
      mean /= n;
    }
    float square = 0.0F;
    for (std::size_t d = 0; d < head_dim; ++d) square += (row[d] - mean) * (row[d] - mean);
    const float inverse = 1.0F / math::sqrt(square / n + epsilon);
    const float* gain = role == row_role::query ? query_gain : key_gain;
    const float* bias = role == row_role::query ? query_bias : key_bias;
    for (std::size_t d = 0; d < head_dim; ++d) {
      row[d] = (row[d] - mean) * inverse * (gain == nullptr ? 1.0F : gain[d]) + (bias == nullptr ? 0.0F : bias[d]);
    }
  }
};

}  // namespace heddle::inline v0
