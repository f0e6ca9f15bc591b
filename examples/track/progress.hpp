#pragma once

#include <chrono>
#include <cstddef>

#include "../tracking/tracker.hpp"

namespace track_app {

/// Seconds spent on all frames so far, stage by stage.
struct spent_times {
  double read = 0;  ///< reading and decoding frames
  heddle::examples::stage_times tracker{};
  double write = 0;  ///< drawing, encoding, showing
  std::size_t frames = 0;

  double total() const noexcept { return read + tracker.total() + write; }
};

/// One line on a terminal that says how far the work is, rewritten in place ten times a second and wiped at the end. Writes
/// nothing when standard error is not a terminal.
class progress {
 public:
  progress();
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// `count` is 0 where nobody knows how many frames there will be.
  void show(const spent_times& spent, std::size_t count, double score);

 private:
  using steady = std::chrono::steady_clock;
  bool terminal_;
  bool visible_ = false;
  steady::time_point start_ = steady::now();
  steady::time_point last_{};
};

}  // namespace track_app
