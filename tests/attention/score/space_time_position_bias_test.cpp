// The table by its two layouts; how it is expanded is in score_test.cpp.
#include <heddle/attention/score/space_time_position_bias.hpp>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

TEST_CASE("a table of offsets in frames, rows and columns") {
  const auto table = test::normal_vector(3 * 5 * 7 * 2, 8);
  const space_time_position_bias<2, 3, 4> flat{table.data(), 2};
  const space_time_position_bias<2, 3, 4, table_layout::key_minus_query> other{table.data(), 2};
  STATIC_REQUIRE(space_time_position_bias<2, 3, 4>::table_size(2) == 210);
  for (std::size_t dt = 0; dt < 3; ++dt)
    for (std::size_t dy = 0; dy < 5; ++dy)
      for (std::size_t dx = 0; dx < 7; ++dx) {
        CHECK(flat.offset_bias({3, 4, 2}, 1, dy, dx, dt) == table[((dt * 5 + dy) * 7 + dx) * 2 + 1]);
        CHECK(other.offset_bias({3, 4, 2}, 1, dy, dx, dt) == table[105 + ((2 - dt) * 5 + 4 - dy) * 7 + 6 - dx]);
      }
  REQUIRE_NOTHROW(flat.check({3, 4, 2}, 2));
  REQUIRE_THROWS_WITH(flat.check({3, 4, 1}, 2), "space_time_position_bias: window: expected 2 frames, got 1");
  REQUIRE_THROWS_AS(flat.check({3, 5, 2}, 2), shape_error);
  REQUIRE_THROWS_AS(flat.check({3, 4, 2}, 3), shape_error);
}
