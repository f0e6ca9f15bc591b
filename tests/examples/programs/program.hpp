#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace examples_test {

struct outcome {
  int code = -1;  ///< exit code, or -1 when a signal ended the program
  std::string output;
  std::string errors;
  std::size_t peak_bytes = 0;  ///< largest resident memory
};

struct limits {
  long long file_bytes = -1;    ///< no file may grow beyond this
  int terminate_after_ms = -1;  ///< send SIGTERM then
  bool terminal = false;        ///< standard error is a terminal
};

/// Runs a program with arguments and collects what it writes.
outcome run_program(const std::string& program, const std::vector<std::string>& arguments, const limits& bound = {});

/// Runs a program in a fresh file system of `bytes` bytes mounted at `folder`, which only the program sees, and reports through
/// `entries_left` how many files it left there. False if this machine does not let a test mount one.
bool run_on_small_disk(const std::string& program, const std::vector<std::string>& arguments, const std::string& folder,
                       std::size_t bytes, outcome& result, std::size_t& entries_left);

}  // namespace examples_test
