#include "enlarge.hpp"

#include <optional>
#include <vector>

#include "../../common/bicubic.hpp"

namespace maxsr_app {
namespace {

/// Interleaves one row of network colours [width, 3] with bicubic samples [width, channels] whose last channel is the alpha.
void merge(const float* rgb, const float* with_alpha, std::size_t width, std::size_t channels, float* out) {
  const std::size_t colours = channels < 3 ? 1 : 3;
  for (std::size_t x = 0; x < width; ++x, rgb += 3, out += channels) {
    if (colours == 1) {
      out[0] = (rgb[0] + rgb[1] + rgb[2]) / 3.0F;
    } else {
      out[0] = rgb[0];
      out[1] = rgb[1];
      out[2] = rgb[2];
    }
    if (colours != channels) {
      out[colours] = with_alpha[x * channels + colours];
    }
  }
}

}  // namespace

void enlarge(const examples::image& picture, const network& net, const tiled_options& options, const sample_sink& sink,
             const tile_progress& progress) {
  const std::size_t width = picture.width * net.scale();
  const std::size_t values = width * picture.channels;
  std::optional<examples::bicubic_rows> alpha;
  std::vector<float> alpha_row;
  if (picture.has_alpha()) {
    alpha.emplace(picture, picture.height * net.scale(), width);
    alpha_row.resize(values);
  }
  std::vector<float> merged(values);
  std::vector<std::uint8_t> samples(values * (picture.bit_depth / 8));
  const auto finish_rows = [&](std::size_t first, std::size_t rows, const float* rgb) {
    for (std::size_t y = first; y < first + rows; ++y, rgb += 3 * width) {
      if (alpha) {
        alpha->row(y, alpha_row.data());
      }
      merge(rgb, alpha_row.data(), width, picture.channels, merged.data());
      examples::quantise(merged.data(), values, picture.bit_depth, samples.data());
      sink(samples.data());
    }
  };
  upscale_tiled(picture, net, options, finish_rows, progress);
}

}  // namespace maxsr_app
