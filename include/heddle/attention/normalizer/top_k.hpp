/// @file
/// Softmax over the best keys alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "../../core/math.hpp"
#include "kind.hpp"

namespace heddle::inline v0 {

/// Softmax over the `K` largest scores of a row, all other weights are 0 and their values are not read (KVT, Wang et al.
/// 2022; explicit sparse attention, Zhao et al. 2019). Of equal scores at the border the first are taken. With `K` keys
/// or fewer it is softmax. A row with a NaN becomes NaN. Cost `keys log K` for each row.
template <std::size_t K>
struct top_k {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::whole_row;
  static_assert(K > 0, "heddle::top_k: at least one key");

  /// Scores to weights, in place; -inf is a hidden key. Returns their sum.
  template <class Context>
  float weigh(const Context&, std::size_t /*q*/, float* scores, std::size_t keys) const {
    std::array<float, K> best{};   // a heap, the smallest first
    std::size_t count = 0;
    bool nan = false;
    for (std::size_t k = 0; k < keys; ++k) {
      const float s = scores[k];
      nan = nan || s != s;
      if (!(s > lowest)) continue;
      if (count < K) {
        best[count++] = s;
        std::push_heap(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count), later);
      } else if (s > best[0]) {
        std::pop_heap(best.begin(), best.end(), later);
        best[K - 1] = s;
        std::push_heap(best.begin(), best.end(), later);
      }
    }
    if (nan) return spread_nan(scores, keys);
    if (count == 0) return clear(scores, keys);
    const float border = best[0];
    const float largest = *std::max_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count));
    auto equal = static_cast<std::size_t>(std::count(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count), border));
    double sum = 0.0;
    for (std::size_t k = 0; k < keys; ++k) {
      const bool taken = scores[k] > border || (scores[k] == border && equal > 0);
      if (scores[k] == border && equal > 0) --equal;
      scores[k] = taken ? math::exp(scores[k] - largest) : 0.0F;
      sum += static_cast<double>(scores[k]);
    }
    return static_cast<float>(sum);
  }

 private:
  static constexpr float lowest = -std::numeric_limits<float>::infinity();
  static bool later(float a, float b) noexcept { return a > b; }

  static float clear(float* scores, std::size_t keys) noexcept {
    std::fill(scores, scores + keys, 0.0F);
    return 1.0F;
  }
  /// Every visible key has the weight NaN.
  static float spread_nan(float* scores, std::size_t keys) noexcept {
    for (std::size_t k = 0; k < keys; ++k) scores[k] = scores[k] == lowest ? 0.0F : std::numeric_limits<float>::quiet_NaN();
    return 1.0F;
  }
};

}  // namespace heddle::inline v0
