/// @file
/// A query sees the keys up to itself.
#pragma once

#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// Which query is level with which key where there are more of one than of the other.
enum class alignment {
  top_left,     ///< query i sees keys 0..i
  bottom_right  ///< the last query sees all keys: query i sees keys 0..i + keys - queries
};

/// Key `k` is visible to query `q` where `k <= q` (`top_left`) or `k <= q + keys - queries` (`bottom_right`).
template <alignment Align = alignment::top_left>
struct causal {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    // k <= q + keys - queries, without going below zero.
    const std::size_t ahead = Align == alignment::bottom_right ? c.keys : 0;
    const std::size_t behind = Align == alignment::bottom_right ? c.queries : 0;
    if (k1 - 1 + behind <= q0 + ahead) return tile::full;
    return k0 + behind <= q1 - 1 + ahead ? tile::partial : tile::skip;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    if constexpr (Align == alignment::top_left) {
      return k <= q;
    } else {
      return k + detail::batch_value<T>(c.queries) <= q + detail::batch_value<T>(c.keys);
    }
  }
};

}  // namespace heddle::inline v0
