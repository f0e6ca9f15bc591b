/// @file
/// `resize`: maps to another height and width by a separable rule.
#pragma once

#include <cstddef>

#include "../../core/context.hpp"
#include "../convolve.hpp"
#include "rules.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of the separable resampling under `resize`, `roi_align` and `precise_roi_pool`.
struct resample {};
}  // namespace op

/// Factors of a resize whose output length follows from them.
struct resize_factors {
  double height = 1.0;
  double width = 1.0;
};

namespace detail {

/// One image of a batch, `[height, width, channels]`.
struct image_view {
  const float* data = nullptr;
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;
};

inline image_view image_of(const map_view<const float>& x, std::size_t b) {
  const std::size_t size = x.extent(1) * x.extent(2) * x.extent(3);
  return {x.data_handle() + b * size, x.extent(1), x.extent(2), x.extent(3)};
}

/// A rule applied to one axis: what the separable kernels ask for.
template <class Rule>
struct resampled_axis {
  resize_axis axis;
  HEDDLE_HOST_DEVICE std::size_t outputs() const noexcept { return axis.outputs; }
  std::size_t max_taps() const noexcept { return Rule::max_taps(axis); }
  template <class W>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(std::size_t k, tap_run<W>& run) const noexcept {
    Rule::taps(axis, k, run);
  }
};

template <class Backend, class Rule>
void resize(context<Backend> ctx, const map_view<const float>& x, const map_view<float>& y, const resize_axis& rows,
            const resize_axis& columns) {
  require_extent("resize: y", "images", x.extent(0), y.extent(0));
  require_extent("resize: y", "channels", x.extent(3), y.extent(3));
  if (y.empty()) return;
  if (x.empty()) raise<shape_error>("resize: x has no pixels");
  using implementation = kernel<op::resample, Backend>;
  const resampled_axis<Rule> down{rows};
  const resampled_axis<Rule> across{columns};
  if constexpr (requires { implementation::images(ctx, x, down, across, y); }) {
    implementation::images(ctx, x, down, across, y);  // all at once
  } else {
    for (std::size_t b = 0; b < x.extent(0); ++b)
      implementation::run(ctx, image_of(x, b), down, across, y.data_handle() + b * y.extent(1) * y.extent(2) * y.extent(3));
  }
}

}  // namespace detail

/// Resizes `x` `[batch, height, width, channels]` to the height and width of `y` by `Rule` of `heddle::resize_rule`.
/// `y` must not overlap `x`. Scratch: `resize_bytes`.
/// @throws shape_error, workspace_error before any work
template <class Backend, class Rule = resize_rule::bilinear<>>
void resize(context<Backend> ctx, map_view<const float> x, map_view<float> y, Rule = {}) {
  detail::resize<Backend, Rule>(ctx, x, y, resize_axis::to_length(x.extent(1), y.extent(1)),
                                resize_axis::to_length(x.extent(2), y.extent(2)));
}

/// The same by factors: `y` must have `floor(height * factors.height)` rows and so on, and positions step by the inverse
/// factors. @throws shape_error, workspace_error before any work
template <class Backend, class Rule>
void resize(context<Backend> ctx, map_view<const float> x, map_view<float> y, Rule, const resize_factors& factors) {
  const resize_axis rows = resize_axis::by(x.extent(1), factors.height);
  const resize_axis columns = resize_axis::by(x.extent(2), factors.width);
  require_extent("resize: y", "rows", rows.outputs, y.extent(1));
  require_extent("resize: y", "columns", columns.outputs, y.extent(2));
  detail::resize<Backend, Rule>(ctx, x, y, rows, columns);
}

/// Scratch bytes of `resize` from extents `x` to extents `y`, `[batch, height, width, channels]`; give the factors where
/// `resize` gets them.
template <class Backend, class Rule = resize_rule::bilinear<>>
std::size_t resize_bytes(const Backend& backend, const dynamic_extents<4>& x, const dynamic_extents<4>& y, Rule = {}) {
  if (x.size() == 0 || y.size() == 0) return 0;
  return kernel<op::resample, Backend>::bytes(backend, x.extent(2), x.extent(3),
                                              detail::resampled_axis<Rule>{resize_axis::to_length(x.extent(1), y.extent(1))},
                                              detail::resampled_axis<Rule>{resize_axis::to_length(x.extent(2), y.extent(2))});
}
template <class Backend, class Rule>
std::size_t resize_bytes(const Backend& backend, const dynamic_extents<4>& x, const dynamic_extents<4>& y, Rule,
                         const resize_factors& factors) {
  if (x.size() == 0 || y.size() == 0) return 0;
  return kernel<op::resample, Backend>::bytes(backend, x.extent(2), x.extent(3),
                                              detail::resampled_axis<Rule>{resize_axis::by(x.extent(1), factors.height)},
                                              detail::resampled_axis<Rule>{resize_axis::by(x.extent(2), factors.width)});
}

}  // namespace heddle::inline v0
