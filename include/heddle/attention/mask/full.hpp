/// @file
/// No mask.
#pragma once

#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// Everybody sees everybody.
struct full {
  using policy_category = mask_tag;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context&, std::size_t, std::size_t, std::size_t,
                                             std::size_t) const noexcept {
    return tile::full;
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context&, T q, T) const noexcept {
    return q >= batch_traits<T>::broadcast(0.0F);
  }
};

}  // namespace heddle::inline v0
