#include "progress_line.hpp"

#include <unistd.h>

namespace maxsr_app {

progress_line::progress_line() : terminal_(::isatty(STDERR_FILENO) == 1) {}

progress_line::~progress_line() {
  if (visible_) {
    std::fputs("\r\033[K", stderr);
  }
}

void progress_line::show(std::size_t done, std::size_t total) {
  const auto now = steady::now();
  if (!terminal_ || (now - last_ < std::chrono::milliseconds(100) && done != total)) {
    return;
  }
  last_ = now;
  visible_ = true;
  const double spent = std::chrono::duration<double>(now - start_).count();
  const double left = spent * static_cast<double>(total - done) / static_cast<double>(done);
  std::fprintf(stderr, "\r\033[K%3zu %%  tile %zu of %zu, %.0f s left", 100 * done / total, done, total, left);
  std::fflush(stderr);
}

}  // namespace maxsr_app
