#include <heddle/attention/partition/window.hpp>

#include <heddle/attention/partition/global.hpp>

#include <vector>

#include "attention/partition/partition_check.hpp"
#include "support/catch.hpp"

using namespace heddle;

using test::require_partition;
using test::tokens_of;

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

TEST_CASE("windows in space and time") {
  constexpr auto map = window<2, 1, 3>{}.map({4, 2, 3});
  STATIC_REQUIRE(decltype(map)::static_size == 6);
  STATIC_REQUIRE(map.window() == window_extents{1, 3, 2});
  STATIC_REQUIRE(map.groups() == 4);
  CHECK(tokens_of(map, 0) == std::vector<std::int32_t>{0, 1, 2, 6, 7, 8});
  CHECK(tokens_of(map, 1) == std::vector<std::int32_t>{3, 4, 5, 9, 10, 11});
  CHECK(tokens_of(map, 2) == std::vector<std::int32_t>{12, 13, 14, 18, 19, 20});
  // Rolled by one frame: the last group joins frame 3 with frame 0.
  const auto rolled = window<2, 1, 3>{0, 0, 1}.map({4, 2, 3});
  CHECK(tokens_of(rolled, 2) == std::vector<std::int32_t>{18, 19, 20, 0, 1, 2});
  CHECK(rolled.split(0).t == 2);
  CHECK(rolled.split(2).t == 1);
  const auto half = shifted_window<2, 1, 3>{}.map({4, 2, 3});
  CHECK((half.shift_t == 1 && half.shift_y == 0 && half.shift_x == 1));
  REQUIRE_THROWS_AS((window<2, 4, 4>{0, 0, 2}.map({4, 4, 4})), shape_error);
}

TEST_CASE("every token is in one window of space and time") {
  for (std::size_t frames = 1; frames <= 5; ++frames)
    for (std::size_t h = 1; h <= 5; h += 2)
      for (std::size_t w = 1; w <= 4; ++w)
        for (std::size_t depth = 1; depth <= 3; ++depth)
          for (std::size_t side = 1; side <= 3; ++side) {
            const token_grid grid{frames, h, w};
            const window<> sized{side, 2, side / 2, 1, depth, depth - 1};
            require_partition(sized.map(grid), grid.size());
          }
}

TEST_CASE("index arithmetic beyond 2^31, without the memory") {
  // 46,340 x 46,340 tokens in windows of 64 x 64: more positions than 2^31 with the padding.
  const auto map = window<64>{}.map({1, 46340, 46340});
  const std::size_t groups = std::size_t{725} * 725;
  REQUIRE(map.groups() == groups);
  CHECK(map.groups() * map.group_size() > std::size_t{1} << 31U);
  // The last window begins at 724 * 64 = 46336 and has 4 x 4 tokens; the grid's last one is number 2,147,395,599.
  CHECK(map.token(groups - 1, 0) == static_cast<std::int32_t>(46336LL * 46340 + 46336));
  CHECK(map.token(groups - 1, 3 * 64 + 3) == 2147395599);
  CHECK(map.token(groups - 1, 4) == -1);
  CHECK(tokens_of(map, groups - 1)[3 * 64 + 3] == 2147395599);

  const auto frames = window<8, 4, 4>{0, 0, 0}.map({65536, 128, 255});
  CHECK(frames.token(frames.groups() - 1, 7 * 16 + 3 * 4 + 2) == static_cast<std::int32_t>(65536LL * 128 * 255 - 1));
  CHECK(frames.token(frames.groups() - 1, 3) == -1);

  // Tokens are 32-bit numbers: more of them are refused, whatever their number is modulo 2^64.
  REQUIRE_NOTHROW(global{}.map({1, 1, 2147483647}));
  REQUIRE_THROWS_AS(global{}.map({1, 1, 2147483648}), shape_error);
  REQUIRE_THROWS_AS(window<8>{}.map({1, 46341, 46341}), shape_error);
  REQUIRE_THROWS_AS(window<8>{}.map({std::size_t{1} << 32U, std::size_t{1} << 32U, 1}), shape_error);
}
