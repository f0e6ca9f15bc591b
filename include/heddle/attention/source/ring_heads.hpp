/// @file
/// Keys and values in a ring of slots.
#pragma once

#include <cstddef>

#include "key_rows.hpp"

namespace heddle::inline v0 {

/// Key i lies in slot `(start + i) % slots` of `slots.extent(2)`: the last `count` tokens of a sequence whose older ones
/// were overwritten. With the source `cross_source`. See `kv_cache`.
template <class T, std::size_t HeadDim = dyn>
struct ring_heads {
  using value_type = T;
  head_view<const T, HeadDim> slots;
  std::size_t start = 0;  ///< slot of key 0
  std::size_t count = 0;  ///< keys, not more than slots

  HEDDLE_HOST_DEVICE static constexpr std::size_t static_extent(std::size_t r) noexcept {
    return head_view<const T, HeadDim>::static_extent(r);
  }
  HEDDLE_HOST_DEVICE constexpr std::size_t extent(std::size_t r) const noexcept { return r == 2 ? count : slots.extent(r); }
  HEDDLE_HOST_DEVICE const T* row(std::size_t batch, std::size_t head, std::size_t i) const noexcept {
    const std::size_t slot = start + i < slots.extent(2) ? start + i : start + i - slots.extent(2);
    return slots.data_handle() + batch * slots.stride(0) + head * slots.stride(1) + slot * slots.stride(2);
  }
  template <class F>
  void each_view(F&& f) const {
    f(slots);
  }
};

}  // namespace heddle::inline v0
