#include <heddle/attention/partition/temporal.hpp>

#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::require_partition;
using test::tokens_of;

TEST_CASE("a place is a group, its frames inside") {
  const auto map = temporal{}.map({3, 2, 2});
  REQUIRE(map.groups() == 4);
  CHECK(tokens_of(map, 3) == std::vector<std::int32_t>{3, 7, 11});
  CHECK(map.window() == window_extents{1, 1, 3});
  for (const token_grid grid : {token_grid{1, 4, 4}, token_grid{5, 3, 2}, token_grid{9, 1, 1}})
    require_partition(temporal{}.map(grid), grid.size());
}
