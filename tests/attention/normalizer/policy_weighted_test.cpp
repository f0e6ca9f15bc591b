#include <heddle/reference/attend.hpp>

#include <cmath>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

TEST_CASE("the formula of adaptive token sampling") {
  attend_case a(2, 1, 3, sequence_grid(5), 1);
  const float policy[10] = {1.0F, 0.0F, 0.5F, 1.0F, 0.0F, 1.0F, 1.0F, 0.0F, 0.0F, 0.25F};
  const double eps = 0.01;  // large, so that it matters
  a.run<reference>(attention{policy_weighted{policy, 2, 5, 0.01F}});
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t q = 0; q < 5; ++q) {
      double s[5];
      double largest = -1e30;
      for (std::size_t k = 0; k < 5; ++k) {
        s[k] = 0.0;
        for (std::size_t d = 0; d < 3; ++d)
          s[k] += static_cast<double>(a.at(0, b, q, 0, d)) * static_cast<double>(a.at(1, b, k, 0, d));
        s[k] /= std::sqrt(3.0);
        largest = s[k] > largest ? s[k] : largest;  // dropped keys too
      }
      double w[5];
      double sum = 0.0;
      for (std::size_t k = 0; k < 5; ++k) {
        const double p = static_cast<double>(policy[b * 5 + k]);
        w[k] = std::exp(s[k] - largest) * (p + (1.0 - p) * (q == k ? 1.0 : 0.0));
        sum += w[k];
      }
      for (std::size_t d = 0; d < 3; ++d) {
        double expected = 0.0;
        for (std::size_t k = 0; k < 5; ++k)
          expected += (w[k] + eps / 5.0) / (sum + eps) * static_cast<double>(a.at(2, b, k, 0, d));
        CHECK(static_cast<double>(a.out[(b * 5 + q) * 3 + d]) == Approx(expected).margin(1e-6));
      }
    }
}

TEST_CASE("nothing dropped is softmax") {
  attend_case a(1, 2, 4, sequence_grid(7), 2);
  attend_case b = a;
  const std::vector<float> ones(7, 1.0F);
  a.run<reference>(attention{policy_weighted{ones.data(), 1, 7, 0.0F}, causal<>{}});
  b.run<reference>(attention{causal<>{}});
  CHECK(test::worst(b.out, a.out).relative() < 1e-6);
}

TEST_CASE("policies are checked") {
  attend_case a(2, 1, 3, sequence_grid(4), 3);
  const std::vector<float> ones(8, 1.0F);
  REQUIRE_THROWS_AS(a.run<reference>(attention<policy_weighted>{}), weight_error);
  REQUIRE_THROWS_AS(a.run<reference>(attention{policy_weighted{ones.data(), 1, 4}}), shape_error);
  REQUIRE_THROWS_AS(a.run<reference>(attention{policy_weighted{ones.data(), 2, 5}}), shape_error);
  REQUIRE_THROWS_AS(a.run<reference>(attention{policy_weighted{ones.data(), 2, 4}, window<1, 2>{}}), shape_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
