#include "stand_in_network.hpp"

#include <algorithm>
#include <fstream>

#include "../../../examples/common/user_error.hpp"

namespace stand_in {
namespace {

using maxsr_app::network;
using maxsr_app::upscaler;

class local_upscaler final : public upscaler {
 public:
  local_upscaler(std::size_t scale, std::size_t radius) : scale_(scale), radius_(radius) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    for (std::size_t y = 0; y < scale_ * height; ++y) {
      for (std::size_t x = 0; x < scale_ * width; ++x) {
        for (std::size_t c = 0; c < 3; ++c) {
          const float place = static_cast<float>(y % scale_ + 2 * (x % scale_)) / 1024.0F;
          *out++ = mean(rgb + c, height, width, y / scale_, x / scale_) + place;
        }
      }
    }
  }

 private:
  float mean(const float* plane, std::size_t height, std::size_t width, std::size_t y, std::size_t x) const {
    float sum = 0.0F;
    for (std::size_t i = 0; i <= 2 * radius_; ++i) {
      for (std::size_t j = 0; j <= 2 * radius_; ++j) {
        const std::size_t yy = std::clamp(y + i, radius_, height - 1 + radius_) - radius_;
        const std::size_t xx = std::clamp(x + j, radius_, width - 1 + radius_) - radius_;
        sum += plane[3 * (yy * width + xx)];
      }
    }
    return sum / static_cast<float>((2 * radius_ + 1) * (2 * radius_ + 1));
  }

  std::size_t scale_;
  std::size_t radius_;
};

class global_upscaler final : public upscaler {
 public:
  explicit global_upscaler(std::size_t scale) : scale_(scale) {}

  void upscale(const float* rgb, std::size_t height, std::size_t width, float* out) override {
    float sum = 0.0F;
    for (std::size_t i = 0; i < 3 * height * width; ++i) {
      sum += rgb[i];
    }
    const float mean = sum / static_cast<float>(3 * height * width);
    for (std::size_t y = 0; y < scale_ * height; ++y) {
      for (std::size_t x = 0; x < scale_ * width; ++x) {
        for (std::size_t c = 0; c < 3; ++c) {
          *out++ = rgb[3 * (y / scale_ * width + x / scale_) + c] + mean;
        }
      }
    }
  }

 private:
  std::size_t scale_;
};

class stand_in_net final : public network {
 public:
  stand_in_net(std::size_t scale, std::size_t radius, bool global) : scale_(scale), radius_(radius), global_(global) {}
  std::size_t scale() const override { return scale_; }
  std::string description() const override { return "stand-in"; }
  double flops(std::size_t height, std::size_t width) const override { return 100.0 * static_cast<double>(height * width); }
  std::unique_ptr<upscaler> make_worker(std::size_t) const override {
    if (global_) {
      return std::make_unique<global_upscaler>(scale_);
    }
    return std::make_unique<local_upscaler>(scale_, radius_);
  }

 private:
  std::size_t scale_;
  std::size_t radius_;
  bool global_;
};

}  // namespace

std::unique_ptr<network> local_network(std::size_t scale, std::size_t radius) {
  return std::make_unique<stand_in_net>(scale, radius, false);
}

std::unique_ptr<network> global_network(std::size_t scale) { return std::make_unique<stand_in_net>(scale, 0, true); }

}  // namespace stand_in

namespace maxsr_app {

/// The stand-in's weights are a text file that holds its scale and, if it is not 1, its radius.
std::unique_ptr<network> load_network(const std::string& weights_path, std::size_t scale, const std::string&) {
  std::ifstream file(weights_path);
  std::size_t trained = 0;
  if (!(file >> trained)) {
    throw examples::user_error("cannot read the weights " + weights_path);
  }
  if (trained != scale) {
    throw examples::user_error("the weights " + weights_path + " are for x" + std::to_string(trained) + ", not x" +
                               std::to_string(scale));
  }
  std::size_t radius = 1;
  file >> radius;
  return stand_in::local_network(scale, file ? radius : 1);
}

}  // namespace maxsr_app
