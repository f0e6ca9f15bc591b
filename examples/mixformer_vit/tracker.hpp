/// @file
/// The MixFormer-ViT tracker: a box for every frame, and a list of online templates that confident frames renew.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "mixformer_vit.hpp"
#include "tracking/exchanged.hpp"
#include "tracking/sample_target.hpp"
#include "tracking/tracker.hpp"

namespace heddle::examples {

/// Options of the tracker's loop. The official evaluation uses other search factors than its configuration files: 5.05 for
/// LaSOT and 4.7 for UAV (-B), 4.55, 4.6 for TrackingNet and 4.7 for UAV (-L); and on some benchmarks more online templates that
/// are renewed more often (TrackingNet: 3 every 25 frames).
struct mixvit_tracking {
  double search_factor = 4.5;  ///< side of the search region over the root of the box's area
  double template_factor = 2.0;
  std::size_t online_size = 2;        ///< most online templates besides the first one
  std::size_t update_interval = 200;  ///< frames between two of them
  double confidence = 0.5;            ///< a frame must be above it to become a template
  double decay = 1.0;                 ///< of the best confidence so far, every frame
  double margin = 10.0;               ///< pixels of the box that stay inside the frame
};

/// A `box_tracker`. The network must be bound and prepared for `Backend`, and outlive the tracker. Everything is allocated
/// when it is made.
///
/// The template of the first frame is also the first online template. Every `update_interval` frames the most confident
/// frame since becomes one: appended until there are `online_size`, then in turn in place of an older one. Without a score
/// head the templates never change.
template <mixvit_config C, class Backend>
class mixvit_tracker {
  using network = mixformer_vit<C>;
  using bytes_tensor = tensor<std::uint8_t, dynamic_extents<3>>;
  static constexpr map_extents search_extents = network::backbone_type::search_extents(1);
  static constexpr map_extents template_extents = network::backbone_type::template_extents(1);

  const network* net_;
  mixvit_tracking options_;
  [[no_unique_address]] Backend backend_;
  mixvit_memory<C, Backend> memory_;
  bytes_tensor crop_;  ///< what was cut out last
  exchanged<Backend> search_;
  exchanged<Backend> templates_;                 ///< the first one, then the online ones
  exchanged<Backend> predicted_{5};              ///< corners, then the logit of the score
  tensor<float, dynamic_extents<1>> candidate_;  ///< the best one since the last renewal
  std::vector<map_view<const float>> views_;     ///< of `templates_`
  workspace crop_scratch_;
  typename memory_of<Backend>::workspace_type scratch_;
  pixel_normaliser normalise_;

  box box_{};
  double best_score_ = -1;
  std::size_t online_ = 0;  ///< online templates held
  std::size_t next_ = 0;    ///< the one that is replaced next
  std::size_t frames_ = 0;
  bool started_ = false;

 public:
  explicit mixvit_tracker(const network& net, const mixvit_tracking& options = {}, Backend backend = {})
      : net_(&net),
        options_(checked(options)),
        backend_(backend),
        memory_(1 + options.online_size),
        crop_(dynamic_extents<3>(largest_side(), largest_side(), 3)),
        search_(search_extents.size()),
        templates_((1 + options.online_size) * template_extents.size()),
        candidate_(dynamic_extents<1>(template_extents.size())),
        crop_scratch_(sample_target_bytes(largest_side())),
        scratch_(scratch_bytes(backend, options)) {
    for (std::size_t i = 0; i <= options.online_size; ++i)
      views_.emplace_back(templates_.placed() + i * template_extents.size(), template_extents);
  }
  mixvit_tracker(const network& net, Backend backend) : mixvit_tracker(net, mixvit_tracking{}, backend) {}

  /// Begins to follow `target`. @throws shape_error for a frame or a box that cannot be followed
  void init(const frame_view& frame, const box& target) {
    require_target(frame, target);
    cut(frame, square_around(target, options_.template_factor), map_view<float>(template_data(0), template_extents));
    std::memcpy(template_data(1), template_data(0), template_bytes());
    std::memcpy(candidate_.data(), template_data(0), template_bytes());
    online_ = 1;
    next_ = 0;
    box_ = target;
    best_score_ = -1;
    frames_ = 0;
    set_templates();
    started_ = true;
  }

