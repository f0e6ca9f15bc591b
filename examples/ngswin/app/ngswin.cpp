// ngswin: enlarges a photograph with NGswin, in tiles where it is large.

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "../../common/metrics.hpp"
#include "../../common/png_writer.hpp"
#include "../../common/user_error.hpp"
#include "../../maxsr/app/enlarge.hpp"
#include "../../maxsr/app/network.hpp"
#include "../../maxsr/app/options.hpp"
#include "../../maxsr/app/progress_line.hpp"

namespace {

using examples::image;
using examples::user_error;
using namespace maxsr_app;

struct arguments {
  std::string weights;
  std::string backend = "simd";
  std::string original;
  std::string input;
  std::string output;
  tiled_options run;
};

std::optional<int> read_arguments(arguments& args, int argc, char** argv) {
  args.run.tiles.side = 256;
  CLI::App app("Enlarges a photograph with the super-resolution network NGswin.", "ngswin");
  app.add_option("--weights", args.weights, "weights of the network (safetensors); they say by how much it enlarges")
      ->required();
  app.add_option("--backend", args.backend, "who computes: simd, or cuda where the program was built with it")
      ->check(CLI::IsMember({"simd", "cuda"}))
      ->capture_default_str();
  app.add_option("--threads", args.run.threads, "threads; the result is the same for every number")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1024}))
      ->capture_default_str();
  app.add_option("--tile", args.run.tiles.side, "side of a tile in pixels of the small picture")
      ->check(CLI::Range(std::size_t{64}, std::size_t{1024}))
      ->capture_default_str();
  app.add_option("--compare", args.original, "print PSNR and SSIM of the result against this picture");
  app.add_option("IN", args.input, "picture to enlarge (PNG or JPEG)")->required();
  app.add_option("OUT", args.output, "result (PNG)")->required();
  return parse(app, argc, argv);
}

image read_original(const std::string& path, std::size_t height, std::size_t width) {
  image original = examples::read_image(path);
  if (original.height != height || original.width != width)
    throw user_error(path + " has " + std::to_string(original.width) + " x " + std::to_string(original.height) +
                     " pixels, the result will have " + std::to_string(width) + " x " + std::to_string(height));
  return original;
}

int body(int argc, char** argv) {
  arguments args;
  if (const auto code = read_arguments(args, argc, argv)) return *code;
  if (args.output.size() < 4 || args.output.substr(args.output.size() - 4) != ".png")
    throw user_error("the result is written as PNG, so " + args.output + " must end in .png");
  const image picture = examples::read_image(args.input);
  const auto net = load_network(args.weights, 0, args.backend);
  const std::size_t scale = net->scale();
  image result(scale * picture.height, scale * picture.width, picture.channels, picture.bit_depth);
  std::optional<image> original;
  if (!args.original.empty()) original = read_original(args.original, result.height, result.width);

  examples::png_writer writer(args.output, result.height, result.width, picture.channels, picture.bit_depth, picture.icc);
  const auto start = std::chrono::steady_clock::now();
  {
    progress_line progress;
    std::size_t y = 0;
    enlarge(
        picture, *net, args.run,
        [&](const std::uint8_t* row) {
          writer.write_row(row);
          std::memcpy(result.row(y++), row, result.row_bytes());
        },
        [&](std::size_t done, std::size_t total) { progress.show(done, total); });
  }
  writer.finish();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s: %zu x %zu, %.2f s\n", args.output.c_str(), result.width, result.height, seconds);
  if (original)
    std::printf("PSNR %.4f dB   SSIM %.4f on luma, without a border of %zu pixels\n",
                examples::psnr_luma(result, *original, scale), examples::ssim_luma(result, *original, scale), scale);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_program("ngswin", body, argc, argv); }
