#include <heddle/attention/score/alibi.hpp>

#include <cmath>
#include <vector>

#include "attention/mask/mask_check.hpp"

using namespace heddle;

TEST_CASE("the slopes of the paper") {
  constexpr alibi<8> eight;
  for (std::size_t h = 0; h < 8; ++h) CHECK(eight.slopes[h] == std::ldexp(1.0F, -static_cast<int>(h) - 1));
  const alibi<16> sixteen;
  for (std::size_t h = 0; h < 16; ++h)
    CHECK(static_cast<double>(sixteen.slopes[h]) == Approx(std::exp2(-0.5 * static_cast<double>(h + 1))).epsilon(1e-7));
  CHECK(alibi<1>{}.slopes[0] == std::ldexp(1.0F, -8));
}

TEST_CASE("heads that are not a power of two take every other slope of the next one") {
  for (const std::size_t heads : {3U, 6U, 12U, 20U, 40U, 100U}) {
    std::size_t power = 1;
    while (2 * power <= heads) power *= 2;
    std::vector<float> slopes(heads);
    alibi_slopes(heads, slopes.data());
    for (std::size_t h = 0; h < heads; ++h) {
      const double exponent = h < power ? -8.0 * static_cast<double>(h + 1) / static_cast<double>(power)
                                        : -8.0 * static_cast<double>(2 * (h - power) + 1) / static_cast<double>(2 * power);
      CHECK(static_cast<double>(slopes[h]) == Approx(std::exp2(exponent)).epsilon(1e-6));
    }
  }
}

TEST_CASE("scores fall with the distance, in number and in vector") {
  const auto c = test::problem(3, 7, 0, 1);
  const std::vector<float> slopes{0.5F, 0.25F};
  const alibi<> bias{slopes.data(), 2};
  const alibi<dyn, alignment::bottom_right> last{slopes.data(), 2};
  CHECK(bias(c, 10.0F, 2.0F, 6.0F) == 9.0F);
  CHECK(bias(c, 10.0F, 6.0F, 2.0F) == 9.0F);
  CHECK(last(c, 10.0F, 2.0F, 6.0F) == 10.0F);  // the last query is level with the last key
  CHECK(last(c, 10.0F, 0.0F, 0.0F) == 9.0F);
  const auto four = bias(c, test::four(10.0F), test::four(2.0F), batch_traits<test::four>::positions(0.0F));
  CHECK((four.lane[0] == 9.5F && four.lane[2] == 10.0F && four.lane[3] == 9.75F));
  STATIC_REQUIRE(policy_of<alibi<4>, score_mod_tag>);
  REQUIRE_THROWS_WITH(alibi<4>{}.check({1, 6, 1, 4, 4, 4, 4, 8}), "alibi: expected 6 heads, got 4");
  REQUIRE_THROWS_AS((alibi<>{nullptr, 6}.check({1, 6, 1, 4, 4, 4, 4, 8})), weight_error);
}
