// maxsr: enlarges a photograph with MaxSR-light, tile by tile.

#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>

#include "../../common/bicubic.hpp"
#include "../../common/metrics.hpp"
#include "../../common/png_writer.hpp"
#include "enlarge.hpp"
#include "network.hpp"
#include "options.hpp"
#include "progress_line.hpp"

namespace maxsr_app {
namespace {

using examples::image;
using examples::user_error;

struct arguments {
  common_options common;
  std::string original;
  std::string input;
  std::string output;
};

std::optional<int> read_arguments(arguments& args, int argc, char** argv) {
  return parse("maxsr", "Enlarges a photograph with the super-resolution network MaxSR-light.", args.common,
               {{"--compare", args.original, "print PSNR and SSIM of the result and of bicubic against this picture"},
                {"IN", args.input, "picture to enlarge (PNG or JPEG)", true},
                {"OUT", args.output, "result (PNG)", true}},
               argc, argv);
}

bool ends_with_png(const std::string& path) {
  return path.size() > 4 && ::strcasecmp(path.c_str() + path.size() - 4, ".png") == 0;
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

void check_arguments(const arguments& args) {
  if (!ends_with_png(args.output)) {
    throw user_error("the result is written as PNG, so " + args.output + " must end in .png");
  }
  for (const std::string& other : {args.input, args.original}) {
    if (!other.empty() && same_file(args.output, other)) {
      throw user_error("the result would overwrite " + other);
    }
  }
}

image read_original(const std::string& path, const image& picture, std::size_t scale) {
  image original = examples::read_image(path);
  if (original.height != scale * picture.height || original.width != scale * picture.width) {
    throw user_error(path + " has " + std::to_string(original.width) + " x " + std::to_string(original.height) +
                     " pixels, the result will have " + std::to_string(scale * picture.width) + " x " +
                     std::to_string(scale * picture.height));
  }
  return original;
}

void print_comparison(const image& picture, const image& result, const image& original, std::size_t scale) {
  const image baseline = examples::bicubic(picture, original.height, original.width);
  const auto line = [&](const char* name, const image& candidate) {
    std::printf("%-8s PSNR %6.2f dB   SSIM %.4f\n", name, examples::psnr_luma(candidate, original, scale),
                examples::ssim_luma(candidate, original, scale));
  };
  std::printf("on luma, without a border of %zu pixels:\n", scale);
  line("bicubic", baseline);
  line("maxsr", result);
}

int body(int argc, char** argv) {
  arguments args;
  if (const auto code = read_arguments(args, argc, argv)) {
    return *code;
  }
  check_arguments(args);
  const image picture = examples::read_image(args.input);
  std::optional<image> original;
  if (!args.original.empty()) {
    original = read_original(args.original, picture, args.common.scale);
  }
  const auto net = load_network(args.common.weights, args.common.scale, args.common.backend);
  const std::size_t scale = net->scale();

  image result;
  if (original) {
    result = image(scale * picture.height, scale * picture.width, picture.channels, picture.bit_depth);
  }
  examples::png_writer writer(args.output, scale * picture.height, scale * picture.width, picture.channels, picture.bit_depth,
                              picture.icc);
  const auto start = std::chrono::steady_clock::now();
  {
    progress_line progress;
    std::size_t y = 0;
    const auto keep_and_write = [&](const std::uint8_t* row) {
      writer.write_row(row);
      if (original) {
        std::memcpy(result.row(y++), row, result.row_bytes());
      }
    };
    enlarge(picture, *net, args.common.run, keep_and_write,
            [&](std::size_t done, std::size_t total) { progress.show(done, total); });
  }
  writer.finish();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s: %zu x %zu, %.2f s\n", args.output.c_str(), scale * picture.width, scale * picture.height, seconds);
  if (original) {
    print_comparison(picture, result, *original, scale);
  }
  return 0;
}

}  // namespace
}  // namespace maxsr_app

int main(int argc, char** argv) { return maxsr_app::run_program("maxsr", maxsr_app::body, argc, argv); }
