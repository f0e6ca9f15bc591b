/// @file
/// `roi_align` and `precise_roi_pool`: boxes of a map resampled to a fixed number of bins.
#pragma once

#include <cstddef>

#include "resize.hpp"

namespace heddle::inline v0 {

/// Options of `roi_align`.
struct roi_align_options {
  float scale = 1.0f;       ///< map cells per unit of the boxes
  std::size_t samples = 0;  ///< samples per bin and axis; 0: `ceil(bin size)`
  bool aligned = true;      ///< subtract half a cell; without it boxes are at least one cell wide and high
};

namespace detail {

/// The larger of `x` and 0, and not above `high`; not a number becomes 0.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE std::size_t bounded(double x, std::size_t high) noexcept {
  if (!(x > 0)) return 0;
  return x >= static_cast<double>(high) ? high : static_cast<std::size_t>(x);
}

/// One side of a box under RoI align: bins of means over evenly spaced samples of the linear interpolation. Coordinates
/// are in single precision, as the number of samples hangs on a rounded length.
class roi_align_axis {
  float start_;
  float bin_;
  std::size_t bins_;
  std::size_t inputs_;
  std::size_t samples_;

 public:
  HEDDLE_HOST_DEVICE roi_align_axis(float low, float high, std::size_t bins, std::size_t inputs,
                                    const roi_align_options& options) noexcept
      : bins_(bins), inputs_(inputs) {
    const float offset = options.aligned ? 0.5f : 0.0f;
    start_ = math::product(low, options.scale) - offset;
    float length = math::product(high, options.scale) - offset - start_;
    if (!options.aligned) length = math::max(length, 1.0f);
    bin_ = length / static_cast<float>(bins);
    samples_ = options.samples != 0 ? options.samples : bounded(math::ceil(static_cast<double>(bin_)), max_samples);
  }

  std::size_t outputs() const noexcept { return bins_; }
  std::size_t max_taps() const noexcept { return inputs_; }

  template <class W>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(std::size_t k, tap_run<W>& run) const noexcept {
    const double share = 1.0 / static_cast<double>(math::max<std::size_t>(samples_, 1));
    for (std::size_t i = 0; i < samples_; ++i) {
      const std::size_t s = bin_ < 0 ? samples_ - 1 - i : i;  // from the lowest position on
      const float in_bin = (static_cast<float>(s) + 0.5f) * bin_ / static_cast<float>(samples_);
      sample(start_ + math::product(static_cast<float>(k), bin_) + in_bin, share, run);
    }
  }

 private:
  // A box far larger than any map still ends.
  static constexpr std::size_t max_samples = std::size_t{1} << 20;

  template <class W>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void sample(float position, double share, tap_run<W>& run) const noexcept {
    if (math::is_nan(position)) return run.add(0, static_cast<double>(position));
    if (position < -1.0f || position > static_cast<float>(inputs_)) return;
    const double t = math::max(static_cast<double>(position), 0.0);
    const auto low = static_cast<std::size_t>(t);
    if (low + 1 >= inputs_) return run.add(inputs_ - 1, share);
    const double fraction = t - static_cast<double>(low);
    run.add(low, (1.0 - fraction) * share);
    run.add(low + 1, fraction * share);
  }
};

/// One side of a box under precise RoI pooling: the exact mean of the linear interpolation over each bin, with nodes at
/// integer coordinates and zero outside the map.
class precise_roi_axis {
  double start_;
  double bin_;
  std::size_t bins_;
  std::size_t inputs_;

 public:
  HEDDLE_HOST_DEVICE precise_roi_axis(float low, float high, std::size_t bins, std::size_t inputs, float scale) noexcept
      : start_(static_cast<double>(low) * static_cast<double>(scale)),
        bin_(static_cast<double>(high - low) * static_cast<double>(scale) / static_cast<double>(bins)),
        bins_(bins),
        inputs_(inputs) {}

  std::size_t outputs() const noexcept { return bins_; }
  std::size_t max_taps() const noexcept { return inputs_; }

  template <class W>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(std::size_t k, tap_run<W>& run) const noexcept {
    if (math::is_nan(start_) || math::is_nan(bin_)) return run.add(0, start_ + bin_);
    if (!(bin_ > 0)) return;
    const double a = start_ + static_cast<double>(k) * bin_;
    const double b = a + bin_;
    if (b <= -1.0 || a >= static_cast<double>(inputs_)) return;
    const std::size_t end = bounded(math::ceil(b) + 1.0, inputs_);
    for (std::size_t i = bounded(math::floor(a), inputs_ - 1); i < end; ++i)
      run.add(i, (integral(b - static_cast<double>(i)) - integral(a - static_cast<double>(i))) / bin_);
  }

