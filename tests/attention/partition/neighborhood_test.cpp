// Neighborhoods against the definition: every query sees the nearest keys, and all borders are shifted inwards.
#include <heddle/attention/partition/neighborhood.hpp>

#include <heddle/reference/attend.hpp>

#include <algorithm>
#include <set>

#include "attention/attend_case.hpp"
#include "attention/mask/test_lanes.hpp"
#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;
using test::tokens_of;

namespace {

using context_type = group_context<neighborhood_groups>;

context_type problem(const neighborhood_groups& map, std::size_t group) {
  return {0, group, 0, map.group_size(), map.key_group_size(), &map};
}

/// First coordinate that coordinate `i` of an axis sees, as NATTEN defines it.
std::size_t first_seen(std::size_t i, std::size_t length, std::size_t kernel, std::size_t dilation) {
  const std::size_t line = (length - i % dilation + dilation - 1) / dilation;
  const std::size_t at = i / dilation;
  const std::size_t low = at < kernel / 2 ? 0 : at - kernel / 2;
  return i % dilation + std::min(low, line - kernel) * dilation;
}

/// What token `q` sees, by the definition.
std::vector<std::int32_t> neighbours(const token_grid& g, window_extents k, window_extents d, std::size_t q) {
  const std::size_t x0 = first_seen(q % g.width, g.width, k.width, d.width);
  const std::size_t y0 = first_seen(q / g.width % g.height, g.height, k.height, d.height);
  const std::size_t t0 = first_seen(q / g.width / g.height, g.frames, k.depth, d.depth);
  std::vector<std::int32_t> result;
  for (std::size_t t = 0; t < k.depth; ++t)
    for (std::size_t y = 0; y < k.height; ++y)
      for (std::size_t x = 0; x < k.width; ++x)
        result.push_back(
            static_cast<std::int32_t>(((t0 + t * d.depth) * g.height + y0 + y * d.height) * g.width + x0 + x * d.width));
  return result;
}

/// Checks lists, visibility, vectors of keys, and all rectangles of some steps.
void require_neighborhood(const token_grid& g, window_extents k, window_extents d) {
  const auto map = neighborhood<>{k.height, k.width, k.depth, d.height, d.width, d.depth}.map(g);
  test::require_partition(map, g.size());
  bool lists = true;
  bool sights = true;
  bool lanes = true;
  bool rectangles = true;
  for (std::size_t group = 0; group < map.groups(); ++group) {
    const context_type c = problem(map, group);
    const auto queries = tokens_of(map, group);
    std::vector<std::int32_t> keys(map.key_group_size());
    map.key_tokens(group, keys.data());
    for (std::size_t i = 0; i < keys.size(); ++i) lists = lists && map.key_token(group, i) == keys[i];
    std::vector<std::vector<std::size_t>> seen(c.queries, std::vector<std::size_t>(c.keys + 1, 0));  // of the keys before
    for (std::size_t i = 0; i < c.queries; ++i) {
      std::vector<std::int32_t> found;
      for (std::size_t j = 0; j < c.keys; ++j) {
        const bool sees = map.visible(c, static_cast<float>(i), static_cast<float>(j));
        seen[i][j + 1] = seen[i][j] + (sees ? 1 : 0);
        if (sees) found.push_back(keys[j]);
        if (j % 4 != 0) continue;
        const auto four =
            map.visible(c, test::four(static_cast<float>(i)), batch_traits<test::four>::positions(static_cast<float>(j)));
        for (std::size_t l = 0; l < 4 && j + l < c.keys; ++l)
          lanes = lanes && four.lane[l] == map.visible(c, static_cast<float>(i), static_cast<float>(j + l));
      }
      if (queries[i] >= 0) sights = sights && found == neighbours(g, k, d, static_cast<std::size_t>(queries[i]));
    }
    for (std::size_t q0 = 0; q0 < c.queries; q0 += 5)
      for (std::size_t q1 = q0 + 1; q1 <= c.queries; q1 += 3)
        for (std::size_t k0 = 0; k0 < c.keys; k0 += 7)
          for (std::size_t k1 = k0 + 1; k1 <= c.keys; k1 += 11) {
            std::size_t pairs = 0;
            for (std::size_t i = q0; i < q1; ++i) pairs += seen[i][k1] - seen[i][k0];
            const tile expected = pairs == 0 ? tile::skip : pairs == (q1 - q0) * (k1 - k0) ? tile::full : tile::partial;
            rectangles = rectangles && map.classify(c, q0, q1, k0, k1) == expected;
          }
  }
  REQUIRE(lists);
  REQUIRE(sights);
  REQUIRE(lanes);
  REQUIRE(rectangles);
}

}  // namespace

