#include <heddle/attention/mask/prefix.hpp>

#include "attention/mask/mask_check.hpp"

using namespace heddle;
using test::problem;

TEST_CASE("a prefix sees itself whole, what follows is causal") {
  const auto c = problem(6, 6);
  const prefix<3> mask;
  for (std::size_t q = 0; q < 6; ++q)
    for (std::size_t k = 0; k < 6; ++k) CHECK(test::sees_key(mask, c, q, k) == (k < 3 || k <= q));
  CHECK(mask.classify(c, 0, 6, 0, 3) == tile::full);
  CHECK(mask.classify(c, 0, 3, 3, 6) == tile::skip);
}

TEST_CASE("prefixes classify exactly, on all rectangles and inside larger problems") {
  for (std::size_t length = 0; length <= 12; ++length) {
    test::require_exact(prefix<>{length}, problem(11, 11));
    test::require_exact(prefix<>{length}, problem(5, 13));
    test::require_exact(prefix<dyn, alignment::bottom_right>{length}, problem(5, 13));
    test::require_exact(prefix<dyn, alignment::bottom_right>{length}, problem(13, 6));
  }
  test::require_exact(prefix<4>{}, problem(9, 9));
  test::require_exact_inside(prefix<100>{}, problem(300, 300));
  test::require_exact_inside(prefix<70, alignment::bottom_right>{}, problem(120, 310));
}
