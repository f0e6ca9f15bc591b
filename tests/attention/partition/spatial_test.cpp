#include <heddle/attention/partition/spatial.hpp>

#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::require_partition;
using test::tokens_of;

TEST_CASE("a frame is a group") {
  const auto map = spatial{}.map({3, 2, 2});
  REQUIRE(map.groups() == 3);
  CHECK(tokens_of(map, 2) == std::vector<std::int32_t>{8, 9, 10, 11});
  CHECK(map.window() == window_extents{2, 2});
  for (const token_grid grid : {token_grid{1, 4, 4}, token_grid{5, 3, 2}, sequence_grid(9)})
    require_partition(spatial{}.map(grid), grid.size());
}
