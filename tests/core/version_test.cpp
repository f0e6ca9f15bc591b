#include <heddle/version.hpp>

#include "tests/support/catch.hpp"

TEST_CASE("the version is one integer made of three numbers", "[core]") {
  REQUIRE(HEDDLE_VERSION == HEDDLE_VERSION_MAJOR * 10000 + HEDDLE_VERSION_MINOR * 100 + HEDDLE_VERSION_PATCH);
  REQUIRE(HEDDLE_VERSION_MINOR < 100);
  REQUIRE(HEDDLE_VERSION_PATCH < 100);
}
