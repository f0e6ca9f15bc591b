#include <heddle/attention/score/cosine.hpp>

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

TEST_CASE("the logarithm of the scale is clamped, then its exponential is taken") {
  const std::vector<float> logits{std::log(10.0F), 7.0F, -1.0F};
  const cosine score{logits.data(), 3};
  CHECK(static_cast<double>(score.scale(0, 32)) == Approx(10.0).epsilon(1e-6));
  CHECK(static_cast<double>(score.scale(1, 32)) == Approx(100.0).epsilon(1e-6));
  CHECK(static_cast<double>(score.scale(2, 32)) == Approx(std::exp(-1.0)).epsilon(1e-6));
  const cosine gentle{logits.data(), 3, std::log(20.0F)};
  CHECK(static_cast<double>(gentle.scale(1, 32)) == Approx(20.0).epsilon(1e-6));
}

TEST_CASE("rows are made one long, and zeros stay zeros") {
  const cosine score{};
  for (const std::size_t dim : {1U, 3U, 32U, 257U}) {
    const auto row = test::normal_vector(dim, dim, 5.0);
    auto unit = row;
    score.prepare(unit.data(), dim);
    double norm = 0.0;
    for (const float x : row) norm += static_cast<double>(x) * static_cast<double>(x);
    for (std::size_t d = 0; d < dim; ++d)
      CHECK(static_cast<double>(unit[d]) == Approx(static_cast<double>(row[d]) / std::sqrt(norm)).epsilon(1e-5));
  }
  std::vector<float> zeros(5, 0.0F);
  score.prepare(zeros.data(), 5);
  CHECK(zeros == std::vector<float>(5, 0.0F));
  std::vector<float> tiny{3e-14F, 4e-14F};  // shorter than 1e-12: divided by that
  score.prepare(tiny.data(), 2);
  CHECK(static_cast<double>(tiny[0]) == Approx(0.03).epsilon(1e-3));
}

TEST_CASE("scales that are missing or too few are refused") {
  const std::vector<float> logits(3);
  REQUIRE_NOTHROW(cosine{logits.data(), 3}.check({1, 3, 1, 4, 4, 4, 4, 8}));
  REQUIRE_THROWS_WITH((cosine{logits.data(), 3}.check({1, 4, 1, 4, 4, 4, 4, 8})), "cosine: expected 4 heads, got 3");
  REQUIRE_THROWS_AS((cosine{nullptr, 4}.check({1, 4, 1, 4, 4, 4, 4, 8})), weight_error);
}
