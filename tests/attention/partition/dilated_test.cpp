#include <heddle/attention/partition/dilated.hpp>

#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::require_partition;
using test::tokens_of;

TEST_CASE("tokens of the same residue") {
  const auto line = dilated<3>{}.map(sequence_grid(8));
  REQUIRE(line.groups() == 3);
  CHECK(tokens_of(line, 1) == std::vector<std::int32_t>{1, 4, 7});
  CHECK(tokens_of(line, 2) == std::vector<std::int32_t>{2, 5, -1});
  const auto map = dilated<2>{}.map({1, 4, 4});
  REQUIRE(map.groups() == 4);
  CHECK(tokens_of(map, 3) == std::vector<std::int32_t>{5, 7, 13, 15});
  // Frames are apart unless they are given a distance.
  CHECK(dilated<2>{}.map({3, 4, 4}).groups() == 12);
  const auto frames = dilated<>{4, 4, 2}.map({4, 4, 4});
  CHECK(frames.groups() == 32);
  CHECK(tokens_of(frames, 16) == std::vector<std::int32_t>{16, 48});
}

TEST_CASE("every token has one residue, for any grid and distance") {
  for (std::size_t frames = 1; frames <= 3; ++frames)
    for (std::size_t h = 1; h <= 7; h += 2)
      for (std::size_t w = 1; w <= 6; ++w)
        for (std::size_t step = 1; step <= 4; ++step) {
          const token_grid grid{frames, h, w};
          const auto map = dilated<>{step, step + 1, step % 3}.map(grid);
          require_partition(map, grid.size());
          // No group is padding alone.
          for (std::size_t g = 0; g < map.groups(); ++g) REQUIRE(map.token(g, 0) >= 0);
        }
  REQUIRE_THROWS_AS((dilated<>{0, 2}.map({1, 4, 4})), shape_error);
}
