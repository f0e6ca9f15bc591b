#include <heddle/attention/partition/gathered.hpp>

#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::require_partition;
using test::tokens_of;

TEST_CASE("groups by a list") {
  const std::vector<std::int32_t> list{4, 0, 2, 1, 3, -1};
  const auto map = gathered<3>{list.data(), 2}.map(sequence_grid(5));
  STATIC_REQUIRE(decltype(map)::static_size == 3);
  REQUIRE(map.groups() == 2);
  CHECK(map.padded());
  CHECK(tokens_of(map, 1) == std::vector<std::int32_t>{1, 3, -1});
  require_partition(map, 5);
  const auto sized = gathered<>{list.data(), 1, 5}.map(sequence_grid(5));
  CHECK_FALSE(sized.padded());
  CHECK(tokens_of(sized, 0) == std::vector<std::int32_t>{4, 0, 2, 1, 3});
  require_partition(sized, 5);
  CHECK(gathered<>{}.map(sequence_grid(5)).groups() == 0);
}

TEST_CASE("indices outside the grid are refused") {
  const std::vector<std::int32_t> list{0, 1, 5, -2};
  REQUIRE_NOTHROW(gathered<>{list.data(), 1, 3}.map(sequence_grid(6)));
  REQUIRE_THROWS_AS((gathered<>{list.data(), 1, 3}.map(sequence_grid(5))), shape_error);
  REQUIRE_THROWS_AS((gathered<>{list.data(), 2, 2}.map(sequence_grid(6))), shape_error);
  REQUIRE_THROWS_AS((gathered<>{nullptr, 1, 3}.map(sequence_grid(6))), shape_error);
}
