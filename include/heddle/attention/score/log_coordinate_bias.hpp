/// @file
/// A small network that makes the bias of an offset from its logarithm.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../category.hpp"
#include "../token_grid.hpp"
#include "coordinate_network.hpp"

namespace heddle::inline v0 {

/// `score + bias[head]` with `bias = weight2 relu(weight1 c + bias1) + bias2`, where `c = sign(o) ln(1 + |o|)` for the
/// offset `o` = query - key in (y, x). Works for any window (timm's `rmlp` models; log-spaced coordinates after Swin V2,
/// Liu et al. 2022, section 3.3).
/// @throws shape_error if the number of heads differs, weight_error if a weight is not set
struct log_coordinate_bias {
  using policy_category = score_mod_tag;

  std::size_t hidden = 0;
  std::size_t heads = 0;
  const float* weight1 = nullptr;  ///< `[hidden, 2]`
  const float* bias1 = nullptr;    ///< `[hidden]`
  const float* weight2 = nullptr;  ///< `[heads, hidden]`
  const float* bias2 = nullptr;    ///< `[heads]`

  constexpr void check(window_extents, std::size_t expected_heads) const {
    if (weight1 == nullptr || bias1 == nullptr || weight2 == nullptr || bias2 == nullptr)
      detail::raise<weight_error>("log_coordinate_bias: the weights are not bound");
    require_extent("log_coordinate_bias", "heads", expected_heads, heads);
  }

  HEDDLE_HOST_DEVICE float offset_bias(window_extents w, std::size_t head, std::size_t dy, std::size_t dx) const noexcept {
    float sum = bias2[head];
    each_hidden(w, dy, dx, [&](std::size_t j, float value) { sum += weight2[head * hidden + j] * value; });
    return sum;
  }

  /// The bias of one offset for all heads, `stride` apart: the hidden layer is evaluated once.
  HEDDLE_HOST_DEVICE void offset_biases(window_extents w, std::size_t dy, std::size_t dx, float* out,
                                        std::size_t stride) const noexcept {
    for (std::size_t head = 0; head < heads; ++head) out[head * stride] = bias2[head];
    each_hidden(w, dy, dx, [&](std::size_t j, float value) {
      for (std::size_t head = 0; head < heads; ++head) out[head * stride] += weight2[head * hidden + j] * value;
    });
  }

 private:
  HEDDLE_HOST_DEVICE static float coordinate(std::size_t offset, std::size_t side) noexcept {
    const float distance = detail::signed_offset(offset, side);
    const float size = math::log(1.0F + math::abs(distance));
    return distance < 0.0F ? -size : size;
  }

  /// `f(j, value)` for the hidden units that are not zero.
  template <class F>
  HEDDLE_HOST_DEVICE void each_hidden(window_extents w, std::size_t dy, std::size_t dx, F&& f) const noexcept {
    detail::each_hidden(hidden, weight1, bias1, coordinate(dy, w.height), coordinate(dx, w.width), f);
  }
};

}  // namespace heddle::inline v0
