/// @file
/// The MixFormerV2 tracker: a box for every frame, templates that are renewed.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "templates.hpp"
#include "tracking/sample_target.hpp"
#include "tracking/tracker.hpp"

namespace heddle::examples {

/// Options of the tracker's loop. The official evaluation uses other search factors than its configuration files: 5.0 for -B,
/// 4.4 (LaSOT) or 4.55 (TrackingNet, GOT-10k) for -S.
struct mixformerv2_tracking {
  double search_factor = 4.5;  ///< side of the search region over the root of the box's area
  double template_factor = 2.0;
  std::size_t update_interval = 200;  ///< frames between two renewals of the online template
  double confidence = 0.5;            ///< a frame must be above it to become a template
  double decay = 1.0;                 ///< of the best confidence so far, every frame
  double margin = 10.0;               ///< pixels of the box that stay inside the frame
};

/// A `box_tracker`. The network must be bound and prepared for `Backend`, and outlive the tracker. Everything is allocated
/// when it is made.
template <mixformerv2_config C, class Backend>
class mixformerv2_tracker {
  using network = mixformerv2<C>;
  using bytes_tensor = tensor<std::uint8_t, dynamic_extents<3>>;
  using memory = memory_of<Backend>;
  static constexpr std::size_t template_floats = C.template_size * C.template_size * 3;
  static constexpr std::size_t input_floats = std::max(network::search_extents().size(), 2 * template_floats);

  const network* net_;
  mixformerv2_tracking options_;
  [[no_unique_address]] Backend backend_;
  mixformerv2_templates<C, Backend> templates_;
  bytes_tensor first_;      ///< template of the first frame
  bytes_tensor online_;     ///< the one in use besides it
  bytes_tensor candidate_;  ///< the best one since the last renewal
  bytes_tensor search_;
  tensor<float, dynamic_extents<1>> input_;
  typename memory::template tensor_type<float, dynamic_extents<1>> placed_;  ///< of a device: the input, then box and score
  workspace crop_scratch_;
  typename memory::workspace_type scratch_;
  pixel_normaliser normalise_;

  box box_;
  double best_score_ = -1;
  std::size_t frames_ = 0;
  bool started_ = false;

 public:
  explicit mixformerv2_tracker(const network& net, const mixformerv2_tracking& options = {}, Backend backend = {})
      : net_(&net),
        options_(options),
        backend_(backend),
        templates_(2),
        first_(image_extents(C.template_size)),
        online_(image_extents(C.template_size)),
        candidate_(image_extents(C.template_size)),
        search_(image_extents(C.search_size)),
        input_(dynamic_extents<1>(input_floats)),
        placed_(dynamic_extents<1>(moves_weights<Backend> ? input_floats + 5 : 0)),
        crop_scratch_(std::max(sample_target_bytes(C.search_size), sample_target_bytes(C.template_size))),
        scratch_(
            std::max(mixformerv2_templates<C>::set_bytes(backend, 2), mixformerv2_templates<C>::forward_bytes(backend, 2))) {
    if (!(options.search_factor > 0) || !(options.template_factor > 0) || options.update_interval == 0)
      heddle::detail::raise<shape_error>(
          "mixformerv2: the search factor, the template factor and the update interval must be above 0");
  }

  /// Begins to follow `target`. @throws shape_error for a frame or a box that cannot be followed
  void init(const frame_view& frame, const box& target) {
    require_target(frame, target);
    cut(frame, square_around(target, options_.template_factor), first_);
    copy(first_, online_);
    copy(first_, candidate_);
    set_templates();
    box_ = target;
    best_score_ = -1;
    frames_ = 0;
    started_ = true;
  }

  /// Where the target is in the next frame, which may have another size. @throws shape_error before `init`, or for a frame
  /// without pixels
  track_result track(const frame_view& frame) {
    if (!started_) heddle::detail::raise<shape_error>("mixformerv2: track was called before init");
    if (frame.data == nullptr || frame.height == 0 || frame.width == 0)
      heddle::detail::raise<shape_error>("tracker: the frame has no pixels");
    ++frames_;
    track_result result;
    stage_clock clock;
    const crop_square region = square_around(box_, options_.search_factor);
    cut(frame, region, search_);
    const map_view<float> input(input_.data(), network::search_extents());
    normalise_(std::as_const(search_).view(), input);
    result.times.crop = clock.lap();

    std::array<float, 5> predicted{};  // the box, then the score
    float* const wanted = moves_weights<Backend> ? placed_.data() + input_floats : predicted.data();
    mixformerv2_outputs out;
    out.boxes = make_matrix(wanted, 1, 4);
    if constexpr (C.score_head) out.scores = {wanted + 4, 1};
    templates_.forward(context<Backend>{backend_, scratch_.scratch()}, *net_, placed(input), out);
    if constexpr (moves_weights<Backend>) memory::take(backend_, wanted, predicted.data(), 5);
    result.times.network = clock.lap();

    const auto number = [&](std::size_t i) { return static_cast<double>(predicted[i]); };
    const box found = from_crop({number(0), number(1), number(2), number(3)}, box_, static_cast<double>(region.side));
    const bool usable = std::isfinite(found.x) && std::isfinite(found.y) && std::isfinite(found.w) && std::isfinite(found.h);
    if (usable) box_ = clipped(found, static_cast<double>(frame.width), static_cast<double>(frame.height), options_.margin);
    result.box = box_;
    result.score = C.score_head && usable ? 1.0 / (1.0 + std::exp(-static_cast<double>(predicted[4]))) : (usable ? 1.0 : 0.0);
    if constexpr (C.score_head) renew(frame, result.score);
    result.times.decode = clock.lap();
    return result;
  }

  /// The online template in use, red first.
  image_u8_view<const std::uint8_t> online_template() const noexcept { return online_.view(); }

 private:
  static dynamic_extents<3> image_extents(std::size_t side) { return {side, side, std::size_t{3}}; }
  static void copy(const bytes_tensor& from, bytes_tensor& to) { std::memcpy(to.data(), from.data(), from.size()); }

  void cut(const frame_view& frame, const crop_square& region, bytes_tensor& to) {
    sample_target(frame, region, to.view(), crop_scratch_.scratch());
  }
  /// A map in `input_` where the network reads it.
  map_view<const float> placed(map_view<const float> x) {
    if constexpr (moves_weights<Backend>) {
      memory::put(backend_, x.data_handle(), placed_.data(), x.size());
      return {placed_.data(), x.extents()};
    } else {
      return x;
    }
  }

  void set_templates() {
    for (std::size_t i = 0; i < 2; ++i)
      normalise_(std::as_const(i == 0 ? first_ : online_).view(),
                 map_view<float>(input_.data() + i * template_floats, network::template_extents()));
    templates_.set(context<Backend>{backend_, scratch_.scratch()}, *net_,
                   placed({input_.data(), network::template_extents(2)}));
  }

  /// A confident frame becomes the candidate; at the end of an interval the candidate becomes the online template, and the
  /// first template the candidate. Keys and values are computed again only if the template is another one.
  void renew(const frame_view& frame, double score) {
    best_score_ *= options_.decay;
    if (score > options_.confidence && score > best_score_) {
      cut(frame, square_around(box_, options_.template_factor), candidate_);
      best_score_ = score;
    }
    if (frames_ % options_.update_interval != 0) return;
    if (std::memcmp(online_.data(), candidate_.data(), online_.size()) != 0) {
      copy(candidate_, online_);
      set_templates();
    }
    best_score_ = -1;
    copy(first_, candidate_);
  }
};

}  // namespace heddle::examples
