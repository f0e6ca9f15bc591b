#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "heddle/core/error.hpp"

namespace examples {

/// What a program tells its user before it stops: one sentence that names the file or option and the reason.
///
/// The programs print it as `program: sentence` on standard error and leave with `user_error_exit_code`.
class user_error : public std::runtime_error {
 public:
  explicit user_error(const std::string& sentence) : std::runtime_error(sentence) {}
};

inline constexpr int user_error_exit_code = 2;

/// One sentence from a report of the library, which has a summary and a line for every problem: the summary and the first problem.
inline std::string one_sentence(const std::string& report) {
  const std::size_t end = report.find('\n');
  const std::size_t begin = report.find_first_not_of(" \n", end);
  if (end == std::string::npos || begin == std::string::npos) {
    return report.substr(0, end);
  }
  const std::size_t next = report.find('\n', begin);
  return report.substr(0, end) + (next == std::string::npos ? ": " : "; the first: ") + report.substr(begin, next - begin);
}

/// What `f()` returns. An error of the library becomes one sentence for the user.
template <class F>
auto told_to_user(F&& f) {
  try {
    return f();
  } catch (const heddle::error& e) {
    throw user_error(one_sentence(e.what()));
  }
}

}  // namespace examples
