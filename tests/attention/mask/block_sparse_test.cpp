#include <heddle/attention/mask/block_sparse.hpp>

#include "attention/mask/mask_check.hpp"
#include "support/random.hpp"

using namespace heddle;
using test::problem;

namespace {

std::vector<std::uint8_t> random_table(std::size_t bytes, std::uint64_t seed, std::size_t sparsity) {
  test::generator random(seed);
  std::vector<std::uint8_t> table(bytes);
  for (auto& b : table) b = random.integer(0, sparsity) == 0 ? 1 : 0;
  return table;
}

}  // namespace

TEST_CASE("blocks by their table") {
  const std::vector<std::uint8_t> table{1, 0, 0, 7, 1, 0};  // two rows of blocks, three columns; any value but 0 is seen
  const block_sparse<3, 4> mask{table};
  const auto c = problem(5, 10);
  for (std::size_t q = 0; q < 5; ++q)
    for (std::size_t k = 0; k < 10; ++k) CHECK(test::sees_key(mask, c, q, k) == (table[q / 3 * 3 + k / 4] != 0));
  test::require_exact(mask, c);
  const std::vector<std::uint8_t> bits{0b001, 0b011};
  const block_sparse<3, 4, block_table::bits> packed{bits};
  for (std::size_t q = 0; q < 5; ++q)
    for (std::size_t k = 0; k < 10; ++k) CHECK(test::sees_key(packed, c, q, k) == test::sees_key(mask, c, q, k));
  test::require_exact(packed, c);
}

TEST_CASE("random tables classify exactly") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const auto one = random_table(12 * 12, seed, seed % 3);
    test::require_exact(block_sparse<1>{one}, problem(12, 12));
    const auto some = random_table(4 * 3, seed, seed % 2);
    test::require_exact(block_sparse<3, 5>{some}, problem(11, 13));
    const auto many = random_table(10 * 10, seed, seed % 3);
    test::require_exact_inside(block_sparse<32>{many}, problem(310, 315));
    test::generator random(seed + 9);
    std::vector<std::uint8_t> bits(13 * 2);
    for (auto& b : bits) b = static_cast<std::uint8_t>(random.bits());
    test::require_exact(block_sparse<1, 1, block_table::bits>{bits}, problem(13, 11));
  }
}

TEST_CASE("a table for each batch item and head") {
  const auto table = random_table(2 * 3 * 2 * 2, 7, 1);
  const block_sparse<2> mask{table, 2, 3};
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t h = 0; h < 3; ++h) {
      const auto c = problem(4, 3, b, h);
      for (std::size_t q = 0; q < 4; ++q)
        for (std::size_t k = 0; k < 3; ++k)
          CHECK(test::sees_key(mask, c, q, k) == (table[(b * 3 + h) * 4 + q / 2 * 2 + k / 2] != 0));
      test::require_exact(mask, c);
    }
  REQUIRE_NOTHROW(mask.check({2, 3, 1, 4, 3, 4, 3, 8}));
  REQUIRE_THROWS_AS(mask.check({3, 3, 1, 4, 3, 4, 3, 8}), shape_error);
  REQUIRE_THROWS_AS(mask.check({2, 4, 1, 4, 3, 4, 3, 8}), shape_error);
  REQUIRE_THROWS_AS(mask.check({2, 3, 1, 5, 3, 5, 3, 8}), shape_error);
}
