#include "progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace track_app {

progress::progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

progress::~progress() {
  if (visible_) {
    std::fputs("\r\033[K", stderr);
  }
}

void progress::show(const spent_times& spent, std::size_t count, double score) {
  const auto now = steady::now();
  if (!terminal_ || now - last_ < std::chrono::milliseconds(100)) {
    return;
  }
  last_ = now;
  visible_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto frames = static_cast<double>(spent.frames);
  std::fprintf(stderr, "\r\033[Kframe %zu", spent.frames);
  if (count != 0) {
    std::fprintf(stderr, " of %zu", count);
  }
  std::fprintf(stderr, "  %.0f frames/s  read %.2f  crop %.2f  network %.2f  decode %.2f  write %.2f ms  score %.2f",
               seconds > 0 ? frames / seconds : 0, 1e3 * spent.read / frames, 1e3 * spent.tracker.crop / frames,
               1e3 * spent.tracker.network / frames, 1e3 * spent.tracker.decode / frames, 1e3 * spent.write / frames, score);
  std::fflush(stderr);
}

}  // namespace track_app
