#include "../../../examples/common/bicubic.hpp"

#include <cmath>
#include <cstdlib>
#include <string>

#include "../../../examples/common/metrics.hpp"
#include "../../support/catch.hpp"
#include "../../support/data_dir.hpp"
#include "picture_files.hpp"

using examples::bicubic;
using examples::bicubic_taps;
using examples::image;
using examples_test::test_picture;

namespace {

/// Sum of a target sample's weights on one source sample.
double weight_on(const examples::resample_taps& taps, std::size_t target, std::size_t source) {
  double sum = 0.0;
  for (std::size_t k = 0; k < taps.count; ++k) {
    if (taps.index[target * taps.count + k] == source) {
      sum += static_cast<double>(taps.weight[target * taps.count + k]);
    }
  }
  return sum;
}

image ramp(std::size_t height, std::size_t width) {
  image picture(height, width, 1);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      picture.row(y)[x] = static_cast<std::uint8_t>(4 * x + 2 * y);
    }
  }
  return picture;
}

}  // namespace

TEST_CASE("halving uses the widened kernel's eight weights") {
  const auto taps = bicubic_taps(40, 20);
  // Keys' kernel, a = -1/2, at 0.25, 0.75, 1.25, 1.75, halved.
  const double expected[] = {0.43359375, 0.11328125, -0.03515625, -0.01171875};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(weight_on(taps, 10, 21 + i) == Approx(expected[i]).margin(1e-7));
    CHECK(weight_on(taps, 10, 20 - i) == Approx(expected[i]).margin(1e-7));
  }
}

TEST_CASE("doubling uses the plain kernel's four weights") {
  const auto taps = bicubic_taps(20, 40);
  // Target 21 lies at 10.25 of the source: distances 1.25, 0.25, 0.75, 1.75.
  CHECK(weight_on(taps, 21, 9) == Approx(-0.0703125).margin(1e-7));
  CHECK(weight_on(taps, 21, 10) == Approx(0.8671875).margin(1e-7));
  CHECK(weight_on(taps, 21, 11) == Approx(0.2265625).margin(1e-7));
  CHECK(weight_on(taps, 21, 12) == Approx(-0.0234375).margin(1e-7));
}

TEST_CASE("beyond the edge the picture is mirrored with its edge sample repeated") {
  const auto taps = bicubic_taps(20, 40);
  // Target 0 lies at -0.25: samples -2, -1, 0, 1 become 1, 0, 0, 1.
  CHECK(weight_on(taps, 0, 0) == Approx(0.8671875 + 0.2265625).margin(1e-7));
  CHECK(weight_on(taps, 0, 1) == Approx(-0.0703125 - 0.0234375).margin(1e-7));
}

TEST_CASE("a linear ramp stays linear away from the edges") {
  const image half = bicubic(ramp(32, 48), 16, 24);
  for (std::size_t y = 4; y < 12; ++y) {
    for (std::size_t x = 4; x < 20; ++x) {
      CHECK(half.row(y)[x] == 4 * (2 * x) + 2 + 2 * (2 * y) + 1);
    }
  }
}

TEST_CASE("bicubic keeps constants, channels and depth at any size") {
  for (const std::size_t depth : {8U, 16U}) {
    for (const std::size_t channels : {1U, 2U, 3U, 4U}) {
      image flat(5, 1, channels, depth);
      for (auto& byte : flat.bytes) {
        byte = 0x5a;
      }
      for (const auto& [height, width] : {std::pair{10U, 2U}, std::pair{2U, 1U}, std::pair{1U, 7U}}) {
        const image out = bicubic(flat, height, width);
        CHECK(out.bit_depth == depth);
        CHECK(out.channels == channels);
        CHECK(out.bytes == std::vector<std::uint8_t>(height * width * channels * depth / 8, 0x5a));
      }
    }
  }
}

TEST_CASE("the benchmark's own reductions and its bicubic figure are reproduced") {
  const auto data = heddle::test::data_dir("bicubic against the benchmark's pictures");
  if (!data) {
    return;
  }
  double psnr = 0.0;
  for (const std::string name : {"baby", "bird", "butterfly", "head", "woman"}) {
    const image large = examples::read_image(*data + "/images/Set5/HR/" + name + ".png");
    const image small = examples::read_image(*data + "/images/Set5/LR_bicubic/X2/" + name + "x2.png");
    const image ours = bicubic(large, small.height, small.width);
    int worst = 0;
    for (std::size_t i = 0; i < ours.bytes.size(); ++i) {
      worst = std::max(worst, std::abs(int{ours.bytes[i]} - int{small.bytes[i]}));
    }
    CHECK(worst <= 2);
    psnr += examples::psnr_luma(bicubic(small, large.height, large.width), large, 2) / 5.0;
  }
  CHECK(psnr == Approx(33.68).margin(0.02));
}
