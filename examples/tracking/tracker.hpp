/// @file
/// What every tracker of the examples offers: a first box, then a box for every frame.
///
/// A tracker is made once, from a network whose weights are bound; that takes all the memory it will need. After that,
/// `init` and `track` allocate nothing, whatever the size of the frames, which may change from one to the next.
/// @code
/// heddle::examples::vittrack_tracker<heddle::simd> tracker(network);
/// tracker.init(first_frame, {.x = 261, .y = 48, .w = 39, .h = 65});
/// for (...) draw(tracker.track(frame).box);
/// @endcode
#pragma once

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "box.hpp"
#include "heddle/core/error.hpp"

namespace heddle::examples {

/// In which order a pixel's bytes lie.
enum class channel_order { rgb, bgr };

/// A frame: rows of pixels of three bytes, owned by somebody else and only read.
struct frame_view {
  const std::uint8_t* data = nullptr;
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t row_bytes = 0;  ///< from the beginning of a row to that of the next
  channel_order order = channel_order::rgb;

  const std::uint8_t* row(std::size_t y) const noexcept { return data + y * row_bytes; }
  /// Byte of red, green or blue (`channel` 0, 1, 2) inside a pixel.
  std::size_t byte_of(std::size_t channel) const noexcept { return order == channel_order::rgb ? channel : 2 - channel; }
};

/// Seconds that the stages of one call took.
struct stage_times {
  double crop = 0;  ///< cutting out, resizing, normalising
  double network = 0;
  double decode = 0;  ///< from the network's output to a box

  double total() const noexcept { return crop + network + decode; }
  stage_times& operator+=(const stage_times& other) noexcept {
    crop += other.crop;
    network += other.network;
    decode += other.decode;
    return *this;
  }
};

/// What a tracker says of one frame. A target that is lost still has a box, the best guess, with a low score.
struct track_result {
  examples::box box{};
  double score = 0;  ///< confidence in [0, 1]
  stage_times times{};
};

/// A single-object tracker. `init` forgets what was followed before; `track` before `init` is an error.
template <class T>
concept box_tracker = requires(T t, const frame_view& frame, const box& target) {
  t.init(frame, target);
  { t.track(frame) } -> std::same_as<track_result>;
};

/// Time since the last call (or since it was made), for `stage_times`.
class stage_clock {
  using clock = std::chrono::steady_clock;
  clock::time_point last_ = clock::now();

 public:
  double lap() noexcept {
    const clock::time_point now = clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }
};

/// Refuses a frame that cannot be read and a first box that a tracker cannot begin with: one that is not finite, thinner
/// than a pixel, or without any part inside the frame. @throws shape_error
inline void require_target(const frame_view& frame, const box& b) {
  if (frame.data == nullptr || frame.height == 0 || frame.width == 0)
    heddle::detail::raise<shape_error>("tracker: the frame has no pixels");
  const auto width = static_cast<double>(frame.width);
  const auto height = static_cast<double>(frame.height);
  const auto text = [&] {
    const auto number = [](double v) { return std::to_string(v).substr(0, std::to_string(v).find('.') + 2); };
    return "tracker: the box " + number(b.x) + ',' + number(b.y) + ',' + number(b.w) + ',' + number(b.h) + ' ';
  };
  const bool finite = std::isfinite(b.x) && std::isfinite(b.y) && std::isfinite(b.w) && std::isfinite(b.h);
  if (!finite || !(b.w >= 1) || !(b.h >= 1))
    heddle::detail::raise<shape_error>(text() + "must be at least one pixel wide and high");
  if (b.w > 16 * width || b.h > 16 * height) heddle::detail::raise<shape_error>(text() + "is far larger than the frame");
  if (b.x >= width || b.y >= height || b.x + b.w <= 0 || b.y + b.h <= 0)
    heddle::detail::raise<shape_error>(text() + "lies outside the frame of " + std::to_string(frame.width) + " x " +
                                       std::to_string(frame.height) + " pixels");
}

}  // namespace heddle::examples
