/// @file
/// The score of Swin Transformer V2: a cosine with a learned, clamped scale.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// `score = exp(min(logit_scale[head], limit)) q.k / (max(|q|, 1e-12) max(|k|, 1e-12))`, and no `1 / sqrt(head_dim)` (Liu et
/// al. 2022, section 3.2). The clamp acts on the logarithm: with `limit` = ln 100, as in Swin V2 and NGswin, the factor is at
/// most 100. Models with another largest factor set `limit` to its logarithm.
/// @throws shape_error (from `attend`) if the number of heads differs, weight_error if the scales are not set
struct cosine {
  using policy_category = score_tag;

  const float* logit_scale = nullptr;  ///< `[heads]`
  std::size_t heads = 0;
  float limit = 4.605170185988091F;

  constexpr void check(const attend_call& call) const {
    if (logit_scale == nullptr) detail::raise<weight_error>("cosine: the scales are not bound");
    require_extent("cosine", "heads", call.heads, heads);
  }

  HEDDLE_HOST_DEVICE float scale(std::size_t head, std::size_t /*head_dim*/) const noexcept {
    return math::exp(math::min(logit_scale[head], limit));
  }

  /// A query or key of length one, in place.
  HEDDLE_HOST_DEVICE void prepare(float* row, std::size_t head_dim) const noexcept {
    float sum = 0.0F;
    for (std::size_t d = 0; d < head_dim; ++d) sum += row[d] * row[d];
    const float factor = 1.0F / math::max(math::sqrt(sum), 1e-12F);
    for (std::size_t d = 0; d < head_dim; ++d) row[d] *= factor;
  }
};

}  // namespace heddle::inline v0
