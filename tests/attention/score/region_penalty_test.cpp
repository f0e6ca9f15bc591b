#include <heddle/attention/score/region_penalty.hpp>

#include <heddle/attention/partition/window.hpp>

#include "attention/mask/mask_check.hpp"

using namespace heddle;

TEST_CASE("pairs of different regions are lowered by a number") {
  const auto map = window<>{4, 3, 2, 1}.map({1, 8, 6});
  for (std::size_t g = 0; g < map.groups(); ++g) {
    const test::mask_context c{0, g, 0, 12, 12, &map};
    for (std::size_t q = 0; q < 12; ++q)
      for (std::size_t k = 0; k < 12; ++k) {
        const float expected = test::sees_key(same_region{}, c, q, k) ? 3.0F : -97.0F;
        CHECK(region_penalty{}(c, 3.0F, static_cast<float>(q), static_cast<float>(k)) == expected);
        const auto four =
            region_penalty{}(c, test::four(3.0F), test::four(static_cast<float>(q)), test::four(static_cast<float>(k)));
        CHECK(four.lane[1] == expected);
      }
  }
}
