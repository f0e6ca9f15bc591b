/// @file
/// Softmax over the best keys alone.
#pragma once

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
  HEDDLE_HOST_DEVICE float weigh(const Context&, std::size_t /*q*/, float* scores, std::size_t keys) const {
    std::array<float, K> best{};  // a heap, the smallest first
    std::size_t count = 0;
    bool nan = false;
    for (std::size_t k = 0; k < keys; ++k) {
      const float s = scores[k];
      nan = nan || s != s;
      if (!(s > lowest)) continue;
      if (count < K) {
        rise(best, count++, s);
      } else if (s > best[0]) {
        sink(best, s);
      }
    }
    if (nan) return spread_nan(scores, keys);
    if (count == 0) return clear(scores, keys);
    const float border = best[0];
    float largest = border;
    std::size_t equal = 0;
    for (std::size_t i = 0; i < count; ++i) {
      largest = math::max(largest, best[i]);
      equal += best[i] == border ? 1 : 0;
    }
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

  /// Puts `s` into a heap that has free places from `at` on.
  HEDDLE_HOST_DEVICE static void rise(std::array<float, K>& heap, std::size_t at, float s) noexcept {
    for (; at > 0 && s < heap[(at - 1) / 2]; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = s;
  }
  /// Puts `s` into a full heap in the place of the smallest.
  HEDDLE_HOST_DEVICE static void sink(std::array<float, K>& heap, float s) noexcept {
    std::size_t at = 0;
    for (std::size_t child = 1; child < K; child = 2 * at + 1) {
      if (child + 1 < K && heap[child + 1] < heap[child]) ++child;
      if (!(heap[child] < s)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = s;
  }

  HEDDLE_HOST_DEVICE static float clear(float* scores, std::size_t keys) noexcept {
    for (std::size_t k = 0; k < keys; ++k) scores[k] = 0.0F;
    return 1.0F;
  }
  /// Every visible key has the weight NaN.
  HEDDLE_HOST_DEVICE static float spread_nan(float* scores, std::size_t keys) noexcept {
    for (std::size_t k = 0; k < keys; ++k) scores[k] = scores[k] == lowest ? 0.0F : std::numeric_limits<float>::quiet_NaN();
    return 1.0F;
  }
};

}  // namespace heddle::inline v0
