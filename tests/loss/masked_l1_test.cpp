// The loss of masked pixels, its derivative, and targets normalised by their neighbourhood.
#include <heddle/loss/masked_l1.hpp>

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace heddle;
using shape = dynamic_extents<4>;

map_view<const float> view_of(const std::vector<float>& values, const shape& e) { return {values.data(), e}; }

}  // namespace

TEST_CASE("masked_l1: hidden pixels alone count, with all their channels") {
  const shape e(1, 2, 4, 2);
  const std::vector<float> target(16, 1.0F);
  std::vector<float> x(16, 1.0F);
  const std::vector<std::uint8_t> mask{0, 1};  // the right half
  x[0] = 50.0F;                                // seen: does not count
  x[4] = 3.0F;                                 // pixel (0, 2), channel 0: 2 off
  x[15] = -2.0F;                               // pixel (1, 3), channel 1: 3 off
  CHECK(masked_l1(view_of(x, e), view_of(target, e), mask, 1, 2) == Approx(5.0 / (4.0 + 1e-5) / 2.0));

  std::vector<float> gradient(16, 9.0F);
  masked_l1_vjp(view_of(x, e), view_of(target, e), mask, 1, 2, 2.0, map_view<float>(gradient.data(), e));
  const double step = 2.0 / (4.0 + 1e-5) / 2.0;
  for (std::size_t i = 0; i < 16; ++i) CHECK(static_cast<double>(gradient[i]) == Approx(i == 4 ? step : i == 15 ? -step : 0.0));
}

TEST_CASE("masked_l1: another shape or mask is refused") {
  const std::vector<float> x(16);
  const std::vector<std::uint8_t> mask(2);
  CHECK_THROWS_AS(masked_l1(view_of(x, shape(1, 2, 4, 2)), view_of(x, shape(1, 4, 2, 2)), mask, 1, 2), shape_error);
  CHECK_THROWS_AS(masked_l1(view_of(x, shape(1, 2, 4, 2)), view_of(x, shape(1, 2, 4, 2)), mask, 2, 2), shape_error);
  CHECK_THROWS_AS(masked_l1(view_of(x, shape(1, 2, 4, 2)), view_of(x, shape(1, 2, 4, 2)), mask, 1, 3), shape_error);
}

TEST_CASE("normalize_locally: mean and unbiased deviation of the part of the square that is in the picture") {
  const shape e(2, 5, 7, 3);
  const std::vector<float> x = test::normal_vector(e.size(), 3);
  std::vector<float> y(e.size());
  const workspace memory(normalize_locally_bytes(e));
  normalize_locally(view_of(x, e), 3, map_view<float>(y.data(), e), memory.scratch());
  const auto in = view_of(x, e);
  const auto out = view_of(y, e);
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 7; ++j)
        for (std::size_t c = 0; c < 3; ++c) {
          double n = 0.0, sum = 0.0, squares = 0.0;
          for (std::size_t v = i == 0 ? 0 : i - 1; v < 5 && v <= i + 1; ++v)
            for (std::size_t u = j == 0 ? 0 : j - 1; u < 7 && u <= j + 1; ++u) {
              n += 1.0;
              sum += static_cast<double>(in(b, v, u, c));
              squares += static_cast<double>(in(b, v, u, c)) * static_cast<double>(in(b, v, u, c));
            }
          const double variance = (squares - sum * sum / n) / (n - 1.0);
          const double expected = (static_cast<double>(in(b, i, j, c)) - sum / n) / std::sqrt(variance + 1e-6);
          CHECK(static_cast<double>(out(b, i, j, c)) == Approx(expected).margin(1e-5));
        }
  CHECK_THROWS_AS(normalize_locally(view_of(x, e), 4, map_view<float>(y.data(), e), memory.scratch()), shape_error);
}
