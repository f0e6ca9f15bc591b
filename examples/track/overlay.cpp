#include "overlay.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace track_app {
namespace {

/// A pixel position inside [0, size], whatever the number.
std::size_t clamped(double v, std::size_t size) {
  const auto limit = static_cast<double>(size);
  return static_cast<std::size_t>(std::nearbyint(v > 0 ? std::min(v, limit) : 0.0));
}

void fill_part(examples::image& picture, std::size_t y0, std::size_t y1, std::size_t x0, std::size_t x1, examples::colour ink) {
  for (std::size_t y = y0; y < y1; ++y) {
    for (std::size_t x = x0; x < x1; ++x) {
      std::memcpy(picture.row(y) + 3 * x, ink.data(), 3);
    }
  }
}

}  // namespace

void draw_box(examples::image& picture, const heddle::examples::box& box, examples::colour ink) {
  const std::size_t height = picture.height;
  const std::size_t width = picture.width;
  const double thick = static_cast<double>(std::max<std::size_t>(2, std::min(height, width) / 240));
  const std::size_t x0 = clamped(box.x, width);
  const std::size_t x1 = clamped(box.x + box.w, width);
  const std::size_t y0 = clamped(box.y, height);
  const std::size_t y1 = clamped(box.y + box.h, height);
  fill_part(picture, y0, clamped(std::min(box.y + thick, box.y + box.h), height), x0, x1, ink);
  fill_part(picture, clamped(std::max(box.y + box.h - thick, box.y), height), y1, x0, x1, ink);
  fill_part(picture, y0, y1, x0, clamped(std::min(box.x + thick, box.x + box.w), width), ink);
  fill_part(picture, y0, y1, clamped(std::max(box.x + box.w - thick, box.x), width), x1, ink);
}

void annotate(examples::image& picture, const heddle::examples::box& box, examples::colour ink, const char* text) {
  draw_box(picture, box, ink);
  const std::size_t zoom = std::max<std::size_t>(1, std::min(picture.height, picture.width) / 240);
  const std::size_t line = 9 * zoom;
  if (picture.height > line) {
    examples::write_text(picture, picture.height - line, zoom, text, zoom, ink);
  }
}

}  // namespace track_app
