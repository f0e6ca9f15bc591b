#include <heddle/attention/token_grid.hpp>

#include "support/catch.hpp"

TEST_CASE("the integer root is exact around every square") {
  STATIC_REQUIRE(heddle::integer_root_ceil(0) == 0);
  STATIC_REQUIRE(heddle::integer_root_ceil(1) == 1);
  for (std::size_t root = 2; root < 3000; ++root) {
    REQUIRE(heddle::integer_root_ceil(root * root) == root);
    REQUIRE(heddle::integer_root_ceil(root * root - 1) == root);
    REQUIRE(heddle::integer_root_ceil(root * root + 1) == root + 1);
  }
  // Squares that a float root gets wrong, and the largest one of the type.
  constexpr std::size_t large = (std::size_t{1} << (sizeof(std::size_t) * 4)) - 1;
  CHECK(heddle::integer_root_ceil(large * large) == large);
  CHECK(heddle::integer_root_ceil(large * large + 1) == large + 1);
  CHECK(heddle::integer_root_ceil(std::size_t{16777217} * 16777217) == 16777217);
}

TEST_CASE("a grid counts its tokens") {
  STATIC_REQUIRE(heddle::token_grid{2, 3, 5}.size() == 30);
  STATIC_REQUIRE(heddle::sequence_grid(17).size() == 17);
  STATIC_REQUIRE(heddle::sequence_grid(17).height == 1);
}
