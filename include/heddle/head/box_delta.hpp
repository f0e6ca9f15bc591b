/// @file
/// Boxes moved by predicted deltas.
#pragma once

#include <cmath>

#include "../core/view.hpp"
#include "../primitive/each.hpp"

namespace heddle::inline v0 {

/// Options of `apply_box_deltas`: what the deltas were multiplied with in training.
struct box_delta_options {
  float centre_weight = 2.0F;
  float size_weight = 1.0F;
  float largest_growth = 8.7403367F;  ///< of the logarithm of a side: log(100000 / 16)
};

namespace detail {
/// Moves one box.
struct move_box {
  matrix_view<const float> deltas;
  matrix_view<float> boxes;
  box_delta_options o;
  HEDDLE_HOST_DEVICE void operator()(std::size_t r) const {
    using std::exp;
    const float width = boxes(r, 2) - boxes(r, 0);
    const float height = boxes(r, 3) - boxes(r, 1);
    const float cx = deltas(r, 0) / o.centre_weight * width + (boxes(r, 0) + 0.5F * width);
    const float cy = deltas(r, 1) / o.centre_weight * height + (boxes(r, 1) + 0.5F * height);
    const float w = exp(smaller(deltas(r, 2) / o.size_weight, o.largest_growth)) * width;
    const float h = exp(smaller(deltas(r, 3) / o.size_weight, o.largest_growth)) * height;
    boxes(r, 0) = cx - 0.5F * w;
    boxes(r, 1) = cy - 0.5F * h;
    boxes(r, 2) = cx + 0.5F * w;
    boxes(r, 3) = cy + 0.5F * h;
  }
  HEDDLE_HOST_DEVICE static float smaller(float a, float b) noexcept { return b < a ? b : a; }  // std::min
};
}  // namespace detail

/// `cx += dx / w_c * width`, `cy += dy / w_c * height`, `width *= exp(min(dw / w_s, largest_growth))`, and `height` (Ren et al., arXiv
/// 1506.01497, equation 2; Sun et al., CVPR 2021).
/// @param deltas `[boxes, 4]` = (dx, dy, dw, dh)
/// @param boxes  `[boxes, 4]` = (x1, y1, x2, y2), changed in place
/// @throws shape_error before any work
template <class Backend>
void apply_box_deltas(context<Backend> ctx, matrix_view<const float> deltas, matrix_view<float> boxes,
                      const box_delta_options& o = {}) {
  require_extent("apply_box_deltas: deltas", "columns", 4, deltas.extent(1));
  require_extent("apply_box_deltas: boxes", "columns (x1, y1, x2, y2)", 4, boxes.extent(1));
  require_extent("apply_box_deltas: boxes", "rows", deltas.extent(0), boxes.extent(0));
  each(ctx, boxes.extent(0), detail::move_box{deltas, boxes, o});
}
/// The same on the host.
inline void apply_box_deltas(matrix_view<const float> deltas, matrix_view<float> boxes, const box_delta_options& o = {}) {
  apply_box_deltas(context<reference>{}, deltas, boxes, o);
}

}  // namespace heddle::inline v0
