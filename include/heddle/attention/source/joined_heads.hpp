/// @file
/// Keys and values in several places.
#pragma once

#include <array>
#include <cstddef>

#include "key_rows.hpp"

namespace heddle::inline v0 {

/// `Views` views, one after the other along the keys: a stored prefix and the present tokens (the templates of
/// MixFormerV2), two sequences concatenated, a pooled or compressed memory before the recent keys. Nothing is copied.
/// With the source `cross_source`; key 0 is the first of the first view.
/// @code
/// joined_heads<float, 64, 2> keys{{stored_keys, keys_of_the_frame}};
/// @endcode
template <class T, std::size_t HeadDim, std::size_t Views>
struct joined_heads {
  static_assert(Views > 0, "heddle::joined_heads: at least one view");
  using value_type = T;
  std::array<head_view<const T, HeadDim>, Views> views;

  HEDDLE_HOST_DEVICE static constexpr std::size_t static_extent(std::size_t r) noexcept {
    return head_view<const T, HeadDim>::static_extent(r);
  }
  HEDDLE_HOST_DEVICE constexpr std::size_t extent(std::size_t r) const noexcept {
    if (r != 2) return views[0].extent(r);
    std::size_t keys = 0;
    for (const auto& v : views) keys += v.extent(2);
    return keys;
  }
  HEDDLE_HOST_DEVICE const T* row(std::size_t batch, std::size_t head, std::size_t i) const noexcept {
    std::size_t part = 0;
    while (part + 1 < Views && i >= views[part].extent(2)) i -= views[part++].extent(2);
    const auto& v = views[part];
    return v.data_handle() + batch * v.stride(0) + head * v.stride(1) + i * v.stride(2);
  }
  template <class F>
  void each_view(F&& f) const {
    for (const auto& v : views) f(v);
  }
};

}  // namespace heddle::inline v0
