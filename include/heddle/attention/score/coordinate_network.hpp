/// @file
/// The hidden layer that biases made from coordinates share.
#pragma once

#include <cstddef>

#include "../../config.hpp"

namespace heddle::inline v0::detail {

/// `f(j, value)` for the hidden units `value = relu(weight1 (y, x) + bias1)` that are not zero.
template <class F>
HEDDLE_HOST_DEVICE constexpr void each_hidden(std::size_t hidden, const float* weight1, const float* bias1, float y, float x,
                                              F&& f) {
  for (std::size_t j = 0; j < hidden; ++j) {
    const float value = weight1[2 * j] * y + weight1[2 * j + 1] * x + bias1[j];
    if (!(value <= 0.0F)) f(j, value);
  }
}

/// `offset` counts from `-(side - 1)`.
HEDDLE_HOST_DEVICE constexpr float signed_offset(std::size_t offset, std::size_t side) noexcept {
  return static_cast<float>(offset) - static_cast<float>(side - 1);
}

}  // namespace heddle::inline v0::detail
