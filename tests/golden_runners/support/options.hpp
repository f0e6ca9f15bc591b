// The command line of a golden runner.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace heddle::golden {

/// Largest difference that passes, as a share of the largest absolute value of the expected tensor.
inline constexpr double default_tolerance = 1e-4;

struct options {
  std::string folder{};
  std::string backend{};              ///< empty: every backend that the program was built with
  bool mid = false;                   ///< compare intermediate tensors too
  std::optional<double> tolerance{};  ///< empty: the system's own
};

inline constexpr const char* usage =
    "usage: runner FOLDER [--mid] [--backend reference|simd|cuda] [--tolerance T]\n"
    "  FOLDER        holds config.json (the one this program was built from), weights.safetensors, io.safetensors\n"
    "  --mid         compare the intermediate tensors (mid.*) too\n"
    "  --backend B   run one backend instead of all that were built in\n"
    "  --tolerance T largest difference, as a share of a tensor's largest absolute value\n";

/// Nothing after a line that says what is wrong.
inline std::optional<options> parse_options(int argc, char** argv) {
  options result;
  const auto refuse = [](const std::string& sentence) {
    std::fprintf(stderr, "%s\n%s", sentence.c_str(), usage);
    return std::nullopt;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool takes_value = argument == "--backend" || argument == "--tolerance";
    if (takes_value && i + 1 == argc) return refuse(std::string(argument) + " needs a value");
    if (argument == "--mid") {
      result.mid = true;
    } else if (argument == "--backend") {
      result.backend = argv[++i];
      if (result.backend != "reference" && result.backend != "simd" && result.backend != "cuda")
        return refuse("no backend is called " + result.backend);
    } else if (argument == "--tolerance") {
      char* end = nullptr;
      result.tolerance = std::strtod(argv[++i], &end);
      if (*end != '\0' || !(*result.tolerance >= 0.0)) return refuse("--tolerance needs a number of at least 0");
    } else if (argument.substr(0, 2) == "--" || !result.folder.empty()) {
      return refuse("cannot make sense of " + std::string(argument));
    } else {
      result.folder = argument;
    }
  }
  if (result.folder.empty()) return refuse("no folder was given");
  return result;
}

}  // namespace heddle::golden
