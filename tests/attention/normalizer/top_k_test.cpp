#include <heddle/reference/attend.hpp>

#include <array>
#include <cmath>
#include <limits>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr int nothing = 0;  // a context that is not looked at
}  // namespace

TEST_CASE("the largest are taken, of equal ones the first") {
  std::array<float, 6> s{1.0F, 3.0F, 2.0F, 2.0F, -1.0F, 2.0F};
  const float sum = top_k<3>{}.weigh(nothing, 0, s.data(), s.size());
  CHECK(s[1] == 1.0F);
  CHECK(s[2] == Approx(std::exp(-1.0)));
  CHECK(s[3] == Approx(std::exp(-1.0)));
  CHECK(s[0] == 0.0F);
  CHECK(s[4] == 0.0F);
  CHECK(s[5] == 0.0F);
  CHECK(sum == Approx(1.0 + 2.0 * std::exp(-1.0)));
}

TEST_CASE("hidden keys are never taken") {
  std::array<float, 4> s{-infinity, 5.0F, -infinity, 4.0F};
  top_k<3>{}.weigh(nothing, 0, s.data(), s.size());
  CHECK(s[0] == 0.0F);
  CHECK(s[1] == 1.0F);
  CHECK(s[2] == 0.0F);
  CHECK(s[3] == Approx(std::exp(-1.0)));
  std::array<float, 2> hidden{-infinity, -infinity};
  CHECK(top_k<3>{}.weigh(nothing, 0, hidden.data(), hidden.size()) == 1.0F);
  CHECK(hidden[0] == 0.0F);
}

TEST_CASE("enough keys are all keys") {
  attend_case a(2, 2, 4, sequence_grid(9), 1);
  attend_case b = a;
  a.run<reference>(attention{top_k<9>{}, causal<>{}});
  b.run<reference>(attention{causal<>{}});
  CHECK(test::worst(b.out, a.out).relative() < 1e-6);
  a.run<reference>(attention{top_k<1>{}});  // one key: its value
  for (std::size_t d = 0; d < 4; ++d) {
    bool found = false;
    for (std::size_t k = 0; k < 9; ++k) found = found || a.out[d] == a.at(2, 0, k, 0, d);
    CHECK(found);
  }
}

TEST_CASE("values of keys that are not taken are not read; a NaN in a score is not lost") {
  attend_case a(1, 1, 2, sequence_grid(3), 2);
  a.projection = {1.0F, 0.0F,         2.0F, 0.0F, 5.0F, 6.0F, 1.0F, 0.0F, -9.0F,
                  0.0F, not_a_number, 0.0F, 1.0F, 0.0F, 1.0F, 0.0F, 7.0F, 8.0F};
  a.run<reference>(attention{top_k<2>{}});
  for (const float y : a.out) CHECK(std::isfinite(y));
  a.at(1, 0, 0, 0, 0) = not_a_number;
  a.run<reference>(attention{top_k<2>{}});
  for (const float y : a.out) CHECK(std::isnan(y));
}
