#pragma once

#include <stdexcept>
#include <string>

namespace examples {

/// What a program tells its user before it stops: one sentence that names the file or option and the reason.
///
/// The programs print it as `program: sentence` on standard error and leave with `user_error_exit_code`.
class user_error : public std::runtime_error {
 public:
  explicit user_error(const std::string& sentence) : std::runtime_error(sentence) {}
};

inline constexpr int user_error_exit_code = 2;

}  // namespace examples
