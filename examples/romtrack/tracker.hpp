/// @file
/// The ROMTrack tracker: a box for every frame.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "romtrack.hpp"
#include "tracking/exchanged.hpp"
#include "tracking/sample_target.hpp"
#include "tracking/tracker.hpp"

namespace heddle::examples {

/// Options of the tracker's loop. The published trackers at 384 pixels search with a factor of 5.
struct romtrack_tracking {
  double search_factor = 4.0;  ///< side of the search region over the root of the box's area
  double template_factor = 2.0;
  double margin = 10.0;   ///< pixels of the box that stay inside the frame
  bool variation = true;  ///< begin with variation tokens; without them the first frame goes without
};

/// A `box_tracker`. The network must be bound and prepared for `Backend`, and outlive the tracker. Everything is allocated
/// when it is made. Its score is the largest of the network's map, before the Hann window.
template <romtrack_config C, class Backend>
class romtrack_tracker {
  using network = romtrack<C>;
  static constexpr map_extents search_extents = network::encoder_type::search_extents(1);
  static constexpr map_extents template_extents = network::encoder_type::template_extents(1);
  static constexpr std::size_t side = C.search_side();

  const network* net_;
  romtrack_tracking options_;
  [[no_unique_address]] Backend backend_;
  romtrack_memory<C, Backend> memory_{1};
  tensor<std::uint8_t, dynamic_extents<3>> crop_;  ///< what was cut out last
  exchanged<Backend> input_;
  exchanged<Backend> maps_{center_map_floats(1, side, side)};
  std::array<float, side> window_{};
  workspace crop_scratch_;
  typename memory_of<Backend>::workspace_type scratch_;
  pixel_normaliser normalise_;
  box box_{};
  bool started_ = false;

 public:
  explicit romtrack_tracker(const network& net, const romtrack_tracking& options = {}, Backend backend = {})
      : net_(&net),
        options_(options),
        backend_(backend),
        crop_(dynamic_extents<3>(largest_side(), largest_side(), 3)),
        input_(largest_side() * largest_side() * 3),
        crop_scratch_(sample_target_bytes(largest_side())),
        scratch_(std::max(network::template_bytes(backend, 1), network::scratch_bytes(backend, 1))) {
    if (!(options.search_factor > 0) || !(options.template_factor > 0))
      heddle::detail::raise<shape_error>("romtrack: the search factor and the template factor must be above 0");
    hann_window(window_);
  }
  romtrack_tracker(const network& net, Backend backend) : romtrack_tracker(net, romtrack_tracking{}, backend) {}

  /// Begins to follow `target`. @throws shape_error for a frame or a box that cannot be followed
  void init(const frame_view& frame, const box& target) {
    require_target(frame, target);
    const map_view<const float> image = cut(frame, square_around(target, options_.template_factor), template_extents);
    net_->set_template(context<Backend>{backend_, scratch_.scratch()}, image, image, memory_, options_.variation);
    box_ = target;
    started_ = true;
  }

  /// Where the target is in the next frame, which may have another size. @throws shape_error before `init`, or for a frame
  /// without pixels
  track_result track(const frame_view& frame) {
    if (!started_) heddle::detail::raise<shape_error>("romtrack: track was called before init");
    if (frame.data == nullptr || frame.height == 0 || frame.width == 0)
      heddle::detail::raise<shape_error>("tracker: the frame has no pixels");
    track_result result;
    stage_clock clock;
    const crop_square region = square_around(box_, options_.search_factor);
    const map_view<const float> image = cut(frame, region, search_extents);
    result.times.crop = clock.lap();

    net_->forward(context<Backend>{backend_, scratch_.scratch()}, image, memory_,
                  center_maps_in(maps_.placed(), 1, side, side));
    maps_.take(backend_, maps_.size());
    result.times.network = clock.lap();

    const center_box found = decode_center(center_maps_in(maps_.host(), 1, side, side), window_, window_);
    if (std::isfinite(found.cx) && std::isfinite(found.cy) && std::isfinite(found.width) && std::isfinite(found.height)) {
      const relative_box predicted{static_cast<double>(found.cx), static_cast<double>(found.cy),
                                   static_cast<double>(found.width), static_cast<double>(found.height)};
      box_ = clipped(from_crop(predicted, box_, static_cast<double>(region.side)), static_cast<double>(frame.width),
                     static_cast<double>(frame.height), options_.margin);
      result.score = static_cast<double>(found.score);
    }
    result.box = box_;
    result.times.decode = clock.lap();
    return result;
  }

  /// What was cut out last, red first: `[side, side, 3]`, `side` that of the search region after `track`.
  image_u8_view<const std::uint8_t> crop(std::size_t crop_side = C.search_size) const {
    return {crop_.data(), dynamic_extents<3>(crop_side, crop_side, 3)};
  }

 private:
  static constexpr std::size_t largest_side() noexcept { return std::max(C.search_size, C.template_size); }

  /// A region of the frame where the network reads it.
  map_view<const float> cut(const frame_view& frame, const crop_square& region, const map_extents& e) {
    const image_u8_view<std::uint8_t> bytes(crop_.data(), dynamic_extents<3>(e.extent(1), e.extent(2), 3));
    sample_target(frame, region, bytes, crop_scratch_.scratch());
    normalise_(bytes, map_view<float>(input_.host(), e));
    input_.put(backend_, e.size());
    return {input_.placed(), e};
  }
};

}  // namespace heddle::examples
