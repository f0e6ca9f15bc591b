#include <heddle/attention/partition/block.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace heddle;

namespace {
template <class Map>
std::vector<std::int32_t> tokens_of(const Map& map, std::size_t group) {
  std::vector<std::int32_t> tokens(map.group_size());
  map.tokens(group, tokens.data());
  return tokens;
}
}  // namespace

TEST_CASE("block groups are windows, grid groups are lattices") {
  const token_grid g{1, 4, 6};
  CHECK(tokens_of(block<2>{}.map(g), 1) == std::vector<std::int32_t>{2, 3, 8, 9});
  // 2 x 2 tokens spread over 4 x 6: the step is 2 rows and 3 columns, group (0, 1) starts at column 1.
  CHECK(tokens_of(grid<2>{}.map(g), 1) == std::vector<std::int32_t>{1, 4, 13, 16});
  CHECK(tokens_of(grid<>{2, 2}.map(g), 1) == tokens_of(grid<2>{}.map(g), 1));
  CHECK(tokens_of(block<>{2, 2}.map(g), 1) == tokens_of(block<2>{}.map(g), 1));
}

TEST_CASE("grid is block with windows and offsets exchanged") {
  // Token (ty, tx) of grid group (gy, gx) is token (gy, gx) of block group (ty, tx), for blocks of the size of a step.
  const token_grid g{1, 6, 12};
  const auto lattice = grid<3, 4>{}.map(g);
  const auto blocks = block<2, 3>{}.map(g);
  REQUIRE(lattice.groups() == blocks.group_size());
  for (std::size_t a = 0; a < lattice.groups(); ++a)
    for (std::size_t b = 0; b < lattice.group_size(); ++b) REQUIRE(lattice.token(a, b) == blocks.token(b, a));
}

TEST_CASE("sides that do not divide are refused") {
  REQUIRE_THROWS_AS(block<4>{}.map({1, 8, 10}), shape_error);
  REQUIRE_THROWS_AS(grid<4>{}.map({1, 10, 8}), shape_error);
  REQUIRE_THROWS_AS((block<>{0, 4}.map({1, 8, 8})), shape_error);
  REQUIRE_THROWS_AS((grid<>{3, 4}.map({1, 8, 8})), shape_error);
}