 private:
  /// Integral of the hat function from its left end to `u`.
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE double integral(double u) noexcept {
    if (u <= -1.0) return 0.0;
    if (u < 0.0) return 0.5 * (1.0 + u) * (1.0 + u);
    if (u < 1.0) return 1.0 - 0.5 * (1.0 - u) * (1.0 - u);
    return 1.0;
  }
};

inline void check_rois(const map_view<const float>& x, const matrix_view<const float>& rois, const map_view<float>& y) {
  require_extent("roi: rois", "columns (image, x1, y1, x2, y2)", 5, rois.extent(1));
  require_extent("roi: y", "boxes", rois.extent(0), y.extent(0));
  require_extent("roi: y", "channels", x.extent(3), y.extent(3));
  if (!y.empty() && x.empty()) raise<shape_error>("roi: x has no pixels");
}

inline void check_roi_images(const map_view<const float>& x, const matrix_view<const float>& rois) {
  for (std::size_t r = 0; r < rois.extent(0); ++r) {
    const float image = rois(r, 0);
    if (!(image >= 0.0f) || image >= static_cast<float>(x.extent(0)))
      raise<shape_error>("roi: rois: box " + std::to_string(r) + " names image " + std::to_string(image) + " of " +
                         std::to_string(x.extent(0)));
  }
}

template <class Axis, class Backend, class Options>
void pool_one_by_one(context<Backend> ctx, const map_view<const float>& x, const matrix_view<const float>& rois,
                     const map_view<float>& y, const Options& options) {
  using single = typename Backend::serial_type;
  const Axis any_row(0.0f, 0.0f, y.extent(1), x.extent(1), options);
  const Axis any_column(0.0f, 0.0f, y.extent(2), x.extent(2), options);
  const std::size_t bytes =
      kernel<op::resample, single>::bytes(ctx.backend.as_serial(), x.extent(2), x.extent(3), any_row, any_column);
  ctx.for_each(rois.extent(0), bytes, [&](context<single> inner, std::size_t r) {
    const Axis rows(rois(r, 2), rois(r, 4), y.extent(1), x.extent(1), options);
    const Axis columns(rois(r, 1), rois(r, 3), y.extent(2), x.extent(2), options);
    kernel<op::resample, single>::run(inner, image_of(x, static_cast<std::size_t>(rois(r, 0))), rows, columns,
                                      y.data_handle() + r * y.extent(1) * y.extent(2) * y.extent(3));
  });
}

template <class Axis, class Backend, class Options>
void pool_rois(context<Backend> ctx, const map_view<const float>& x, const matrix_view<const float>& rois,
               const map_view<float>& y, const Options& options) {
  check_rois(x, rois, y);
  if (y.empty()) return;
  if constexpr (requires { kernel<op::resample, Backend>::template boxes<Axis>(ctx, x, rois, y, options); }) {
    return kernel<op::resample, Backend>::template boxes<Axis>(ctx, x, rois, y, options);
  } else {
    check_roi_images(x, rois);
    pool_one_by_one<Axis>(ctx, x, rois, y, options);
  }
}
}  // namespace detail

/// RoI align (He et al. 2017): box `r` of `rois` `[boxes, 5]` = (image, x1, y1, x2, y2), resampled to the bins of
/// `y` `[boxes, rows, columns, channels]`; every bin is the mean over its samples of the bilinear interpolation of `x`
/// `[batch, height, width, channels]`. A sample more than one cell outside counts as zero. Scratch: `roi_bytes`.
/// @throws shape_error (also for a box that names no image; on a device such a box gives NaN), workspace_error before any work
template <class Backend>
void roi_align(context<Backend> ctx, map_view<const float> x, matrix_view<const float> rois, map_view<float> y,
               const roi_align_options& options = {}) {
  detail::pool_rois<detail::roi_align_axis>(ctx, x, rois, y, options);
}

/// Precise RoI pooling (Jiang et al. 2018): every bin is the exact mean of the bilinear surface of `x`, whose nodes lie at
/// integer coordinates, over the bin; zero outside the map and for a box without area. Shapes as in `roi_align`; `scale`
/// is map cells per unit of the boxes. Scratch: `roi_bytes`.
/// @throws shape_error (also for a box that names no image), workspace_error before any work
template <class Backend>
void precise_roi_pool(context<Backend> ctx, map_view<const float> x, matrix_view<const float> rois, map_view<float> y,
                      float scale = 1.0f) {
  detail::pool_rois<detail::precise_roi_axis>(ctx, x, rois, y, scale);
}

/// Scratch bytes of `roi_align` and `precise_roi_pool` for a map `x` and a result `y`.
template <class Backend>
std::size_t roi_bytes(const Backend& backend, const dynamic_extents<4>& x, const dynamic_extents<4>& y) {
  if (x.size() == 0 || y.size() == 0) return 0;
  if constexpr (requires { kernel<op::resample, Backend>::boxes_bytes(x, y); }) {
    return kernel<op::resample, Backend>::boxes_bytes(x, y);  // of all boxes at once
  } else {
    using single = typename Backend::serial_type;
    const detail::precise_roi_axis rows(0.0f, 0.0f, y.extent(1), x.extent(1), 1.0f);
    const detail::precise_roi_axis columns(0.0f, 0.0f, y.extent(2), x.extent(2), 1.0f);
    return for_each_bytes(backend,
                          kernel<op::resample, single>::bytes(backend.as_serial(), x.extent(2), x.extent(3), rows, columns));
  }
}

}  // namespace heddle::inline v0
