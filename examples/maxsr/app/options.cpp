#include "options.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <climits>
#include <cstdio>
#include <new>
#include <string>
#include <thread>

#include "../../common/atomic_file.hpp"
#include "../../common/user_error.hpp"

#ifndef HEDDLE_MAXSR_WEIGHTS
#define HEDDLE_MAXSR_WEIGHTS "maxsr_light_x2.safetensors"
#endif

namespace maxsr_app {
namespace {

using examples::user_error;
using examples::user_error_exit_code;

constexpr std::size_t most_threads = 1024;
constexpr std::size_t smallest_tile = 25;  // two fades and their margins fit
constexpr std::size_t largest_tile = 1024;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// CLI11's messages may have several lines; the programs promise one sentence.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  for (char& c : text) {
    c = c == '\n' ? ' ' : c;
  }
  return text;
}

}  // namespace

common_options::common_options() : weights(shipped_weights()) {
  const unsigned processors = std::thread::hardware_concurrency();
  run.threads = processors > 0 ? processors : 1;
}

void common_options::add_to(CLI::App& app) {
  app.add_option("--weights", weights, "weights of the network (safetensors); default: the shipped ones");
  app.add_option("--scale", scale, "enlargement: the one that the weights were trained for")
      ->check(CLI::Range(std::size_t{2}, std::size_t{4}))
      ->capture_default_str();
  app.add_option("--backend", backend, "who computes: simd, or cuda where the program was built with it")
      ->check(CLI::IsMember({"simd", "cuda"}))
      ->capture_default_str();
  app.add_option("--threads", run.threads, "threads; the result is the same for every number")
      ->check(CLI::Range(std::size_t{1}, most_threads))
      ->capture_default_str();
  app.add_option("--tile", run.tiles.side,
                 "side of a tile in pixels of the small picture; squares (36, 49, 64, 81, 100) suit the network")
      ->check(CLI::Range(smallest_tile, largest_tile))
      ->capture_default_str();
  app.add_flag("--self-ensemble", run.self_ensemble, "average over the 8 flips and turns: 8 times slower, slightly better");
}

std::string shipped_weights() {
  const std::string built_in = HEDDLE_MAXSR_WEIGHTS;
  if (exists(built_in)) {
    return built_in;
  }
  char program[PATH_MAX] = {};
  const ssize_t length = ::readlink("/proc/self/exe", program, sizeof program - 1);
  if (length <= 0) {
    return built_in;
  }
  const std::string path(program, static_cast<std::size_t>(length));
  const std::string beside = path.substr(0, path.rfind('/') + 1) + built_in.substr(built_in.rfind('/') + 1);
  return exists(beside) ? beside : built_in;
}

std::optional<int> parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);  // --help
  } catch (const CLI::ParseError& error) {
    throw user_error(one_line(error.what()) + " (--help lists the options)");
  }
  return std::nullopt;
}

std::optional<int> parse(const char* name, const char* description, common_options& common,
                         std::initializer_list<text_argument> texts, int argc, const char* const* argv) {
  CLI::App app(description, name);
  common.add_to(app);
  for (const text_argument& text : texts) {
    CLI::Option* const option = app.add_option(text.name, text.value, text.help)->required(text.required);
    if (!text.value.empty()) {
      option->capture_default_str();
    }
  }
  return parse(app, argc, argv);
}

int run_program(const char* name, int (*body)(int, char**), int argc, char** argv) noexcept {
  try {
    examples::remove_temporary_on_signals();
    return body(argc, argv);
  } catch (const user_error& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: not enough memory for this picture\n", name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: unexpected error: %s\n", name, error.what());
  }
  return user_error_exit_code;
}

}  // namespace maxsr_app
