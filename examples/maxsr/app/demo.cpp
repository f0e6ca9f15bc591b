// maxsr_demo: halves a photograph, enlarges it again with MaxSR-light and with bicubic, and measures both against the original.

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "../../common/bicubic.hpp"
#include "../../common/metrics.hpp"
#include "../../common/peak.hpp"
#include "../../common/png_writer.hpp"
#include "detail.hpp"
#include "enlarge.hpp"
#include "network.hpp"
#include "options.hpp"
#include "progress_line.hpp"

namespace maxsr_app {
namespace {

using examples::image;
using examples::user_error;

constexpr std::size_t smallest_photograph = 64;
constexpr std::size_t detail_side = 96;
constexpr std::size_t detail_zoom = 4;

struct arguments {
  common_options common;
  std::string photograph;
  std::string folder = "out";
};

struct quality {
  double psnr;
  double ssim;
};

struct timing {
  double seconds;
  tiled_cost cost;
};

std::optional<int> read_arguments(arguments& args, int argc, char** argv) {
  return parse("maxsr_demo",
               "Halves a photograph, enlarges it again with MaxSR-light and bicubic, and compares both with the original.",
               args.common,
               {{"PHOTO", args.photograph, "photograph (PNG or JPEG)", true},
                {"OUT_DIR", args.folder, "folder for the pictures, made if it is missing"}},
               argc, argv);
}

void make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    throw user_error("cannot make the folder " + path + ": " + std::strerror(errno));
  }
}

/// The top left part whose sides are multiples of `scale`.
image cropped(const image& picture, std::size_t scale) {
  image out(picture.height - picture.height % scale, picture.width - picture.width % scale, picture.channels,
            picture.bit_depth);
  for (std::size_t y = 0; y < out.height; ++y) {
    std::memcpy(out.row(y), picture.row(y), out.row_bytes());
  }
  return out;
}

image read_photograph(const std::string& path, std::size_t scale) {
  const image picture = examples::read_image(path);
  if (picture.height < smallest_photograph || picture.width < smallest_photograph) {
    throw user_error(path + " is too small for the demonstration, which needs " + std::to_string(smallest_photograph) +
                     " pixels per side");
  }
  return cropped(picture, scale);
}

timing enlarge_timed(const image& small, const network& net, const tiled_options& options, image& result) {
  progress_line progress;
  std::size_t y = 0;
  const auto start = std::chrono::steady_clock::now();
  enlarge(
      small, net, options, [&](const std::uint8_t* row) { std::memcpy(result.row(y++), row, result.row_bytes()); },
      [&](std::size_t done, std::size_t total) { progress.show(done, total); });
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  return {spent.count(), cost(small.height, small.width, net, options)};
}

quality measure(const image& candidate, const image& original, std::size_t scale) {
  return {examples::psnr_luma(candidate, original, scale), examples::ssim_luma(candidate, original, scale)};
}

std::string caption(const char* name, const quality& q) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %.2f DB", name, q.psnr);
  return text;
}

void print_speed(const timing& t, const image& result, std::size_t threads) {
  const double megapixels = static_cast<double>(result.height * result.width) / 1e6;
  const double rate = t.cost.flops / t.seconds;
  const double peak = examples::measured_peak(threads);
  std::printf("time        %.2f s on %zu thread%s, %.2f s per megapixel of result (%zu tiles)\n", t.seconds, threads,
              threads == 1 ? "" : "s", t.seconds / megapixels, t.cost.tiles);
  std::printf("speed       %.1f GFLOP/s, %.0f %% of the peak measured on these threads (%.1f GFLOP/s, float32 multiply-adds)\n",
              rate / 1e9, 100.0 * rate / peak, peak / 1e9);
  std::printf("memory      %.0f MiB at most\n", static_cast<double>(examples::peak_memory()) / (1024.0 * 1024.0));
}

int body(int argc, char** argv) {
  arguments args;
  if (const auto code = read_arguments(args, argc, argv)) {
    return *code;
  }
  const auto net = load_network(args.common.weights, args.common.scale, args.common.backend);
  const std::size_t scale = net->scale();
  make_folder(args.folder);
  const image original = read_photograph(args.photograph, scale);
  const image small = examples::bicubic(original, original.height / scale, original.width / scale);
  std::printf("network     %s\n", net->description().c_str());
  std::printf("photograph  %s, %zu x %zu, reduced to %zu x %zu\n", args.photograph.c_str(), original.width, original.height,
              small.width, small.height);

  image result(original.height, original.width, original.channels, original.bit_depth);
  const timing t = enlarge_timed(small, *net, args.common.run, result);
  const image baseline = examples::bicubic(small, original.height, original.width);
  const quality ours = measure(result, original, scale);
  const quality theirs = measure(baseline, original, scale);
  std::printf("            PSNR       SSIM    (luma, without a border of %zu pixels)\n", scale);
  std::printf("bicubic     %5.2f dB   %.4f\n", theirs.psnr, theirs.ssim);
  std::printf("ours        %5.2f dB   %.4f\n", ours.psnr, ours.ssim);
  print_speed(t, result, args.common.run.threads);

  const detail part = liveliest_detail(original, detail_side);
  const std::string comparison = args.folder + "/comparison.png";
  const std::string whole = args.folder + "/enlarged.png";
  examples::write_png(
      comparison,
      side_by_side({{&original, "ORIGINAL"}, {&baseline, caption("BICUBIC", theirs)}, {&result, caption("MAXSR", ours)}}, part,
                   detail_zoom));
  examples::write_png(whole, result);
  std::printf("picture     %s (original, bicubic, ours; %zu x %zu pixels at %zu, %zu)\n", comparison.c_str(), part.side,
              part.side, part.x, part.y);
  std::printf("result      %s\n", whole.c_str());
  return 0;
}

}  // namespace
}  // namespace maxsr_app

int main(int argc, char** argv) { return maxsr_app::run_program("maxsr_demo", maxsr_app::body, argc, argv); }