  /// Where the target is in the next frame, which may have another size. @throws shape_error before `init`, or for a frame
  /// without pixels
  track_result track(const frame_view& frame) {
    if (!started_) heddle::detail::raise<shape_error>("mixformer_vit: track was called before init");
    if (frame.data == nullptr || frame.height == 0 || frame.width == 0)
      heddle::detail::raise<shape_error>("tracker: the frame has no pixels");
    ++frames_;
    track_result result;
    stage_clock clock;
    const crop_square region = square_around(box_, options_.search_factor);
    cut(frame, region, map_view<float>(search_.host(), search_extents));
    search_.put(backend_, search_.size());
    result.times.crop = clock.lap();

    net_->forward(context<Backend>{backend_, scratch_.scratch()}, map_view<const float>(search_.placed(), search_extents),
                  memory_, map_view<float>(predicted_.placed(), map_extents(1, 1, 1, 4)), {predicted_.placed() + 4, 1});
    predicted_.take(backend_, predicted_.size());
    result.times.network = clock.lap();

    const float* const corners = predicted_.host();
    const bool usable =
        std::isfinite(corners[0]) && std::isfinite(corners[1]) && std::isfinite(corners[2]) && std::isfinite(corners[3]);
    if (usable) {
      const auto at = [&](std::size_t i) { return static_cast<double>(corners[i]); };
      const relative_box found{(at(0) + at(2)) / 2, (at(1) + at(3)) / 2, at(2) - at(0), at(3) - at(1)};
      box_ = clipped(from_crop(found, box_, static_cast<double>(region.side)), static_cast<double>(frame.width),
                     static_cast<double>(frame.height), options_.margin);
    }
    result.box = box_;
    result.score = usable ? 1.0 : 0.0;
    if constexpr (network::has_score) {
      if (usable) result.score = 1.0 / (1.0 + std::exp(-static_cast<double>(corners[4])));
      renew(frame, result.score);
    }
    result.times.decode = clock.lap();
    return result;
  }

  /// Online templates held, the copy of the first one counted.
  std::size_t online_templates() const noexcept { return online_; }

 private:
  static constexpr std::size_t largest_side() noexcept { return std::max(C.search_size, C.template_size); }
  static constexpr std::size_t template_bytes() noexcept { return template_extents.size() * sizeof(float); }
  static std::size_t scratch_bytes(const Backend& backend, const mixvit_tracking& options) {
    const std::size_t templates = 1 + options.online_size;
    return std::max(network::template_bytes(backend, 1, templates), network::scratch_bytes(backend, 1, templates));
  }
  static const mixvit_tracking& checked(const mixvit_tracking& o) {
    if (!(o.search_factor > 0) || !(o.template_factor > 0) || o.update_interval == 0 || o.online_size == 0)
      heddle::detail::raise<shape_error>(
          "mixformer_vit: the search factor, the template factor, the number of online templates and the update interval must "
          "be above 0");
    return o;
  }
  float* template_data(std::size_t i) noexcept { return templates_.host() + i * template_extents.size(); }

  /// A region of the frame as the network reads it, on the host.
  void cut(const frame_view& frame, const crop_square& region, map_view<float> to) {
    const image_u8_view<std::uint8_t> bytes(crop_.data(), dynamic_extents<3>(to.extent(1), to.extent(2), 3));
    sample_target(frame, region, bytes, crop_scratch_.scratch());
    normalise_(bytes, to);
  }

  void set_templates() {
    templates_.put(backend_, (1 + online_) * template_extents.size());
    net_->set_templates(context<Backend>{backend_, scratch_.scratch()}, std::span(views_).first(1 + online_), memory_);
  }

  void renew(const frame_view& frame, double score) {
    best_score_ *= options_.decay;
    if (score > options_.confidence && score > best_score_) {
      cut(frame, square_around(box_, options_.template_factor), map_view<float>(candidate_.data(), template_extents));
      best_score_ = score;
    }
    if (frames_ % options_.update_interval != 0) return;
    std::size_t slot = next_;
    if (options_.online_size > 1 && online_ < options_.online_size) {
      slot = online_++;
    } else {
      next_ = (next_ + 1) % options_.online_size;
    }
    std::memcpy(template_data(1 + slot), candidate_.data(), template_bytes());
    set_templates();
    best_score_ = -1;
    std::memcpy(candidate_.data(), template_data(0), template_bytes());
  }
};

}  // namespace heddle::examples
