#include <heddle/reference/attend.hpp>

#include <cmath>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

TEST_CASE("a sink by hand") {
  // Scores of query 0: ln 2, 0; with a sink of ln 3 the weights are 2/6 and 1/6.
  attend_case a(1, 1, 1, sequence_grid(2), 1);
  a.projection = {1.0F, std::log(2.0F), 3.0F, 2.0F, 0.0F, 6.0F};
  const float logit = std::log(3.0F);
  a.run<reference>(attention{softmax_sink{&logit, 1}, logsumexp{}});
  CHECK(a.out[0] == Approx(2.0 / 6.0 * 3.0 + 1.0 / 6.0 * 6.0));
  CHECK(a.lse[0] == Approx(std::log(6.0)));
  a.run<reference>(attention{softmax_one{}, logsumexp{}});
  CHECK(a.out[1] == Approx((4.0 * 3.0 + 1.0 * 6.0) / 6.0));
  CHECK(a.lse[1] == Approx(std::log(6.0)));
}

TEST_CASE("a sink is softmax times the visible share") {
  attend_case a(2, 3, 4, sequence_grid(7), 2);
  attend_case b = a;
  const float logits[3] = {0.5F, -3.0F, 40.0F};
  a.run<reference>(attention{softmax_sink{logits, 3}, causal<>{}});
  b.run<reference>(attention{logsumexp{}, causal<>{}});
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t t = 0; t < 7; ++t)
      for (std::size_t h = 0; h < 3; ++h)
        for (std::size_t d = 0; d < 4; ++d) {
          const std::size_t i = ((n * 7 + t) * 3 + h) * 4 + d;
          const double share =
              1.0 / (1.0 + std::exp(static_cast<double>(logits[h]) - static_cast<double>(b.lse[(n * 3 + h) * 7 + t])));
          CHECK(static_cast<double>(a.out[i]) == Approx(share * static_cast<double>(b.out[i])).margin(1e-6));
        }
}

TEST_CASE("a query that sees nothing leaves all to the sink") {
  attend_case a(1, 1, 3, sequence_grid(4), 3);
  const std::int32_t none[1] = {0};
  const float logit = 1.5F;
  a.run<reference>(attention{softmax_sink{&logit, 1}, lengths{none}, logsumexp{}});
  for (const float y : a.out) CHECK(y == 0.0F);
  for (const float l : a.lse) CHECK(l == Approx(1.5));
}

TEST_CASE("logits are checked") {
  attend_case a(1, 2, 3, sequence_grid(4), 4);
  const float logits[1] = {0.0F};
  REQUIRE_THROWS_AS(a.run<reference>(attention<softmax_sink>{}), weight_error);
  REQUIRE_THROWS_AS(a.run<reference>(attention{softmax_sink{logits, 1}}), shape_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
