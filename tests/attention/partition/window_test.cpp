#include <heddle/attention/partition/window.hpp>

#include <heddle/attention/partition/global.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace heddle;

namespace {

template <class Map>
std::vector<std::int32_t> tokens_of(const Map& map, std::size_t group) {
  std::vector<std::int32_t> tokens(map.group_size());
  map.tokens(group, tokens.data());
  return tokens;
}

/// `tokens` and `token` agree, and every token of the grid is in exactly one group.
template <class Map>
void require_partition(const Map& map, std::size_t grid_tokens) {
  std::vector<int> seen(grid_tokens, 0);
  for (std::size_t g = 0; g < map.groups(); ++g) {
    const auto tokens = tokens_of(map, g);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      REQUIRE(map.token(g, i) == tokens[i]);
      if (tokens[i] >= 0) ++seen.at(static_cast<std::size_t>(tokens[i]));
    }
  }
  for (const int n : seen) REQUIRE(n == 1);
}

}  // namespace

TEST_CASE("global is one group in order") {
  const auto map = global{}.map({2, 3, 4});
  REQUIRE(map.groups() == 1);
  const auto tokens = tokens_of(map, 0);
  REQUIRE(tokens.size() == 24);
  for (std::size_t i = 0; i < 24; ++i) CHECK(tokens[i] == static_cast<std::int32_t>(i));
  CHECK_FALSE(map.padded());
}

TEST_CASE("windows cut the grid") {
  constexpr auto map = window<2, 3>{}.map({1, 4, 6});
  STATIC_REQUIRE(map.groups() == 4);
  STATIC_REQUIRE(decltype(map)::static_size == 6);
  CHECK(tokens_of(map, 0) == std::vector<std::int32_t>{0, 1, 2, 6, 7, 8});
  CHECK(tokens_of(map, 3) == std::vector<std::int32_t>{15, 16, 17, 21, 22, 23});
}

TEST_CASE("a shift rolls the grid") {
  const auto map = window<2>{1, 1}.map({1, 4, 4});
  CHECK(tokens_of(map, 0) == std::vector<std::int32_t>{5, 6, 9, 10});
  CHECK(tokens_of(map, 1) == std::vector<std::int32_t>{7, 4, 11, 8});
  CHECK(tokens_of(map, 3) == std::vector<std::int32_t>{15, 12, 3, 0});
  CHECK(map.split(0).y == 2);
  CHECK(map.split(3).y == 1);
  CHECK(map.split(1).x == 1);
  CHECK(tokens_of(shifted_window<2>{}.map({1, 4, 4}), 1) == tokens_of(map, 1));
}

TEST_CASE("sides that are not multiples are padded") {
  const auto map = window<2>{}.map({1, 3, 3});
  REQUIRE(map.padded());
  CHECK(tokens_of(map, 1) == std::vector<std::int32_t>{2, -1, 5, -1});
  CHECK(tokens_of(map, 3) == std::vector<std::int32_t>{8, -1, -1, -1});
}

TEST_CASE("every token is in one window, for any size, shift and number of frames") {
  for (std::size_t frames = 1; frames <= 2; ++frames)
    for (std::size_t h = 1; h <= 9; h += 2)
      for (std::size_t w = 1; w <= 8; ++w)
        for (std::size_t wh = 1; wh <= 5; ++wh)
          for (std::size_t ww = 1; ww <= 4; ++ww) {
            const token_grid grid{frames, h, w};
            const window<> plain{wh, ww, wh / 2, ww - 1};
            require_partition(plain.map(grid), grid.size());
          }
}

TEST_CASE("a shift as large as the window is refused") {
  REQUIRE_THROWS_AS((window<4>{4, 0}.map({1, 8, 8})), shape_error);
  REQUIRE_THROWS_AS((window<>{2, 2, 0, 2}.map({1, 8, 8})), shape_error);
  REQUIRE_THROWS_AS((window<>{0, 2}.map({1, 8, 8})), shape_error);
}
