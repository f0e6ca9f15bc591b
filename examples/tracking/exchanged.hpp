/// @file
/// Floats that a tracker and its network hand to each other.
#pragma once

#include <cstddef>

#include "heddle/core/tensor.hpp"
#include "heddle/model/members.hpp"
#include "heddle/model/memory_of.hpp"

namespace heddle::examples {

/// `count` floats that the tracker writes and the network reads, or the other way round. On the processor they are the same
/// memory and nothing is copied; a device has its own. Allocates when it is made.
template <class Backend>
class exchanged {
  using memory = memory_of<Backend>;
  tensor<float, dynamic_extents<1>> host_;
  typename memory::template tensor_type<float, dynamic_extents<1>> placed_;  ///< of a device; empty elsewhere

 public:
  explicit exchanged(std::size_t count)
      : host_(dynamic_extents<1>(count)), placed_(dynamic_extents<1>(moves_weights<Backend> ? count : 0)) {}

  std::size_t size() const noexcept { return host_.size(); }
  /// For the tracker.
  float* host() noexcept { return host_.data(); }
  const float* host() const noexcept { return host_.data(); }
  /// For the network.
  float* placed() noexcept {
    if constexpr (moves_weights<Backend>) {
      return placed_.data();
    } else {
      return host_.data();
    }
  }

  /// What the tracker wrote, for the network. @throws device_error
  void put([[maybe_unused]] const Backend& backend, [[maybe_unused]] std::size_t count) {
    if constexpr (moves_weights<Backend>) memory::put(backend, host_.data(), placed_.data(), count);
  }
  /// What the network wrote, for the tracker, when the work before is done. @throws device_error
  void take([[maybe_unused]] const Backend& backend, [[maybe_unused]] std::size_t count) {
    if constexpr (moves_weights<Backend>) memory::take(backend, placed_.data(), host_.data(), count);
  }
};

}  // namespace heddle::examples
