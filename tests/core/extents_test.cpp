#include <heddle/core/extents.hpp>

#include "tests/support/catch.hpp"

#include <cstddef>
#include <string>
#include <type_traits>

using heddle::dyn;
using heddle::dynamic_extents;
using heddle::extents;

// Fully static extents take no memory; mixed ones only that of their dynamic extents.
static_assert(std::is_empty_v<extents<2, 3, 4>> && std::is_empty_v<extents<>>);
static_assert(sizeof(extents<dyn, 197, dyn>) == 2 * sizeof(std::size_t));
static_assert(std::is_trivially_copyable_v<extents<dyn, 3>>);

static_assert(extents<2, dyn, 4>::rank() == 3 && extents<2, dyn, 4>::rank_dynamic() == 1);
static_assert(extents<2, dyn, 4>::static_extent(1) == dyn && extents<2, dyn, 4>::static_extent(2) == 4);
static_assert(extents<2, dyn, 4>(std::size_t{5}).size() == 40 && extents<>{}.size() == 1 && extents<0, 4>{}.size() == 0);

// From fewer static extents only explicitly, never to other static numbers or ranks.
static_assert(std::is_convertible_v<extents<2, 3>, extents<dyn, 3>> &&
              std::is_convertible_v<extents<2, 3>, dynamic_extents<2>>);
static_assert(!std::is_convertible_v<extents<dyn, 3>, extents<2, 3>> &&
              std::is_constructible_v<extents<2, 3>, extents<dyn, 3>>);
static_assert(!std::is_constructible_v<extents<2, 3>, extents<2, 4>> &&
              !std::is_constructible_v<extents<2, 3>, extents<2, 3, 1>>);
static_assert(!std::is_constructible_v<extents<dyn, 3, dyn>, std::string> &&
              !std::is_constructible_v<extents<dyn, dyn, 3, 4>, int, int, int>);
static_assert(std::is_same_v<dynamic_extents<3>, extents<dyn, dyn, dyn>>);
static_assert(std::is_same_v<decltype(extents(1, 2u, std::size_t{3})), dynamic_extents<3>>);

TEST_CASE("extents from the dynamic numbers, or from all", "[core]") {
  const extents<dyn, 64, dyn> from_dynamic(2, 48);
  const extents<dyn, 64, dyn> from_all(2, 64, 48);
  REQUIRE(from_dynamic == from_all);
  REQUIRE(from_dynamic.extent(0) == 2);
  REQUIRE(from_dynamic.extent(1) == 64);
  REQUIRE(from_dynamic.extent(2) == 48);
  REQUIRE(from_dynamic.size() == 2 * 64 * 48);
  REQUIRE(extents<dyn, 3>{} == extents<0, 3>{});
}

TEST_CASE("extents are compared by numbers", "[core]") {
  REQUIRE(extents<2, 3>{} == dynamic_extents<2>(2, 3));
  REQUIRE(extents<2, 3>{} != dynamic_extents<2>(3, 2));
  REQUIRE(extents<2, 3>{} != extents<2, 3, 1>{});
  REQUIRE(extents<>{} == extents<>{});
}

TEST_CASE("extents are converted", "[core]") {
  const dynamic_extents<2> relaxed = extents<2, 3>{};
  REQUIRE(relaxed == extents<2, 3>{});
  const extents<dyn, 3> checked(relaxed);
  REQUIRE(checked.extent(0) == 2);
}

TEST_CASE("a static extent that disagrees is refused", "[core]") {
  const std::string message = "extents: expected 64 elements along a static axis, got 65";
  REQUIRE_THROWS_WITH((extents<dyn, 64, dyn>(2, 65, 48)), message);
  REQUIRE_THROWS_WITH((extents<dyn, 64>(dynamic_extents<2>(2, 65))), message);
  REQUIRE_THROWS_AS((extents<dyn, 64>(2, 65)), heddle::shape_error);
}
