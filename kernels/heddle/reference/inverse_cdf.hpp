/// @file
/// `inverse_cdf` as its definition reads: every point is compared with the whole distribution.
#pragma once

#include <cmath>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/select/inverse_cdf.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::inverse_cdf, reference> {
  static constexpr std::size_t bytes(std::size_t) noexcept { return 0; }

  static std::size_t run(arena, std::span<const float> scores, const inverse_cdf_options& options, std::int32_t* order,
                         float* distribution, std::int32_t* picked) {
    const std::size_t n = scores.size();
    for (std::size_t i = 0; i < n; ++i) order[rank(scores, i)] = static_cast<std::int32_t>(i);
    accumulate(scores, order, distribution);
    const float lowest = options.from_zero ? 0.0F : distribution[0];
    const float range = distribution[n - 1] - lowest;
    const bool tells_apart = range > 0.0F && std::isfinite(range);
    for (std::size_t t = 0; t < n; ++t) distribution[t] = tells_apart ? (distribution[t] - lowest) / range : 0.0F;
    if (!tells_apart) {
      picked[0] = order[n - 1];
      return 1;
    }
    std::size_t first = 0;
    while (distribution[first] == 0.0F) ++first;
    std::size_t count = 0;
    for (std::size_t t = 0; t < n; ++t) {
      bool nearest_of_some = false;
      for (std::size_t k = 0; k < options.points && !nearest_of_some; ++k)
        nearest_of_some = nearest(detail::sample_point(distribution[first], k, options.points), distribution, n) == t;
      if (nearest_of_some) picked[count++] = order[t];
    }
    return count;
  }

 private:
  static std::size_t rank(std::span<const float> scores, std::size_t i) noexcept {
    const float own = detail::sampled_score(scores[i]);
    std::size_t before = 0;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      const float other = detail::sampled_score(scores[j]);
      before += other < own || (other == own && j < i) ? 1U : 0U;
    }
    return before;
  }

  static void accumulate(std::span<const float> scores, const std::int32_t* order, float* sums) noexcept {
    double sum = 0.0;
    for (std::size_t t = 0; t < scores.size(); ++t) {
      sum += static_cast<double>(detail::sampled_score(scores[static_cast<std::size_t>(order[t])]));
      sums[t] = static_cast<float>(sum);
    }
  }

  static std::size_t nearest(float y, const float* distribution, std::size_t n) noexcept {
    std::size_t best = 0;
    for (std::size_t t = 1; t < n; ++t)
      if (std::fabs(y - distribution[t]) < std::fabs(y - distribution[best])) best = t;
    return best;
  }
};

}  // namespace heddle::inline v0
