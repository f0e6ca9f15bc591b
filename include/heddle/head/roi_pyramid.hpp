/// @file
/// `roi_pyramid`: features of boxes, each from the level of a feature pyramid that fits its size.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "../primitive/resample/roi.hpp"

namespace heddle::inline v0 {

/// Options of `roi_pyramid`.
struct roi_pyramid_options {
  std::size_t first_level = 2;        ///< level l has a cell for every 2^l units of the boxes; the levels follow each other
  std::size_t canonical_level = 4;    ///< that of boxes of the canonical size
  float canonical_size = 224.0F;
  std::size_t samples = 2;            ///< per bin and axis
};

/// The level of a box among `levels` (Lin et al., arXiv 1612.03144, equation 1, in single precision):
/// `floor(canonical_level + log2(sqrt(area) / canonical_size + 1e-8))`, not outside the pyramid.
inline std::size_t roi_level(float width, float height, std::size_t levels, const roi_pyramid_options& o) noexcept {
  const float size = std::sqrt(width * height);
  const float level = std::floor(static_cast<float>(o.canonical_level) + std::log2(size / o.canonical_size + 1e-8F)) -
                      static_cast<float>(o.first_level);
  if (!(level > 0.0F)) return 0;
  return level >= static_cast<float>(levels - 1) ? levels - 1 : static_cast<std::size_t>(level);
}

/// Scratch of `roi_pyramid`; the first level is the largest.
template <class Backend>
std::size_t roi_pyramid_bytes(const Backend& backend, const dynamic_extents<4>& first_level, std::size_t bins) {
  const dynamic_extents<4> one(1, bins, bins, first_level.extent(3));
  const std::size_t box = roi_bytes(backend.as_serial(), first_level, one);
  return for_each_bytes(backend, box);
}

/// RoI align of boxes on a pyramid: box r belongs to image `r / (boxes / images)`.
///
/// @param levels maps `[images, height, width, channels]`, each half the size of the one before
/// @param boxes  `[boxes, 4]` = (x1, y1, x2, y2); they may leave the image
/// @param y      `[boxes, bins, bins, channels]`
/// @throws shape_error, workspace_error before any work
template <class Backend>
void roi_pyramid(context<Backend> ctx, std::span<const map_view<const float>> levels, matrix_view<const float> boxes, map_view<float> y,
                 const roi_pyramid_options& options = {}) {
  require_extent("roi_pyramid: boxes", "columns (x1, y1, x2, y2)", 4, boxes.extent(1));
  require_extent("roi_pyramid: y", "boxes", boxes.extent(0), y.extent(0));
  if (levels.empty()) detail::raise<shape_error>("roi_pyramid: there are no levels");
  const std::size_t images = levels[0].extent(0);
  require_extent("roi_pyramid: boxes", "rows, as many for every image,", images == 0 ? 0 : boxes.extent(0) / images * images, boxes.extent(0));
  if (y.empty()) return;
  const std::size_t per_image = boxes.extent(0) / images;
  const dynamic_extents<4> one(1, y.extent(1), y.extent(2), y.extent(3));
  const std::size_t bytes = roi_bytes(ctx.backend.as_serial(), levels[0].extents(), one);
  ctx.for_each(boxes.extent(0), bytes, [&](auto worker, std::size_t r) {
    const std::size_t level = roi_level(boxes(r, 2) - boxes(r, 0), boxes(r, 3) - boxes(r, 1), levels.size(), options);
    const float roi[] = {static_cast<float>(r / per_image), boxes(r, 0), boxes(r, 1), boxes(r, 2), boxes(r, 3)};
    const float scale = 1.0F / static_cast<float>(std::size_t{1} << (level + options.first_level));
    roi_align(worker, levels[level], make_matrix<const float>(roi, 1, 5), map_view<float>(y.data_handle() + r * one.size(), one),
              {.scale = scale, .samples = options.samples, .aligned = true});
  });
}

}  // namespace heddle::inline v0
