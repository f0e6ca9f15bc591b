/// @file
/// `roi_pyramid`: features of boxes, each from the level of a feature pyramid that fits its size.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "../primitive/each.hpp"
#include "../primitive/resample/roi.hpp"

namespace heddle::inline v0 {

/// Options of `roi_pyramid`.
struct roi_pyramid_options {
  std::size_t first_level = 2;      ///< level l has a cell for every 2^l units of the boxes; the levels follow each other
  std::size_t canonical_level = 4;  ///< that of boxes of the canonical size
  float canonical_size = 224.0F;
  std::size_t samples = 2;  ///< per bin and axis
};

/// The level of a box among `levels` (Lin et al., arXiv 1612.03144, equation 1, in single precision):
/// `floor(canonical_level + log2(sqrt(area) / canonical_size + 1e-8))`, not outside the pyramid.
HEDDLE_HOST_DEVICE inline std::size_t roi_level(float width, float height, std::size_t levels,
                                                const roi_pyramid_options& o) noexcept {
  const float size = std::sqrt(width * height);
  const float level = std::floor(static_cast<float>(o.canonical_level) + std::log2(size / o.canonical_size + 1e-8F)) -
                      static_cast<float>(o.first_level);
  if (!(level > 0.0F)) return 0;
  return level >= static_cast<float>(levels - 1) ? levels - 1 : static_cast<std::size_t>(level);
}

namespace detail {

/// The boxes of one level, as RoI align takes them; those of other levels name no image.
struct boxes_of_level {
  matrix_view<const float> boxes;
  float* rois;
  std::size_t per_image;
  std::size_t level;
  std::size_t levels;
  roi_pyramid_options options;
  HEDDLE_HOST_DEVICE bool operator()(std::size_t r, bool) const {
    return roi_level(boxes(r, 2) - boxes(r, 0), boxes(r, 3) - boxes(r, 1), levels, options) == level;
  }
  HEDDLE_HOST_DEVICE void operator()(std::size_t r) const {
    rois[5 * r] = (*this)(r, true) ? static_cast<float>(r / per_image) : -1.0F;
    for (std::size_t i = 0; i < 4; ++i) rois[5 * r + 1 + i] = boxes(r, i);
  }
};
/// Keeps the features of the boxes of one level.
struct features_of_level {
  boxes_of_level chosen;
  const float* from;
  float* to;
  std::size_t size;  ///< of one box
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    if (chosen(i / size, true)) to[i] = from[i];
  }
};

}  // namespace detail

/// Scratch of `roi_pyramid` for so many boxes; the first level is the largest.
template <class Backend>
std::size_t roi_pyramid_bytes(const Backend& backend, const dynamic_extents<4>& first_level, std::size_t bins,
                              [[maybe_unused]] std::size_t boxes) {
  if constexpr (prefers_whole_maps<Backend>) {
    const dynamic_extents<4> all(boxes, bins, bins, first_level.extent(3));
    return scratch_bytes<float>(all.size()) + scratch_bytes<float>(5 * boxes) + roi_bytes(backend, first_level, all);
  }
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
void roi_pyramid(context<Backend> ctx, std::span<const map_view<const float>> levels, matrix_view<const float> boxes,
                 map_view<float> y, const roi_pyramid_options& options = {}) {
  require_extent("roi_pyramid: boxes", "columns (x1, y1, x2, y2)", 4, boxes.extent(1));
  require_extent("roi_pyramid: y", "boxes", boxes.extent(0), y.extent(0));
  if (levels.empty()) detail::raise<shape_error>("roi_pyramid: there are no levels");
  const std::size_t images = levels[0].extent(0);
  require_extent("roi_pyramid: boxes", "rows, as many for every image,", images == 0 ? 0 : boxes.extent(0) / images * images,
                 boxes.extent(0));
  if (y.empty()) return;
  const std::size_t per_image = boxes.extent(0) / images;
  const dynamic_extents<4> one(1, y.extent(1), y.extent(2), y.extent(3));
  if constexpr (prefers_whole_maps<Backend>) {  // nobody knows the levels of the boxes before they are there
    const map_view<float> t(ctx.scratch.template take<float>(y.size()), y.extents());
    float* const rois = ctx.scratch.template take<float>(5 * boxes.extent(0));
    for (std::size_t level = 0; level < levels.size(); ++level) {
      const detail::boxes_of_level chosen{boxes, rois, per_image, level, levels.size(), options};
      each(ctx, boxes.extent(0), chosen);
      const float scale = 1.0F / static_cast<float>(std::size_t{1} << (level + options.first_level));
      roi_align(ctx, levels[level], make_matrix<const float>(rois, boxes.extent(0), 5), t,
                {.scale = scale, .samples = options.samples, .aligned = true});
      each(ctx, y.size(), detail::features_of_level{chosen, t.data_handle(), y.data_handle(), one.size()});
    }
    return;
  }
  const std::size_t bytes = roi_bytes(ctx.backend.as_serial(), levels[0].extents(), one);
  ctx.for_each(boxes.extent(0), bytes, [&](auto worker, std::size_t r) {
    const std::size_t level = roi_level(boxes(r, 2) - boxes(r, 0), boxes(r, 3) - boxes(r, 1), levels.size(), options);
    const float roi[] = {static_cast<float>(r / per_image), boxes(r, 0), boxes(r, 1), boxes(r, 2), boxes(r, 3)};
    const float scale = 1.0F / static_cast<float>(std::size_t{1} << (level + options.first_level));
    roi_align(worker, levels[level], make_matrix<const float>(roi, 1, 5),
              map_view<float>(y.data_handle() + r * one.size(), one),
              {.scale = scale, .samples = options.samples, .aligned = true});
  });
}

}  // namespace heddle::inline v0
