#include <heddle/reference/attend.hpp>
#include <heddle/reference/merge.hpp>
#include <heddle/simd/merge.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class Backend>
void merge(attend_case& a, attend_case& b, attend_case& to) {
  merge_attention(context<Backend>{}, a.output(), a.logsumexps(), b.output(), b.logsumexps(), to.output(), to.logsumexps());
}

/// The parts of a sequence of 21 keys, and the whole.
template <class Backend>
void check_union() {
  attend_case whole(2, 3, 19, sequence_grid(21), 1);
  attend_case low = whole;
  attend_case high = whole;
  whole.run<reference>(attention<logsumexp>{});
  low.run<reference>(attention{logsumexp{}, visible_if{[](std::size_t, std::size_t k) { return k < 7; }}});
  high.run<reference>(attention{logsumexp{}, visible_if{[](std::size_t, std::size_t k) { return k >= 7; }}});
  attend_case merged(2, 3, 19, sequence_grid(21), 1);
  merge<Backend>(low, high, merged);
  CHECK(test::worst(whole.out, merged.out).relative() < 1e-6);
  CHECK(test::worst(whole.lse, merged.lse).relative() < 1e-6);
  merge<Backend>(low, high, high);  // in place
  CHECK(high.out == merged.out);
  CHECK(high.lse == merged.lse);
}

template <class Backend>
void check_rows_of_nothing() {
  attend_case a(1, 1, 3, sequence_grid(4), 2);
  attend_case b = a;
  attend_case to = a;
  a.out = {1, 2, 3, 4, 5, 6, not_a_number, 0, 0, 1, 1, 1};
  b.out = {7, 8, 9, not_a_number, 0, 0, 0, 0, 0, 3, 3, 3};
  a.lse = {-infinity, 2.0F, -infinity, 80.0F};
  b.lse = {1.0F, -infinity, -infinity, 80.0F};
  merge<Backend>(a, b, to);
  CHECK(to.out == std::vector<float>{7, 8, 9, 4, 5, 6, 0, 0, 0, 2, 2, 2});
  CHECK(to.lse[0] == 1.0F);
  CHECK(to.lse[1] == 2.0F);
  CHECK(to.lse[2] == -infinity);
  CHECK(to.lse[3] == Approx(80.0 + std::log(2.0)));
}
}  // namespace

TEST_CASE("two results over different keys make the whole") {
  check_union<reference>();
  check_union<simd>();
}

TEST_CASE("a row that saw nothing takes the other result") {
  check_rows_of_nothing<reference>();
  check_rows_of_nothing<simd>();
}

TEST_CASE("shapes and overlaps of results are refused") {
  attend_case a(1, 2, 4, sequence_grid(6), 3);
  attend_case b = a;
  attend_case other(1, 2, 4, sequence_grid(5), 3);
  REQUIRE_THROWS_AS(merge<reference>(a, other, b), shape_error);
  const context<reference> ctx{};
  const auto shifted = merged_heads(a.out.data() + 4, 1, 6, 2, 4);  // not the same rows
  REQUIRE_THROWS_AS(merge_attention(ctx, a.output(), a.logsumexps(), b.output(), b.logsumexps(), shifted, b.logsumexps()),
                    shape_error);
  REQUIRE_THROWS_AS(
      merge_attention(ctx, a.output(), a.logsumexps(), b.output(), other.logsumexps(), b.output(), b.logsumexps()),
      shape_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
