#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>

#include "tiled.hpp"

namespace CLI {
class App;
}

namespace maxsr_app {

/// What both programs take on the command line.
struct common_options {
  std::string weights;
  std::size_t scale = 2;
  std::string backend = "simd";
  tiled_options run;

  common_options();

  /// Adds --weights, --scale, --backend, --threads, --tile and --self-ensemble.
  void add_to(CLI::App& app);
};

/// An option or a positional argument that takes a text.
struct text_argument {
  const char* name;
  std::string& value;  ///< the default where it is not required
  const char* help;
  bool required = false;
};

/// The shipped weights: the file named when the program was built if it exists, else a file of that name beside the program.
std::string shipped_weights();

/// Reads the command line. Returns the exit code when the program is done (help was printed); throws `examples::user_error`
/// with one sentence for anything that cannot be understood.
std::optional<int> parse(CLI::App& app, int argc, const char* const* argv);

/// The same for a program of the common options and some texts. Its source need not compile the reader of options, which takes
/// longer than all the rest of it.
std::optional<int> parse(const char* name, const char* description, common_options& common,
                         std::initializer_list<text_argument> texts, int argc, const char* const* argv);

/// Runs a program's body and turns what it throws into one sentence on standard error and `user_error_exit_code`.
int run_program(const char* name, int (*body)(int, char**), int argc, char** argv) noexcept;

}  // namespace maxsr_app
