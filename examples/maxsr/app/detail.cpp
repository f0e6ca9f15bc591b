#include "detail.hpp"

#include <algorithm>

#include "../../common/canvas.hpp"
#include "../../common/metrics.hpp"

namespace maxsr_app {
namespace {

using examples::image;

constexpr std::size_t gap = 8;
constexpr std::size_t text_zoom = 2;
constexpr std::size_t caption_height = 7 * text_zoom + 2 * gap;

/// Sum of squared luma differences between neighbours. The variance would choose one hard edge between two flat areas.
double luma_change(const image& picture, std::size_t y0, std::size_t x0, std::size_t side) {
  double sum = 0.0;
  for (std::size_t y = y0; y + 1 < y0 + side; ++y) {
    for (std::size_t x = x0; x + 1 < x0 + side; ++x) {
      const double here = examples::luma(picture, y, x);
      const double down = examples::luma(picture, y + 1, x) - here;
      const double right = examples::luma(picture, y, x + 1) - here;
      sum += down * down + right * right;
    }
  }
  return sum;
}

}  // namespace

detail liveliest_detail(const image& picture, std::size_t side) {
  side = std::min({side, picture.height, picture.width});
  const std::size_t step = std::max<std::size_t>(side / 4, 1);
  detail best{0, 0, side};
  double most = -1.0;
  for (std::size_t y = 0; y + side <= picture.height; y += step) {
    for (std::size_t x = 0; x + side <= picture.width; x += step) {
      const double change = luma_change(picture, y, x, side);
      if (change > most) {
        most = change;
        best.y = y;
        best.x = x;
      }
    }
  }
  return best;
}

image side_by_side(const std::vector<panel>& panels, const detail& part, std::size_t zoom) {
  const std::size_t side = part.side * zoom;
  image canvas(gap + side + caption_height, gap + panels.size() * (side + gap), 3);
  examples::fill(canvas, {24, 24, 24});
  std::size_t x = gap;
  for (const panel& p : panels) {
    examples::paste(canvas, gap, x, *p.picture, part.y, part.x, part.side, part.side, zoom);
    examples::write_text(canvas, gap + side + gap, x, p.caption, text_zoom, {235, 235, 235});
    x += side + gap;
  }
  return canvas;
}

}  // namespace maxsr_app
