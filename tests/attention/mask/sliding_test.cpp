#include <heddle/attention/mask/sliding.hpp>

#include "attention/mask/mask_check.hpp"

using namespace heddle;
using test::problem;

TEST_CASE("bands by their definition") {
  const auto c = problem(8, 8);
  const auto longer = problem(3, 8);
  for (std::size_t q = 0; q < 8; ++q)
    for (std::size_t k = 0; k < 8; ++k) {
      CHECK(test::sees_key(sliding<3>{}, c, q, k) == (k <= q && q < k + 3));
      CHECK(test::sees_key(sliding<2, band_side::both>{}, c, q, k) == (k <= q + 2 && q <= k + 2));
      if (q < 3)
        CHECK(test::sees_key(sliding<3, band_side::past, alignment::bottom_right>{}, longer, q, k) ==
              (k <= q + 5 && q + 5 < k + 3));
      CHECK_FALSE(test::sees_key(sliding<>{0}, c, q, k));
      CHECK(test::sees_key(sliding<dyn, band_side::both>{0}, c, q, k) == (q == k));
    }
}

TEST_CASE("bands classify exactly on all rectangles") {
  for (std::size_t reach = 0; reach <= 14; ++reach) {
    test::require_exact(sliding<>{reach}, problem(12, 12));
    test::require_exact(sliding<dyn, band_side::both>{reach}, problem(12, 12));
    test::require_exact(sliding<dyn, band_side::past, alignment::bottom_right>{reach}, problem(6, 11));
    test::require_exact(sliding<dyn, band_side::both, alignment::bottom_right>{reach}, problem(11, 6));
    test::require_exact(sliding<dyn, band_side::past>{reach}, problem(4, 13));
  }
  test::require_exact(sliding<3>{}, problem(10, 10));
}

TEST_CASE("bands classify exactly inside larger problems") {
  test::require_exact_inside(sliding<40>{}, problem(400, 400));
  test::require_exact_inside(sliding<100, band_side::both>{}, problem(400, 400));
  test::require_exact_inside(sliding<64, band_side::past, alignment::bottom_right>{}, problem(90, 400));
}

TEST_CASE("a band of a very long sequence") {
  const auto c = problem(10000000, 10000000);
  const sliding<256> mask;
  CHECK(mask.classify(c, 9000000, 9000032, 8999776, 9000001) == tile::full);
  CHECK(mask.classify(c, 9000000, 9000032, 8999775, 9000001) == tile::partial);
  CHECK(mask.classify(c, 9000000, 9000032, 8999776, 9000002) == tile::partial);
  CHECK(mask.classify(c, 9000000, 9000032, 0, 8999745) == tile::skip);
  CHECK(mask.classify(c, 9000000, 9000032, 9000032, 10000000) == tile::skip);
  CHECK(test::sees_key(mask, c, 9000000, 8999745));
  CHECK_FALSE(test::sees_key(mask, c, 9000000, 8999744));
}
