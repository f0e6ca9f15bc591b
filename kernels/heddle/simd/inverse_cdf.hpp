/// @file
/// `inverse_cdf` by one sort of whole numbers and one walk: points and distribution both ascend, but for their rounding.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/select/inverse_cdf.hpp>

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::inverse_cdf, simd_backend<Isa, Executor>> {
  static constexpr std::size_t bytes(std::size_t scores) noexcept { return scratch_bytes<std::uint64_t>(scores); }

  static std::size_t run(arena memory, std::span<const float> scores, const inverse_cdf_options& options, std::int32_t* order,
                         float* distribution, std::int32_t* picked) {
    const std::size_t n = scores.size();
    auto* const keys = memory.take<std::uint64_t>(n);
    if (!distribute(keys, scores, options.from_zero, order, distribution)) {
      picked[0] = order[n - 1];
      return 1;
    }
    std::size_t first = 0;
    while (distribution[first] == 0.0F) ++first;
    // Places are marked and taken in their order: of shares that lie too close to be told apart from a point the first is its
    // nearest, which may be one that stands before the nearest of an earlier point.
    for (std::size_t t = 0; t < n; ++t) keys[t] = 0;
    walk at{distribution, n, first};
    for (std::size_t k = 0; k < options.points; ++k)
      keys[at.nearest(detail::sample_point(distribution[first], k, options.points))] = 1;
    std::size_t count = 0;
    for (std::size_t t = 0; t < n; ++t)
      if (keys[t] != 0) picked[count++] = order[t];
    return count;
  }

 private:
  /// The instances of the standard algorithms belong to one instruction set.
  struct ascending {
    HEDDLE_ALWAYS_INLINE bool operator()(std::uint64_t a, std::uint64_t b) const noexcept { return a < b; }
  };

  /// Order and distribution; false (and zeros) where the scores tell nothing apart. Scores are not negative, so that their
  /// bits are in their order.
  static bool distribute(std::uint64_t* keys, std::span<const float> scores, bool from_zero, std::int32_t* order,
                         float* distribution) {
    const std::size_t n = scores.size();
    for (std::size_t i = 0; i < n; ++i)
      keys[i] = std::uint64_t{std::bit_cast<std::uint32_t>(detail::sampled_score(scores[i]))} << 32U | i;
    std::sort(keys, keys + n, ascending{});
    double sum = 0.0;
    for (std::size_t t = 0; t < n; ++t) {
      order[t] = static_cast<std::int32_t>(keys[t] & 0xffffffffU);
      sum += static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(keys[t] >> 32U)));
      distribution[t] = static_cast<float>(sum);
    }
    const float lowest = from_zero ? 0.0F : distribution[0];
    const float range = distribution[n - 1] - lowest;
    const bool tells_apart = range > 0.0F && std::isfinite(range);
    for (std::size_t t = 0; t < n; ++t) distribution[t] = tells_apart ? (distribution[t] - lowest) / range : 0.0F;
    return tells_apart;
  }

  /// Follows points, which hardly ever descend.
  struct walk {
    const float* distribution;
    std::size_t n;
    std::size_t below;  ///< the last place not above the point

    std::size_t nearest(float y) noexcept {
      while (below + 1 < n && distribution[below + 1] <= y) ++below;
      while (below > 0 && distribution[below] > y) --below;
      const float distance = y - distribution[below];
      if (below + 1 < n && distribution[below + 1] - y < std::fabs(distance)) return below + 1;
      std::size_t t = below;
      while (t > 0 && std::fabs(y - distribution[t - 1]) == std::fabs(distance)) --t;  // the first of several
      return t;
    }
  };
};

}  // namespace heddle::inline v0
