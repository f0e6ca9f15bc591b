/// @file
/// The bias of Swin Transformer V2: a small network of log-spaced coordinates, which serves windows of any size.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../category.hpp"
#include "../token_grid.hpp"
#include "coordinate_network.hpp"

namespace heddle::inline v0 {

/// `score + 16 sigmoid(weight2 relu(weight1 (c(dy), c(dx)) + bias1))` for each head, with `c(d) = sign(d) log2(1 + |t|) /
/// log2(8)`, `t = 8 d / (side - 1)` and the offset `d` = query - key (Liu et al. 2022, section 3.3; the factor 8 and its
/// logarithm are those of the official code).
///
/// `side` is that of the window in pre-training where one is given, so that a network trained on small windows is asked about
/// coordinates a little beyond 1 in larger ones; nothing is resized. `log_coordinate_bias` is the other network of this kind
/// (timm's `rmlp`): natural logarithms of whole offsets, a second bias, no sigmoid.
/// @throws shape_error if the number of heads differs, weight_error if a weight is not set
struct continuous_position_bias {
  using policy_category = score_mod_tag;

  std::size_t hidden = 0;
  std::size_t heads = 0;
  const float* weight1 = nullptr;     ///< `[hidden, 2]`: columns y, x
  const float* bias1 = nullptr;       ///< `[hidden]`
  const float* weight2 = nullptr;     ///< `[heads, hidden]`
  std::size_t pretrained_height = 0;  ///< window of pre-training; 0: the present one
  std::size_t pretrained_width = 0;

  constexpr void check(window_extents, std::size_t expected_heads) const {
    if (weight1 == nullptr || bias1 == nullptr || weight2 == nullptr)
      detail::raise<weight_error>("continuous_position_bias: the weights are not bound");
    require_extent("continuous_position_bias", "heads", expected_heads, heads);
  }

  HEDDLE_HOST_DEVICE float offset_bias(window_extents w, std::size_t head, std::size_t dy, std::size_t dx) const noexcept {
    float sum = 0.0F;
    each_hidden(w, dy, dx, [&](std::size_t j, float value) { sum += weight2[head * hidden + j] * value; });
    return sixteen_sigmoid(sum);
  }

  /// The bias of one offset for all heads, `stride` apart: the hidden layer is evaluated once.
  HEDDLE_HOST_DEVICE void offset_biases(window_extents w, std::size_t dy, std::size_t dx, float* out,
                                        std::size_t stride) const noexcept {
    for (std::size_t head = 0; head < heads; ++head) out[head * stride] = 0.0F;
    each_hidden(w, dy, dx, [&](std::size_t j, float value) {
      for (std::size_t head = 0; head < heads; ++head) out[head * stride] += weight2[head * hidden + j] * value;
    });
    for (std::size_t head = 0; head < heads; ++head) out[head * stride] = sixteen_sigmoid(out[head * stride]);
  }

  /// `c(d)` for the offset that counts from `-(side - 1)`; 0 in a window of one token.
  HEDDLE_HOST_DEVICE static float coordinate(std::size_t offset, std::size_t side, std::size_t pretrained) noexcept {
    const std::size_t reach = (pretrained != 0 ? pretrained : side) - 1;
    if (reach == 0) return 0.0F;
    const float t = 8.0F * detail::signed_offset(offset, side) / static_cast<float>(reach);
    constexpr float log_of_8 = 2.0794415416798357F;
    const float size = math::log(1.0F + math::abs(t)) / log_of_8;
    return t < 0.0F ? -size : size;
  }

 private:
  HEDDLE_HOST_DEVICE static float sixteen_sigmoid(float x) noexcept { return 16.0F / (1.0F + math::exp(-x)); }

  template <class F>
  HEDDLE_HOST_DEVICE void each_hidden(window_extents w, std::size_t dy, std::size_t dx, F&& f) const noexcept {
    detail::each_hidden(hidden, weight1, bias1, coordinate(dy, w.height, pretrained_height),
                        coordinate(dx, w.width, pretrained_width), f);
  }
};

}  // namespace heddle::inline v0
