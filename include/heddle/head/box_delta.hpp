/// @file
/// Boxes moved by predicted deltas.
#pragma once

#include <algorithm>
#include <cmath>

#include "../core/view.hpp"

namespace heddle::inline v0 {

/// Options of `apply_box_deltas`: what the deltas were multiplied with in training.
struct box_delta_options {
  float centre_weight = 2.0F;
  float size_weight = 1.0F;
  float largest_growth = 8.7403367F;   ///< of the logarithm of a side: log(100000 / 16)
};

/// `cx += dx / w_c * width`, `cy += dy / w_c * height`, `width *= exp(min(dw / w_s, largest_growth))`, and `height` (Ren et al., arXiv
/// 1506.01497, equation 2; Sun et al., CVPR 2021).
/// @param deltas `[boxes, 4]` = (dx, dy, dw, dh)
/// @param boxes  `[boxes, 4]` = (x1, y1, x2, y2), changed in place
/// @throws shape_error before any work
inline void apply_box_deltas(matrix_view<const float> deltas, matrix_view<float> boxes, const box_delta_options& o = {}) {
  require_extent("apply_box_deltas: deltas", "columns", 4, deltas.extent(1));
  require_extent("apply_box_deltas: boxes", "columns (x1, y1, x2, y2)", 4, boxes.extent(1));
  require_extent("apply_box_deltas: boxes", "rows", deltas.extent(0), boxes.extent(0));
  for (std::size_t r = 0; r < boxes.extent(0); ++r) {
    const float width = boxes(r, 2) - boxes(r, 0);
    const float height = boxes(r, 3) - boxes(r, 1);
    const float cx = deltas(r, 0) / o.centre_weight * width + (boxes(r, 0) + 0.5F * width);
    const float cy = deltas(r, 1) / o.centre_weight * height + (boxes(r, 1) + 0.5F * height);
    const float w = std::exp(std::min(deltas(r, 2) / o.size_weight, o.largest_growth)) * width;
    const float h = std::exp(std::min(deltas(r, 3) / o.size_weight, o.largest_growth)) * height;
    boxes(r, 0) = cx - 0.5F * w;
    boxes(r, 1) = cy - 0.5F * h;
    boxes(r, 2) = cx + 0.5F * w;
    boxes(r, 3) = cy + 0.5F * h;
  }
}

}  // namespace heddle::inline v0
