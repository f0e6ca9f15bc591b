#include <heddle/attention/normalizer/smoothed_softmax.hpp>
#include <heddle/reference/attend.hpp>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::attend_case;

TEST_CASE("smoothed softmax is the policy-weighted one where every token is kept") {
  attend_case a(2, 1, 3, sequence_grid(6), 4);
  attend_case b = a;
  const std::vector<float> ones(12, 1.0F);
  a.run<reference>(attention{smoothed_softmax{0.01F}, causal<>{}});  // hidden keys count in neither
  b.run<reference>(attention{policy_weighted{ones.data(), 2, 6, 0.01F}, causal<>{}});
  CHECK(a.out == b.out);
}
