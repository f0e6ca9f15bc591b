#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "../common/image.hpp"

namespace track_app {

/// What reading a frame came to.
enum class frame_state {
  good,
  broken,  ///< there is a frame that cannot be decoded; the picture is left as it was
  end
};

/// Frames in order: a folder of pictures, a video, a camera.
///
/// All of them have the size of the first; later ones of another size are scaled to it, so that boxes stay in the pixels of
/// the first frame.
class frame_source {
 public:
  frame_source() = default;
  frame_source(const frame_source&) = delete;
  frame_source& operator=(const frame_source&) = delete;
  virtual ~frame_source() = default;

  /// The next frame as 8-bit RGB.
  virtual frame_state next(examples::image& picture) = 0;

  /// Frames per second, 0 where nobody says.
  virtual double rate() const { return 0; }
  /// How many frames there should be, 0 where that is not known beforehand.
  virtual std::size_t count() const { return 0; }
  /// Whether frames go on until somebody stops.
  virtual bool is_live() const { return false; }
  /// How many frames were scaled because their size was not that of the first.
  std::size_t scaled() const noexcept { return scaled_; }

 protected:
  std::size_t scaled_ = 0;
};

/// A folder of JPEG or PNG files (in the order of their names, numbers by value), a video file, `camera` or `camera:N`.
/// Throws `examples::user_error` where there is no such thing.
std::unique_ptr<frame_source> open_frames(const std::string& name, std::size_t threads);

std::unique_ptr<frame_source> open_folder(const std::string& path);

/// A video file, or with a `device` (`v4l2`) what that delivers. Throws in a program that was built without FFmpeg.
std::unique_ptr<frame_source> open_video(const std::string& path, std::size_t threads, const char* device = nullptr);

/// Whether `a` comes before `b` where runs of digits are compared by value: frame2 before frame10.
bool natural_less(const std::string& a, const std::string& b) noexcept;

}  // namespace track_app
