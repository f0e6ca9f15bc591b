// saliency: what in a photograph matters, with and without token merging.

#include <CLI/CLI.hpp>

#include <sys/stat.h>

#include <cstdio>
#include <new>
#include <string>

#include "../common/atomic_file.hpp"
#include "../common/png_writer.hpp"
#include "../common/user_error.hpp"
#include "network.hpp"
#include "picture.hpp"

namespace saliency_app {
namespace {

using examples::user_error;

struct arguments {
  std::string weights = "vits14_saliency.safetensors";
  std::string backend = "simd";
  std::string input;
  std::string output;
  std::size_t merge = 0;
  std::size_t repetitions = 5;
  bool crop = false;
};

void add_options(CLI::App& app, arguments& a) {
  app.add_option("--merge", a.merge, "tokens merged away in each of the 12 layers; 0: none")
      ->check(CLI::Range(0, 128))
      ->capture_default_str();
  app.add_option("--weights", a.weights, "trained weights, made by fetch_weights.py")->capture_default_str();
  app.add_option("--backend", a.backend, "who computes: simd, or cuda where the program was built with it")
      ->check(CLI::IsMember({"simd", "cuda"}))
      ->capture_default_str();
  app.add_option("--repeat", a.repetitions, "runs, of which the fastest is timed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--crop", a.crop, "take the square in the middle instead of padding with black");
  app.add_option("IMG", a.input, "photograph (PNG or JPEG)")->required();
  app.add_option("OUT", a.output, "result (PNG)")->required();
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

void check(const arguments& a) {
  const std::string& out = a.output;
  if (out.size() < 5 || out.compare(out.size() - 4, 4, ".png") != 0)
    throw user_error("the result is written as PNG, so " + out + " must end in .png");
  if (same_file(a.input, out)) throw user_error("the result would overwrite " + a.input);
}

void print(const char* name, const result& r) {
  std::printf("%-9s %3zu tokens at the end, %5.2f GFLOP in the trunk, %6.2f ms\n", name, r.tokens, 2.0 * r.multiply_adds / 1e9,
              r.milliseconds);
}

int body(int argc, char** argv) {
  arguments a;
  CLI::App app("Shows what in a photograph matters (DINOv2 ViT-S/14), with and without token merging.", "saliency");
  add_options(app, a);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);  // --help
  } catch (const CLI::ParseError& error) {
    throw user_error(std::string(error.what()) + " (--help lists the options)");
  }
  check(a);
  const std::vector<std::uint8_t> rgb = fitted(examples::read_image(a.input), a.crop ? fit::crop : fit::pad);
  const auto net = load_network(a.weights, a.backend);
  const result plain = net->run(rgb, 0, a.repetitions);
  print("whole:", plain);
  if (a.merge == 0) {
    examples::write_png(a.output, panels(rgb, plain, nullptr));
  } else {
    const result merged = net->run(rgb, a.merge, a.repetitions);
    print("merged:", merged);
    std::printf("the two maps: correlation %.4f, overlap above 0.5 %.4f\n", correlation(plain.map, merged.map),
                overlap(plain.map, merged.map));
    examples::write_png(a.output, panels(rgb, plain, &merged));
  }
  return 0;
}

}  // namespace
}  // namespace saliency_app

int main(int argc, char** argv) {
  try {
    examples::remove_temporary_on_signals();
    return saliency_app::body(argc, argv);
  } catch (const examples::user_error& error) {
    std::fprintf(stderr, "saliency: %s\n", error.what());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "saliency: not enough memory for this picture\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "saliency: unexpected error: %s\n", error.what());
  }
  return examples::user_error_exit_code;
}
