#include <heddle/core/error.hpp>

#include "tests/support/catch.hpp"

#include <stdexcept>
#include <type_traits>

static_assert(std::is_base_of_v<std::runtime_error, heddle::error>);
static_assert(std::is_base_of_v<heddle::error, heddle::shape_error> &&
              std::is_base_of_v<heddle::error, heddle::workspace_error> &&
              std::is_base_of_v<heddle::error, heddle::weight_error> && std::is_base_of_v<heddle::error, heddle::file_error>);

TEST_CASE("an extent that fits raises nothing", "[core]") { heddle::require_extent("x", "channels", 48, 48); }

TEST_CASE("an extent that does not fit is a sentence with both numbers", "[core]") {
  REQUIRE_THROWS_WITH(heddle::require_extent("x", "channels", 48, 47), "x: expected 48 channels, got 47");
  REQUIRE_THROWS_AS(heddle::require_extent("x", "channels", 48, 47), heddle::shape_error);
  REQUIRE_THROWS_AS(heddle::require_extent("x", "channels", 48, 47), heddle::error);
}
