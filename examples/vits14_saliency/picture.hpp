#pragma once

#include <cstdint>
#include <vector>

#include "../common/image.hpp"
#include "network.hpp"

namespace saliency_app {

/// How a photograph becomes the square that the network sees.
enum class fit {
  pad,  ///< the longer side shrinks or grows to it, black on both sides of the shorter one
  crop  ///< the square in the middle
};

/// `[side, side, 3]`. Throws `examples::user_error` for pictures that are too narrow.
std::vector<std::uint8_t> fitted(const examples::image& photo, fit how);

/// Pearson's correlation of two maps, and the overlap (intersection over union) of what lies above one half.
double correlation(const std::vector<float>& a, const std::vector<float>& b);
double overlap(const std::vector<float>& a, const std::vector<float>& b);

/// Photograph and importance; with a second result also its tokens (patches of one token in their mean colour, lines between
/// tokens) and its importance.
examples::image panels(const std::vector<std::uint8_t>& rgb, const result& plain, const result* merged);

}  // namespace saliency_app