TEST_CASE("neighborhoods of a sequence") {
  const auto map = neighborhood<3>{}.map(sequence_grid(6));
  REQUIRE(map.groups() == 1);
  const context_type c = problem(map, 0);
  const auto sees = [&](std::size_t q) {
    std::vector<int> keys;
    for (int k = 0; k < 6; ++k)
      if (map.visible(c, static_cast<float>(q), static_cast<float>(k))) keys.push_back(k);
    return keys;
  };
  CHECK(sees(0) == std::vector<int>{0, 1, 2});  // shifted inwards, not cut
  CHECK(sees(2) == std::vector<int>{1, 2, 3});
  CHECK(sees(5) == std::vector<int>{3, 4, 5});
}

TEST_CASE("every query sees its nearest keys on sequences of any length, kernel and dilation") {
  for (const std::size_t length : {1U, 2U, 7U, 20U, 64U, 65U, 150U})
    for (const std::size_t kernel : {1U, 2U, 3U, 7U, 13U})
      for (const std::size_t dilation : {1U, 2U, 3U})
        if (kernel * dilation <= length) require_neighborhood(sequence_grid(length), {1, kernel}, {1, dilation});
}

TEST_CASE("on maps") {
  require_neighborhood({1, 7, 7}, {7, 7}, {1, 1});
  require_neighborhood({1, 11, 19}, {3, 5}, {1, 1});
  require_neighborhood({1, 17, 18}, {7, 7}, {1, 1});
  require_neighborhood({2, 13, 10}, {3, 5}, {2, 2});
  require_neighborhood({1, 9, 21}, {3, 3}, {3, 7});
  require_neighborhood({1, 6, 12}, {1, 5}, {1, 1});
  require_neighborhood({1, 12, 5}, {5, 1}, {2, 1});
}

TEST_CASE("in space and time") {
  require_neighborhood({5, 6, 7}, {3, 3, 3}, {1, 1, 1});
  require_neighborhood({4, 9, 5}, {3, 5, 2}, {1, 1, 2});
  require_neighborhood({9, 2, 3}, {1, 1, 3}, {1, 1, 3});
}

TEST_CASE("the spellings with sides in the type") {
  CHECK(neighborhood<7>{}.map({1, 14, 20}).kernel() == window_extents{7, 7});
  CHECK(neighborhood<7>{}.map(sequence_grid(20)).kernel() == window_extents{1, 7});
  CHECK(neighborhood<3, 5>{}.map({2, 14, 20}).kernel() == window_extents{3, 5});
  CHECK(neighborhood<3, 5, 7>{}.map({4, 14, 20}).kernel() == window_extents{5, 7, 3});
  CHECK(neighborhood<3>{2}.map({1, 14, 20}).groups() == 4 * 2);  // 4 residues of 7 x 10, in tiles of 8 x 8
  CHECK(neighborhood<7>{}.map({1, 56, 56}).key_group_size() == 14 * 14);
}

TEST_CASE("grids that are too small are refused, with both numbers") {
  REQUIRE_THROWS_WITH(neighborhood<7>{}.map({1, 6, 9}),
                      "neighborhood: expected a height of at least 7 (kernel 7, dilation 1), got 6");
  REQUIRE_THROWS_AS((neighborhood<3, 3>{1, 4}.map({1, 6, 11})), shape_error);
  REQUIRE_THROWS_AS(neighborhood<3>{0}.map({1, 6, 11}), shape_error);
  REQUIRE_THROWS_AS((neighborhood<3, 3, 3>{}.map({2, 6, 11})), shape_error);
  REQUIRE_THROWS_AS(neighborhood<>{0}.map({2, 6, 11}), shape_error);
}

TEST_CASE("a very long sequence") {
  const auto map = neighborhood<255>{}.map(sequence_grid(2147483647));
  const std::size_t last = map.groups() - 1;
  CHECK(map.token(last, 62) == 2147483646);
  CHECK(map.token(last, 63) == -1);
  const context_type c = problem(map, last);
  CHECK(map.key_token(last, c.keys - 1) == 2147483646);
  CHECK(map.visible(c, 62.0F, static_cast<float>(c.keys - 1)));
  CHECK(map.visible(c, 62.0F, static_cast<float>(c.keys - 255)));
  CHECK_FALSE(map.visible(c, 62.0F, static_cast<float>(c.keys - 256)));
}

TEST_CASE("a neighborhood as large as the map is global attention") {
  test::attend_case local(2, 2, 4, {1, 5, 7}, 11);
  test::attend_case whole(2, 2, 4, {1, 5, 7}, 11);
  local.run<reference>(attention{neighborhood<5, 7>{}});
  whole.run<reference>(attention{global{}});
  CHECK(local.out == whole.out);
  // One key for each query: its own value.
  local.run<reference>(attention{neighborhood<1>{}});
  CHECK(local.out[13 * 8 + 5] == local.at(2, 0, 13, 1, 1));
}
