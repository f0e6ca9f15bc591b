#include <heddle/attention/mask/mixed.hpp>

#include "attention/mask/mask_check.hpp"

using namespace heddle;
using test::problem;

namespace {

/// Which segment a token is in; 99 behind the last.
std::size_t segment_of(const std::vector<std::size_t>& sizes, std::size_t token) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (token < (end += sizes[i])) return i;
  return 99;
}

}  // namespace

TEST_CASE("the asymmetric mixed attention of a tracker") {
  // Template | online template | search | prediction tokens: templates never look at the search area.
  using tracker = mixed<segments<3, 3, 5, 2>, sees<0, 1>, sees<0, 1>, sees<0, 1, 2, 3>, sees<0, 1, 2, 3>>;
  STATIC_REQUIRE(std::is_empty_v<tracker>);
  const auto c = problem(13, 13);
  for (std::size_t q = 0; q < 13; ++q)
    for (std::size_t k = 0; k < 13; ++k) CHECK(test::sees_key(tracker{}, c, q, k) == (q >= 6 || k < 6));
  test::require_exact(tracker{}, c);
  CHECK(tracker{}.classify(c, 0, 6, 6, 13) == tile::skip);
  CHECK(tracker{}.classify(c, 6, 13, 0, 13) == tile::full);
}

TEST_CASE("segments known at run time say the same") {
  using fixed = mixed<segments<4, 0, 6, 3>, sees<2>, sees<0>, sees<0, 2, 3>, sees<>>;
  const mixed<segments<dyn, dyn, 6, dyn>, sees<2>, sees<0>, sees<0, 2, 3>, sees<>> sized{{4, 0, 3}};
  const std::vector<std::size_t> sizes{4, 0, 6, 3};
  const std::vector<std::vector<std::size_t>> seen{{2}, {0}, {0, 2, 3}, {}};
  const auto c = problem(15, 15);  // two tokens behind the last segment see nothing
  for (std::size_t q = 0; q < 15; ++q)
    for (std::size_t k = 0; k < 15; ++k) {
      bool expected = false;
      const std::size_t s = segment_of(sizes, q);
      if (s != 99)
        for (const std::size_t j : seen[s]) expected = expected || segment_of(sizes, k) == j;
      REQUIRE(test::sees_key(fixed{}, c, q, k) == expected);
      REQUIRE(test::sees_key(sized, c, q, k) == expected);
    }
  test::require_exact(fixed{}, c);
  test::require_exact(sized, c);
}

TEST_CASE("keys with segments of their own") {
  using pooled = mixed<segments<8, 4>, key_segments<2, dyn>, sees<0>, sees<0, 1>>;
  const pooled mask{{}, {3}};
  const auto c = problem(12, 5);
  for (std::size_t q = 0; q < 12; ++q)
    for (std::size_t k = 0; k < 5; ++k) CHECK(test::sees_key(mask, c, q, k) == (q >= 8 || k < 2));
  test::require_exact(mask, c);
  REQUIRE_NOTHROW(mask.check({1, 1, 1, 12, 5, 12, 5, 8}));
  REQUIRE_THROWS_AS(mask.check({1, 1, 1, 12, 6, 12, 6, 8}), shape_error);
}

TEST_CASE("mixed attention inside larger problems") {
  test::require_exact_inside(mixed<segments<49, 49, 196>, sees<0, 1>, sees<0, 1>, sees<0, 1, 2>>{}, problem(294, 294));
  test::require_exact_inside(mixed<segments<64, 64, 128, 5>, sees<0>, sees<1>, sees<0, 2>, sees<3>>{}, problem(261, 261));
}

TEST_CASE("segments must add up to the tokens") {
  const mixed<segments<49, 49, 196>, sees<0, 1>, sees<0, 1>, sees<0, 1, 2>> mask;
  REQUIRE_NOTHROW(mask.check({1, 1, 1, 294, 294, 294, 294, 64}));
  REQUIRE_THROWS_WITH(mask.check({1, 1, 1, 290, 290, 290, 290, 64}), "mixed: the segments: expected 290 queries, got 294");
}
