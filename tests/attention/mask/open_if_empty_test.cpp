#include <heddle/attention/mask/open_if_empty.hpp>

#include <heddle/attention/mask/block_sparse.hpp>
#include <heddle/attention/mask/lengths.hpp>
#include <heddle/attention/mask/sliding.hpp>
#include <heddle/attention/mask/visible_if.hpp>

#include "attention/mask/mask_check.hpp"
#include "support/random.hpp"

using namespace heddle;
using test::problem;

TEST_CASE("a query that would see nothing sees everything") {
  test::generator random(3);
  for (int n = 0; n < 8; ++n) {
    std::vector<std::uint8_t> table(9 * 20);
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = i / 20 % 3 != 1 && random.integer(0, n < 4 ? 1 : 25) == 0 ? 1 : 0;
    const open_if_empty mask{block_sparse<1>{table}};
    const auto c = problem(9, 20);
    for (std::size_t q = 0; q < 9; ++q) {
      bool empty = true;
      for (std::size_t k = 0; k < 20; ++k) empty = empty && table[q * 20 + k] == 0;
      for (std::size_t k = 0; k < 20; ++k) REQUIRE(test::sees_key(mask, c, q, k) == (empty || table[q * 20 + k] != 0));
    }
    test::require_exact(mask, c);
  }
}

TEST_CASE("masks of every kind are opened") {
  const std::vector<std::int32_t> none{0, 3};
  test::require_exact(open_if_empty{lengths{none}}, problem(5, 6, 0));
  CHECK(test::sees_key(open_if_empty{lengths{none}}, problem(5, 6, 0), 4, 5));
  CHECK_FALSE(test::sees_key(open_if_empty{lengths{none}}, problem(5, 6, 1), 4, 5));
  // More queries than keys: those behind the band are opened.
  test::require_exact(open_if_empty{sliding<2>{}}, problem(9, 4));
  CHECK(test::sees_key(open_if_empty{sliding<2>{}}, problem(9, 4), 6, 0));
  const open_if_empty even{visible_if{[](std::size_t q, std::size_t k) { return q % 2 == 0 && k % 5 == 4; }}};
  test::require_consistent(even, problem(6, 21));
  CHECK(test::sees_key(even, problem(6, 21), 1, 3));
  CHECK_FALSE(test::sees_key(even, problem(6, 21), 2, 3));
  std::vector<std::uint8_t> table(40 * 30, 0);
  table[7] = 1;
  test::require_exact_inside(open_if_empty{block_sparse<8>{std::span<const std::uint8_t>(table).first(13 * 19)}},
                             problem(100, 150));
  REQUIRE_THROWS_AS((open_if_empty{block_sparse<8>{table}}.check({1, 1, 1, 100, 150, 100, 150, 8})), shape_error);
}
