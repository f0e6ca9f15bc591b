// Stands for video.cpp and video_writer.cpp in a program that is built without FFmpeg's libraries.
#include "../common/user_error.hpp"
#include "frames.hpp"
#include "video_writer.hpp"

namespace track_app {

std::unique_ptr<frame_source> open_video(const std::string& path, std::size_t, const char*) {
  throw examples::user_error("cannot read " + path +
                             ": this program was built without videos (Debian: libavformat-dev libavcodec-dev libswscale-dev)");
}

struct video_writer::state {};
video_writer::video_writer(const std::string& path, std::size_t, std::size_t, double) {
  throw examples::user_error("cannot write " + path +
                             ": this program was built without videos (Debian: libavformat-dev libavcodec-dev libswscale-dev)");
}
video_writer::~video_writer() = default;
void video_writer::write(const examples::image&) {}
void video_writer::finish() {}

}  // namespace track_app
