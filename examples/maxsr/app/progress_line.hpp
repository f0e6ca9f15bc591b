#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>

namespace maxsr_app {

/// One line on a terminal that says how far the work is: rewritten in place at most ten times a second and wiped at the end.
/// Writes nothing when standard error is not a terminal.
class progress_line {
 public:
  progress_line();
  ~progress_line();
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void show(std::size_t done, std::size_t total);

 private:
  using steady = std::chrono::steady_clock;

  bool terminal_;
  bool visible_ = false;
  steady::time_point start_ = steady::now();
  steady::time_point last_ = start_;
};

}  // namespace maxsr_app
