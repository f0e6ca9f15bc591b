#include "../../../examples/common/metrics.hpp"

#include <cmath>

#include "../../support/catch.hpp"
#include "picture_files.hpp"

using examples::image;
using examples_test::test_picture;

namespace {

image flat(std::size_t height, std::size_t width, std::uint8_t value, std::size_t channels = 3) {
  image picture(height, width, channels);
  for (auto& byte : picture.bytes) {
    byte = value;
  }
  return picture;
}

/// The definition in one place: every 11 x 11 window by itself.
double ssim_by_definition(const image& a, const image& b) {
  double total = 0.0;
  std::size_t count = 0;
  for (std::size_t y = 0; y + 11 <= a.height; ++y) {
    for (std::size_t x = 0; x + 11 <= a.width; ++x, ++count) {
      double w_sum = 0, ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (std::size_t i = 0; i < 11; ++i) {
        for (std::size_t j = 0; j < 11; ++j) {
          const double dy = static_cast<double>(i) - 5.0;
          const double dx = static_cast<double>(j) - 5.0;
          const double w = std::exp(-(dy * dy + dx * dx) / 4.5);
          const double u = examples::luma(a, y + i, x + j);
          const double v = examples::luma(b, y + i, x + j);
          w_sum += w, ma += w * u, mb += w * v, aa += w * u * u, bb += w * v * v, ab += w * u * v;
        }
      }
      ma /= w_sum, mb /= w_sum;
      const double va = aa / w_sum - ma * ma;
      const double vb = bb / w_sum - mb * mb;
      const double cov = ab / w_sum - ma * mb;
      total += (2 * ma * mb + 6.5025) * (2 * cov + 58.5225) / ((ma * ma + mb * mb + 6.5025) * (va + vb + 58.5225));
    }
  }
  return total / static_cast<double>(count);
}

}  // namespace

TEST_CASE("luma of the primaries") {
  image picture(1, 4, 3);
  picture.bytes = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
  CHECK(examples::luma(picture, 0, 0) == Approx(81.481));
  CHECK(examples::luma(picture, 0, 1) == Approx(144.553));
  CHECK(examples::luma(picture, 0, 2) == Approx(40.966));
  CHECK(examples::luma(picture, 0, 3) == Approx(235.0));
  CHECK(examples::luma(flat(1, 1, 255, 1), 0, 0) == Approx(235.0));
}

TEST_CASE("PSNR of a constant difference") {
  // Ten grey levels are 10 * 219 / 255 of luma everywhere.
  const double expected = 20.0 * std::log10(255.0 / (10.0 * 219.0 / 255.0));
  CHECK(examples::psnr_luma(flat(9, 7, 100), flat(9, 7, 110), 0) == Approx(expected));
  CHECK(examples::psnr_luma(flat(9, 7, 100, 1), flat(9, 7, 110, 4), 2) == Approx(expected));
  CHECK(std::isinf(examples::psnr_luma(flat(9, 7, 100), flat(9, 7, 100), 0)));
}

TEST_CASE("PSNR leaves the border out") {
  image spoiled = flat(8, 8, 50);
  for (std::size_t i = 0; i < 3 * 8 * 2; ++i) {
    spoiled.bytes[i] = 255;  // the two topmost rows
  }
  CHECK(std::isfinite(examples::psnr_luma(spoiled, flat(8, 8, 50), 1)));
  CHECK(std::isinf(examples::psnr_luma(spoiled, flat(8, 8, 50), 2)));
  CHECK(std::isnan(examples::psnr_luma(spoiled, flat(8, 8, 50), 4)));
}

TEST_CASE("SSIM of constant pictures has a closed form") {
  const double a = 16.0 + 219.0 * 100.0 / 255.0;
  const double b = 16.0 + 219.0 * 140.0 / 255.0;
  const double expected = (2 * a * b + 6.5025) / (a * a + b * b + 6.5025);
  CHECK(examples::ssim_luma(flat(20, 13, 100), flat(20, 13, 140), 1) == Approx(expected));
  CHECK(examples::ssim_luma(flat(11, 11, 7), flat(11, 11, 7), 0) == Approx(1.0));
  CHECK(std::isnan(examples::ssim_luma(flat(11, 10, 7), flat(11, 10, 7), 0)));
}

TEST_CASE("SSIM by rows equals its definition") {
  const image a = test_picture(23, 31);
  image b = a;
  for (std::size_t i = 0; i < b.bytes.size(); i += 3) {
    b.bytes[i] = static_cast<std::uint8_t>(255 - b.bytes[i]);
  }
  CHECK(examples::ssim_luma(a, b, 0) == Approx(ssim_by_definition(a, b)).epsilon(1e-10));
}

TEST_CASE("a 16-bit picture is measured as its 8-bit rounding") {
  const image deep = test_picture(16, 16, 3, 16);
  image shallow(16, 16, 3);
  for (std::size_t y = 0; y < 16; ++y) {
    for (std::size_t i = 0; i < 48; ++i) {
      shallow.row(y)[i] = deep.sample8(y, i / 3, i % 3);
    }
  }
  CHECK(std::isinf(examples::psnr_luma(deep, shallow, 0)));
}
