// Where the photographs and checkpoints are that are too large for the repository.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace heddle::test {

/// The folder named by the environment variable HEDDLE_DATA_DIR (CMake sets it from the option of the same name), or
/// nothing after one line that says what is skipped:
/// `const auto data = test::data_dir("Set5 quality"); if (!data) return;`
inline std::optional<std::string> data_dir(const char* what) {
  if (const char* folder = std::getenv("HEDDLE_DATA_DIR"); folder != nullptr && *folder != '\0') return std::string(folder);
  std::printf("skipped: %s (HEDDLE_DATA_DIR is not set)\n", what);
  return std::nullopt;
}

}  // namespace heddle::test
