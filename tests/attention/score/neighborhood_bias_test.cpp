#include <heddle/attention/score/neighborhood_bias.hpp>

#include <heddle/attention/partition/neighborhood.hpp>

#include "attention/mask/test_lanes.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

TEST_CASE("the position bias of neighborhoods") {
  const auto table = test::normal_vector(2 * 5 * 9, 3);
  const neighborhood_bias bias{table.data(), 2};
  const token_grid g{1, 9, 13};
  const auto map = neighborhood<3, 5>{1, 2}.map(g);
  bool equal = true;
  for (std::size_t group = 0; group < map.groups(); ++group) {
    const group_context<neighborhood_groups> c{0, group, 1, map.group_size(), map.key_group_size(), &map};
    for (std::size_t i = 0; i < c.queries; ++i)
      for (std::size_t j = 0; j < c.keys; ++j) {
        const float q = static_cast<float>(i);
        const float k = static_cast<float>(j);
        const float out = bias(c, 1.0F, q, k);  // defined for every pair
        const auto vector = bias(c, test::four(1.0F), test::four(q), test::four(k));
        equal = equal && vector.lane[3] == out;
        const int from = map.token(group, i);
        const int to = map.key_token(group, j);
        if (from < 0 || to < 0 || !map.visible(c, q, k)) continue;
        const int dy = to / 13 - from / 13 + 2;
        const int dx = (to % 13 - from % 13) / 2 + 4;
        equal = equal && out == 1.0F + table[45U + static_cast<std::size_t>(dy * 9 + dx)];
      }
  }
  CHECK(equal);
  REQUIRE_THROWS_AS((bias.check({1, 3, 1, 64, 100, 117, 117, 8})), shape_error);
  REQUIRE_THROWS_AS((neighborhood_bias{nullptr, 3}.check({1, 3, 1, 64, 100, 117, 117, 8})), weight_error);
}
