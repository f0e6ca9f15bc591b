#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "../common/image.hpp"

namespace track_app {

/// A video file that appears whole or not at all. Its ending (.mp4, .mkv, .avi) says which container; H.264 where the
/// encoder is installed, else MPEG-4.
class video_writer {
 public:
  /// Throws `examples::user_error` when the file cannot be written or there is no encoder. An odd last row or column of the
  /// frames is left out.
  video_writer(const std::string& path, std::size_t height, std::size_t width, double rate);
  ~video_writer();
  video_writer(const video_writer&) = delete;
  video_writer& operator=(const video_writer&) = delete;

  /// Appends an 8-bit RGB frame of the size that was announced.
  void write(const examples::image& picture);

  /// Ends the file and gives it its name.
  void finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace track_app
