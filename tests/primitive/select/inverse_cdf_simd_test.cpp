// Inverse transform sampling: a case by hand, what cannot be told apart, and vectors against the definition.
#include <heddle/reference/inverse_cdf.hpp>
#include <heddle/simd/inverse_cdf.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

template <class Backend>
std::vector<std::int32_t> pick(const std::vector<float>& scores, const inverse_cdf_options& options,
                               const inverse_cdf_trace& trace = {}) {
  std::vector<std::int32_t> picked(inverse_cdf_limit(scores.size(), options.points), -7);
  const workspace memory(inverse_cdf_bytes(Backend{}, scores.size()));
  picked.resize(inverse_cdf(context<Backend>{{}, memory.scratch()}, scores, options, picked, trace));
  return picked;
}

}  // namespace

TEMPLATE_TEST_CASE("inverse_cdf: by hand", "", reference, simd) {
  // In order: 0.1 (2), 0.2 (0), 0.3 (3), 0.4 (1); sums 0.1, 0.3, 0.6, 1.0; F = 0, 2/9, 5/9, 1.
  const std::vector<float> scores{0.2F, 0.4F, 0.1F, 0.3F};
  std::vector<std::int32_t> order(4);
  std::vector<float> distribution(4);
  std::vector<float> points(3);
  const auto picked = pick<TestType>(scores, {3}, {order, distribution, points});
  CHECK(order == std::vector<std::int32_t>{2, 0, 3, 1});
  const double expected[] = {0.0, 2.0 / 9, 5.0 / 9, 1.0};
  for (std::size_t i = 0; i < 4; ++i) CHECK(static_cast<double>(distribution[i]) == Approx(expected[i]).margin(1e-6));
  CHECK(static_cast<double>(points[1]) == Approx(2.0 / 9 + (1 - 2.0 / 9) / 2));
  CHECK(picked == std::vector<std::int32_t>{0, 3, 1});
  CHECK(pick<TestType>(scores, {1}) == std::vector<std::int32_t>{0});
  // From zero F = 0.1, 0.3, 0.6, 1: the lowest takes part.
  CHECK(pick<TestType>(scores, {4, true}) == std::vector<std::int32_t>{2, 0, 3, 1});
}

TEMPLATE_TEST_CASE("inverse_cdf: concentrated scores leave few positions", "", reference, simd) {
  std::vector<float> scores(50, 0.001F);
  scores[17] = 10.0F;
  CHECK(pick<TestType>(scores, {50}).size() <= 3);
  CHECK(pick<TestType>(scores, {50}).back() == 17);
}

TEMPLATE_TEST_CASE("inverse_cdf: what tells nothing apart", "", reference, simd) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(pick<TestType>({}, {5}).empty());
  CHECK(pick<TestType>({1.0F, 2.0F}, {0}).empty());
  CHECK(pick<TestType>({3.0F}, {5}) == std::vector<std::int32_t>{0});
  CHECK(pick<TestType>({0.0F, 0.0F, 0.0F}, {5}) == std::vector<std::int32_t>{2});
  CHECK(pick<TestType>({nan, -1.0F, infinity, nan}, {5}) == std::vector<std::int32_t>{3});
  const auto some = pick<TestType>({nan, 1.0F, infinity, 2.0F}, {4});  // what is no number is never picked
  CHECK(some == std::vector<std::int32_t>{1, 3});
  CHECK(pick<TestType>({3e38F, 3e38F, 3e38F}, {3}) == std::vector<std::int32_t>{2});  // the sum is no float
}

TEST_CASE("inverse_cdf: vectors pick what the definition picks") {
  for (unsigned seed = 0; seed < 400; ++seed) {
    test::generator random(seed);
    std::vector<float> scores(random.integer(1, 70));
    for (float& s : scores) s = random.uniform() < 0.2 ? 0.0F : static_cast<float>(std::exp(3.0 * random.normal()));
    const inverse_cdf_options options{random.integer(1, 90), random.uniform() < 0.5};
    REQUIRE(pick<simd>(scores, options) == pick<reference>(scores, options));
  }
}

TEST_CASE("inverse_cdf: scores of any size, denormal ones too, are picked once and in their order") {
  // F = 0, 1e-12, 1: the points behind the first are as far from 0 as from 1e-12, and 0 comes first.
  CHECK(pick<simd>({1e18F, 1e6F, 1e-3F}, {21}) == pick<reference>({1e18F, 1e6F, 1e-3F}, {21}));
  for (unsigned seed = 0; seed < 2000; ++seed) {
    test::generator random(seed);
    std::vector<float> scores(random.integer(1, 12));
    const double spread = 8.0 * static_cast<double>(seed % 4);
    const double middle = seed % 3 == 0 ? -100.0 : 0.0;  // e^-100 is denormal
    for (float& s : scores)
      s = seed % 5 == 0 ? static_cast<float>(random.integer(0, 5)) * 1.4e-45F
                        : static_cast<float>(std::exp(middle + spread * random.normal()));
    const inverse_cdf_options options{random.integer(1, 40), random.uniform() < 0.5};
    REQUIRE(pick<simd>(scores, options) == pick<reference>(scores, options));
  }
}

TEST_CASE("inverse_cdf: misuse is refused") {
  const std::vector<float> scores(8, 1.0F);
  std::vector<std::int32_t> few(3);
  const workspace memory(inverse_cdf_bytes(simd{}, 8));
  [[maybe_unused]] const context<simd> ctx{{}, memory.scratch()};
  REQUIRE_THROWS_AS(inverse_cdf(ctx, scores, {8}, few), shape_error);
  std::vector<std::int32_t> picked(8);
  std::vector<float> wrong(7);
  REQUIRE_THROWS_AS(inverse_cdf(ctx, scores, {8}, picked, {{}, wrong, {}}), shape_error);
  const workspace small(64);
  REQUIRE_THROWS_AS(inverse_cdf(context<simd>{{}, small.scratch()}, scores, {8}, picked), workspace_error);
}
