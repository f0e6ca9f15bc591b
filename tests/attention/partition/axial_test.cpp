#include <heddle/attention/partition/axial.hpp>

#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::require_partition;
using test::tokens_of;

TEST_CASE("rows, columns and tubes of a grid") {
  const token_grid grid{2, 3, 4};
  CHECK(tokens_of(axial_rows{}.map(grid), 4) == std::vector<std::int32_t>{16, 17, 18, 19});
  CHECK(tokens_of(axial_columns{}.map(grid), 5) == std::vector<std::int32_t>{13, 17, 21});
  CHECK(tokens_of(axial<axis::frames>{}.map(grid), 7) == std::vector<std::int32_t>{7, 19});
  CHECK(axial_rows{}.map(grid).window() == window_extents{1, 4});
  CHECK(axial_columns{}.map(grid).window() == window_extents{3, 1});
  CHECK(axial<axis::frames>{}.map(grid).window() == window_extents{1, 1, 2});
}

TEST_CASE("every token is in one line along each axis") {
  for (const token_grid grid : {token_grid{1, 1, 1}, token_grid{1, 5, 3}, token_grid{4, 3, 2}, sequence_grid(7)}) {
    require_partition(axial_rows{}.map(grid), grid.size());
    require_partition(axial_columns{}.map(grid), grid.size());
    require_partition(axial<axis::frames>{}.map(grid), grid.size());
  }
}
