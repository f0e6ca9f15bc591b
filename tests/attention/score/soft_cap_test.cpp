#include <heddle/attention/score/soft_cap.hpp>

#include <cmath>

#include "attention/mask/test_lanes.hpp"
#include "support/catch.hpp"

using namespace heddle;

TEST_CASE("a score is bounded by the cap and itself near zero") {
  const soft_cap cap{20.0F};
  for (const float x : {-1e30F, -50.0F, -3.0F, 0.0F, 0.01F, 7.0F, 40.0F, 1e30F}) {
    const double expected = 20.0 * std::tanh(static_cast<double>(x) / 20.0);
    CHECK(static_cast<double>(cap(x, 0, 0.0F, 0.0F)) == Approx(expected).epsilon(1e-6));
    CHECK(cap(test::four(x), 0, test::four(0.0F), test::four(0.0F)).lane[2] == cap(x, 0, 0.0F, 0.0F));
  }
  REQUIRE_THROWS_AS((soft_cap{0.0F}.check({})), shape_error);
  REQUIRE_NOTHROW(soft_cap{}.check({}));
}
