#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "../../common/image.hpp"

namespace maxsr_app {

/// A square part of a picture.
struct detail {
  std::size_t y = 0;
  std::size_t x = 0;
  std::size_t side = 0;
};

/// The square of `side` pixels (less if the picture is smaller) whose luma changes most from pixel to pixel, among positions on a
/// grid of a quarter of its side. Precondition: the picture has pixels.
detail liveliest_detail(const examples::image& picture, std::size_t side);

/// A picture and what is written under it.
struct panel {
  const examples::image* picture;
  std::string caption;
};

/// The same detail of several pictures of one size next to each other, each pixel as a square of `zoom` pixels. 8-bit RGB.
examples::image side_by_side(const std::vector<panel>& panels, const detail& part, std::size_t zoom);

}  // namespace maxsr_app
