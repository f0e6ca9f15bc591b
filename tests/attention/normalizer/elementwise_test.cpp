#include <heddle/reference/attend.hpp>

#include <cmath>
#include <limits>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::attend_case;

namespace {
/// Weight of a score, for single elements.
struct squared {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::elementwise;
  float weight(float s) const { return s * s; }
};

double dot(const attend_case& a, std::size_t q, std::size_t k) {
  double s = 0.0;
  for (std::size_t d = 0; d < a.dim; ++d)
    s += static_cast<double>(a.projection[q * 3 * a.dim + d]) * static_cast<double>(a.projection[(k * 3 + 1) * a.dim + d]);
  return s / std::sqrt(static_cast<double>(a.dim));
}
}  // namespace

TEST_CASE("weights of single scores are those of the formula") {
  attend_case a(1, 1, 4, sequence_grid(6), 1);
  const auto expect = [&](auto weight) {
    for (std::size_t q = 0; q < 6; ++q)
      for (std::size_t d = 0; d < 4; ++d) {
        double sum = 0.0;
        for (std::size_t k = 0; k <= q; ++k)
          sum += weight(dot(a, q, k)) * static_cast<double>(a.projection[(k * 3 + 2) * 4 + d]);
        CHECK(static_cast<double>(a.out[q * 4 + d]) == Approx(sum).margin(1e-6));
      }
  };
  a.run<reference>(attention{sigmoid_weights{-1.5F}, causal<>{}});
  expect([](double s) { return 1.0 / (1.0 + std::exp(1.5 - s)); });
  a.run<reference>(attention{linear_scores{}, causal<>{}});
  expect([](double s) { return s; });
  a.run<reference>(attention{squared{}, causal<>{}});
  expect([](double s) { return s * s; });
}

TEST_CASE("masked keys weigh nothing, also where the weight of -inf is not 0") {
  attend_case a(1, 1, 4, sequence_grid(5), 2);
  for (std::size_t d = 0; d < 4; ++d) a.at(2, 0, 4, 0, d) = std::numeric_limits<float>::quiet_NaN();
  const std::int32_t n[1] = {4};
  a.run<reference>(attention{squared{}, lengths{n}});
  for (const float y : a.out) CHECK(std::isfinite(y));
  a.run<reference>(attention{sigmoid_weights{}, lengths{n}});
  for (const float y : a.out) CHECK(std::isfinite(y));
  const std::int32_t none[1] = {0};
  a.run<reference>(attention{linear_scores{}, lengths{none}});
  for (const float y : a.out) CHECK(y == 0.0F);
}

TEST_CASE("the sigmoid does not overflow") {
  CHECK(sigmoid_weights{}.weight(-1e30F) == 0.0F);
  CHECK(sigmoid_weights{}.weight(1e30F) == 1.0F);
  CHECK(sigmoid_weights{2.0F}.weight(-2.0F) == Approx(0.5));
}
