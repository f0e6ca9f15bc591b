/// @file
/// The tracking loop of ViTTrack: crop around the last box, network, windowed arg max, next box.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "../tracking/exchanged.hpp"
#include "../tracking/sample_target.hpp"
#include "../tracking/tracker.hpp"
#include "heddle/core/tensor.hpp"
#include "heddle/model/memory_of.hpp"
#include "vittrack.hpp"

namespace heddle::examples {

/// Follows one target with a `vittrack` that is bound and prepared for `Backend`, and outlives the tracker. All memory is
/// taken by the constructor. @see box_tracker
template <class Backend, vittrack_config C = vittrack_config{}>
class vittrack_tracker {
  using network_type = vittrack<C>;
  using memory = memory_of<Backend>;
  static constexpr double template_factor = 2.0;  ///< side of the crop: so many times the side of a square as large as the box
  static constexpr double search_factor = 4.0;
  static constexpr std::size_t cells = network_type::search_cells;
  static constexpr std::size_t largest_side = std::max(C.template_side, C.search_side);

  const network_type& net_;
  Backend backend_;
  pixel_normaliser normalise_{};
  workspace crop_scratch_;
  typename memory::workspace_type scratch_;
  tensor<std::uint8_t, dynamic_extents<1>> pixels_{dynamic_extents<1>(largest_side * largest_side * 3)};
  exchanged<Backend> image_{largest_side * largest_side * 3};
  typename memory::template tensor_type<float, map_extents> template_{
      network_type::token_extents(network_type::template_tokens)};
  exchanged<Backend> maps_{center_map_floats(1, cells, cells)};
  std::array<float, cells> window_{};
  std::optional<box> target_{};

 public:
  explicit vittrack_tracker(const network_type& net, const Backend& backend = {})
      : net_(net),
        backend_(backend),
        crop_scratch_(sample_target_bytes(largest_side)),
        scratch_(network_type::scratch_bytes(backend)) {
    hann_window(window_);
  }

  /// Takes the target's picture from its box in the first frame. @throws shape_error, see `require_target`
  void init(const frame_view& frame, const box& target) {
    require_target(frame, target);
    const map_view<const float> image = picture(frame, square_around(target, template_factor), C.template_side);
    net_.embed_template(context<Backend>{backend_, scratch_.scratch()}, image, template_.view());
    target_ = target;
  }

  /// The target's box in the next frame. @throws shape_error before `init`
  track_result track(const frame_view& frame) {
    if (!target_) heddle::detail::raise<shape_error>("vittrack_tracker: track before init");
    track_result result;
    stage_clock clock;
    const crop_square square = square_around(*target_, search_factor);
    const map_view<const float> image = picture(frame, square, C.search_side);
    result.times.crop = clock.lap();
    net_.forward(context<Backend>{backend_, scratch_.scratch()}, template_.view(), image,
                 center_maps_in(maps_.placed(), 1, cells, cells));
    maps_.take(backend_, maps_.size());
    result.times.network = clock.lap();
    const center_box found = decode_center(maps(), window_, window_);
    const box moved = from_crop({found.cx, found.cy, found.width, found.height}, *target_, static_cast<double>(square.side));
    target_ = clipped(moved, static_cast<double>(frame.width), static_cast<double>(frame.height));
    result.box = *target_;
    result.score = static_cast<double>(found.score);
    result.times.decode = clock.lap();
    return result;
  }

  /// The maps of the last `track`, for whoever wants to look at them.
  center_maps maps() noexcept { return center_maps_in(maps_.host(), 1, cells, cells); }

 private:
  /// A square of the frame where the network reads it.
  map_view<const float> picture(const frame_view& frame, const crop_square& square, std::size_t side) {
    const image_u8_view<std::uint8_t> bytes(pixels_.data(), dynamic_extents<3>(side, side, 3));
    sample_target(frame, square, bytes, crop_scratch_.scratch());
    const map_extents e(1, side, side, 3);
    normalise_(bytes, map_view<float>(image_.host(), e));
    image_.put(backend_, e.size());
    return {image_.placed(), e};
  }
};

}  // namespace heddle::examples
