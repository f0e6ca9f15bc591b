// The bias network of Swin V2 by its formula, in double.
#include <heddle/attention/score/continuous_position_bias.hpp>

#include <heddle/attention/concepts.hpp>

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

double coordinate(double d, double reach) {
  const double t = reach == 0.0 ? 0.0 : 8.0 * d / reach;
  return (t < 0.0 ? -1.0 : 1.0) * std::log2(1.0 + std::abs(t)) / std::log2(8.0);
}

}  // namespace

TEST_CASE("log-spaced coordinates") {
  using bias = continuous_position_bias;
  // The corner is log2(9) / 3, a little above 1; the middle is 0.
  CHECK(static_cast<double>(bias::coordinate(14, 8, 0)) == Approx(std::log2(9.0) / 3.0).epsilon(1e-6));
  CHECK(bias::coordinate(7, 8, 0) == 0.0F);
  CHECK(static_cast<double>(bias::coordinate(0, 8, 0)) == Approx(-std::log2(9.0) / 3.0).epsilon(1e-6));
  // Pre-trained on 8, run on 16: the corner is further out.
  CHECK(static_cast<double>(bias::coordinate(30, 16, 8)) == Approx(coordinate(15.0, 7.0)).epsilon(1e-6));
  CHECK(bias::coordinate(0, 1, 0) == 0.0F);
}

TEST_CASE("sixteen sigmoids of a network of coordinates") {
  constexpr std::size_t hidden = 11;
  constexpr std::size_t heads = 3;
  const auto w1 = test::normal_vector(hidden * 2, 1);
  const auto b1 = test::normal_vector(hidden, 2);
  const auto w2 = test::normal_vector(heads * hidden, 3, 0.3);
  for (const window_extents pretrained : {window_extents{0, 0}, window_extents{4, 3}}) {
    const continuous_position_bias bias{hidden, heads, w1.data(), b1.data(), w2.data(), pretrained.height, pretrained.width};
    STATIC_REQUIRE(relative_bias<continuous_position_bias>);
    const window_extents w{3, 5};
    for (std::size_t dy = 0; dy < 5; ++dy)
      for (std::size_t dx = 0; dx < 9; ++dx) {
        const double y = coordinate(static_cast<double>(dy) - 2.0, pretrained.height == 0 ? 2.0 : 3.0);
        const double x = coordinate(static_cast<double>(dx) - 4.0, pretrained.width == 0 ? 4.0 : 2.0);
        std::vector<float> all(heads);
        bias.offset_biases(w, dy, dx, all.data(), 1);
        for (std::size_t head = 0; head < heads; ++head) {
          double sum = 0.0;
          for (std::size_t j = 0; j < hidden; ++j) {
            const double unit =
                static_cast<double>(w1[2 * j]) * y + static_cast<double>(w1[2 * j + 1]) * x + static_cast<double>(b1[j]);
            sum += static_cast<double>(w2[head * hidden + j]) * std::max(unit, 0.0);
          }
          const double expected = 16.0 / (1.0 + std::exp(-sum));
          CHECK(static_cast<double>(bias.offset_bias(w, head, dy, dx)) == Approx(expected).epsilon(1e-5));
          CHECK(all[head] == bias.offset_bias(w, head, dy, dx));
        }
      }
  }
}

TEST_CASE("weights that are missing are refused") {
  const std::vector<float> w(8);
  REQUIRE_THROWS_AS((continuous_position_bias{}.check({4, 4}, 1)), weight_error);
  REQUIRE_THROWS_AS((continuous_position_bias{2, 3, w.data(), w.data(), w.data()}.check({4, 4}, 2)), shape_error);
}
