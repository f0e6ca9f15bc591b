#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "../tracking/box.hpp"

namespace track_app {

struct options {
  std::string model = "vittrack";
  std::string weights;
  std::optional<heddle::examples::box> target;
  std::string input;
  std::string video;  ///< annotated frames; empty: none
  std::string csv;    ///< boxes; empty: none
  bool show = false;
  bool bf16 = false;       ///< products in bfloat16
  bool on_device = false;  ///< --backend cuda
  std::size_t threads = 1;
  std::size_t frames = 0;  ///< stop after so many; 0: all
};

/// Reads the command line. Returns the exit code when the program is done (help was printed); throws `examples::user_error`
/// with one sentence for anything that cannot be understood.
std::optional<int> parse(options& o, int argc, const char* const* argv);

}  // namespace track_app
