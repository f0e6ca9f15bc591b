#include "ensemble.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace maxsr_app {
namespace {

/// One of the eight symmetries of a square: transpose first, then flip the columns, then the rows.
struct symmetry {
  bool transpose;
  bool flip_x;
  bool flip_y;
};

/// Offset in pixels of the place that lands on (y, x) of the turned picture; height and width are the untouched picture's.
std::size_t origin(const symmetry& s, std::size_t y, std::size_t x, std::size_t height, std::size_t width) noexcept {
  const std::size_t turned_height = s.transpose ? width : height;
  const std::size_t turned_width = s.transpose ? height : width;
  const std::size_t yy = s.flip_y ? turned_height - 1 - y : y;
  const std::size_t xx = s.flip_x ? turned_width - 1 - x : x;
  return s.transpose ? xx * width + yy : yy * width + xx;
}

class ensemble final : public upscaler {
 public:
  ensemble(std::unique_ptr<upscaler> worker, std::size_t scale, std::size_t largest_side)
      : worker_(std::move(worker)),
        scale_(scale),
        turned_(3 * largest_side * largest_side),
        result_(turned_.size() * scale * scale) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    const std::size_t values = 3 * scale_ * height * scale_ * width;
    std::fill(out, out + values, 0.0F);
    for (unsigned code = 0; code < 8; ++code) {
      const symmetry s{(code & 4U) != 0, (code & 2U) != 0, (code & 1U) != 0};
      add(s, rgb, height, width, out);
    }
    for (std::size_t i = 0; i < values; ++i) {
      out[i] *= 0.125F;
    }
  }

 private:
  void add(const symmetry& s, const float* rgb, std::size_t height, std::size_t width, float* out) {
    const std::size_t turned_height = s.transpose ? width : height;
    const std::size_t turned_width = s.transpose ? height : width;
    float* to = turned_.data();
    for (std::size_t y = 0; y < turned_height; ++y) {
      for (std::size_t x = 0; x < turned_width; ++x, to += 3) {
        const float* from = rgb + 3 * origin(s, y, x, height, width);
        std::copy(from, from + 3, to);
      }
    }
    worker_->upscale(turned_.data(), turned_height, turned_width, result_.data());
    const float* from = result_.data();
    for (std::size_t y = 0; y < scale_ * turned_height; ++y) {
      for (std::size_t x = 0; x < scale_ * turned_width; ++x, from += 3) {
        float* target = out + 3 * origin(s, y, x, scale_ * height, scale_ * width);
        for (std::size_t c = 0; c < 3; ++c) {
          target[c] += from[c];
        }
      }
    }
  }

  std::unique_ptr<upscaler> worker_;
  std::size_t scale_;
  std::vector<float> turned_;
  std::vector<float> result_;
};

}  // namespace

std::unique_ptr<upscaler> make_ensemble(const network& net, std::size_t largest_side) {
  return std::make_unique<ensemble>(net.make_worker(largest_side), net.scale(), largest_side);
}

}  // namespace maxsr_app
