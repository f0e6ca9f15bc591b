#include <heddle/attention/partition/adaptive.hpp>

#include <string>

#include "support/catch.hpp"

using namespace heddle;

TEST_CASE("the window follows the map") {
  const auto blocks = adaptive_block{}.map({1, 16, 25});
  CHECK(blocks.window() == window_extents{4, 5});
  CHECK(blocks.groups() == 20);
  const auto lattice = adaptive_grid{}.map({1, 16, 25});
  CHECK(lattice.window() == window_extents{4, 5});
  for (std::size_t g = 0; g < 20; ++g)
    for (std::size_t i = 0; i < 20; ++i) REQUIRE(lattice.token(g, i) == blocks.token(i, g));
}

TEST_CASE("a side that is not a square is refused with the side it should have") {
  REQUIRE_THROWS_AS(adaptive_block{}.map({1, 16, 24}), shape_error);
  REQUIRE_THROWS_AS(adaptive_grid{}.map({1, 17, 25}), shape_error);
#if HEDDLE_HAS_EXCEPTIONS
  try {
    adaptive_grid{}.map({1, 17, 25});
  } catch (const shape_error& e) {
    CHECK(std::string(e.what()).find("expected 25, got 17") != std::string::npos);
  }
#endif
}
