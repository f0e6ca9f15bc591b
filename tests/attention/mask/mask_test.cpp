// Masks of one pattern, and masks made of masks.
#include <heddle/attention/attention.hpp>

#include <vector>

#include "attention/mask/mask_check.hpp"
#include "support/catch.hpp"

using namespace heddle;

using context_type = test::mask_context;
using test::require_consistent;
using test::require_exact;

using test::sees_key;

TEST_CASE("causal by its two alignments") {
  const context_type c{0, 0, 0, 5, 9, nullptr};
  CHECK(sees_key(causal<>{}, c, 2, 2));
  CHECK_FALSE(sees_key(causal<>{}, c, 2, 3));
  CHECK(sees_key(causal<alignment::bottom_right>{}, c, 4, 8));
  CHECK(sees_key(causal<alignment::bottom_right>{}, c, 0, 4));
  CHECK_FALSE(sees_key(causal<alignment::bottom_right>{}, c, 0, 5));
  require_exact(causal<>{}, c);
  require_exact(causal<alignment::bottom_right>{}, c);
  const context_type wide{0, 0, 0, 9, 4, nullptr};  // more queries than keys: the first ones see nothing
  CHECK_FALSE(sees_key(causal<alignment::bottom_right>{}, wide, 4, 0));
  CHECK(sees_key(causal<alignment::bottom_right>{}, wide, 5, 0));
  require_exact(causal<alignment::bottom_right>{}, wide);
  CHECK(causal<>{}.classify(c, 0, 2, 3, 9) == tile::skip);
  CHECK(causal<>{}.classify(c, 3, 5, 0, 4) == tile::full);
}

TEST_CASE("lengths of each batch item") {
  const std::vector<std::int32_t> values{4, 0, 9};
  const lengths mask{values};
  for (std::size_t b = 0; b < 3; ++b) {
    const context_type c{b, 0, 0, 3, 9, nullptr};
    for (std::size_t k = 0; k < 9; ++k) CHECK(sees_key(mask, c, 1, k) == (static_cast<std::int32_t>(k) < values[b]));
    require_exact(mask, c);
  }
  REQUIRE_NOTHROW(mask.check(3));
  REQUIRE_THROWS_AS(mask.check(4), shape_error);
}

TEST_CASE("same_region separates what only the roll brought together") {
  for (std::size_t wh = 1; wh <= 5; ++wh)
    for (std::size_t ww = 2; ww <= 4; ++ww) {
      const window<> shifted{wh, ww, wh / 2, ww / 2};
      const token_grid grid{1, 3 * wh, 2 * ww};
      const auto map = shifted.map(grid);
      for (std::size_t g = 0; g < map.groups(); ++g) {
        const context_type c{0, g, 0, map.group_size(), map.group_size(), &map};
        // Neighbours in the window stay neighbours in the grid exactly where both tokens come from one region.
        for (std::size_t i = 0; i < c.queries; ++i)
          for (std::size_t j = 0; j < c.keys; ++j) {
            const auto a = static_cast<std::size_t>(map.token(g, i));
            const auto b = static_cast<std::size_t>(map.token(g, j));
            const bool same_y = a / grid.width + j / ww == b / grid.width + i / ww;
            const bool same_x = a % grid.width + j % ww == b % grid.width + i % ww;
            REQUIRE(sees_key(same_region{}, c, i, j) == (same_y && same_x));
          }
        require_exact(same_region{}, c);
      }
    }
}

TEST_CASE("same_region separates frames that only the roll brought together") {
  for (const window<> shifted :
       {window<>{2, 3, 1, 1, 2, 1}, window<>{3, 2, 0, 1, 4, 1}, window<>{1, 4, 0, 0, 3, 2}, window<>{2, 2, 1, 0, 3, 0}}) {
    const token_grid grid{2 * shifted.depth, 2 * shifted.height, 2 * shifted.width};
    const auto map = shifted.map(grid);
    const auto same_side = [](std::size_t a, std::size_t b, std::size_t side, std::size_t shift) {
      // Both or neither of two places of the last window came from the beginning of the grid.
      return shift == 0 || (a < side - shift) == (b < side - shift);
    };
    for (std::size_t g = 0; g < map.groups(); ++g) {
      const context_type c{0, g, 0, map.group_size(), map.group_size(), &map};
      for (std::size_t i = 0; i < c.queries; ++i)
        for (std::size_t j = 0; j < c.keys; ++j) {
          const std::size_t w = shifted.width;
          const std::size_t h = shifted.height;
          const bool expected = (g % 2 == 0 || same_side(i % w, j % w, w, shifted.shift_x)) &&
                                (g / 2 % 2 == 0 || same_side(i / w % h, j / w % h, h, shifted.shift_y)) &&
                                (g / 4 == 0 || same_side(i / w / h, j / w / h, shifted.depth, shifted.shift_t));
          REQUIRE(sees_key(same_region{}, c, i, j) == expected);
        }
      require_exact(same_region{}, c);
    }
  }
}

TEST_CASE("causal, lengths and regions inside larger problems") {
  test::require_exact_inside(causal<>{}, test::problem(170, 170));
  test::require_exact_inside(causal<alignment::bottom_right>{}, test::problem(60, 200));
  const std::vector<std::int32_t> values{130};
  test::require_exact_inside(lengths{values}, test::problem(100, 200));
  const auto map = window<>{18, 19, 9, 4}.map({1, 36, 38});
  for (std::size_t g = 0; g < 4; ++g) test::require_exact_inside(same_region{}, context_type{0, g, 0, 342, 342, &map});
}

TEST_CASE("a predicate in every form it may be written in") {
  const context_type c{0, 0, 0, 6, 6, nullptr};
  const visible_if generic{[](auto q, auto k) { return k <= q; }};
  const visible_if indices{[](std::size_t q, std::size_t k) { return k <= q; }};
  const visible_if integers{[](int q, int k) { return k - q <= 0; }};
  const visible_if floats{[](float q, float k) { return k - q < 0.5F; }};
  const visible_if informed{[](const auto& context, auto q, auto k) {
    return k + detail::batch_value<decltype(k)>(context.queries) <= q + detail::batch_value<decltype(k)>(context.keys);
  }};
  STATIC_REQUIRE(detail::batch_mask<decltype(generic)>);
  STATIC_REQUIRE_FALSE(detail::batch_mask<decltype(indices)>);
  for (std::size_t q = 0; q < 6; ++q)
    for (std::size_t k = 0; k < 6; ++k) {
      CHECK(sees_key(generic, c, q, k) == (k <= q));
      CHECK(sees_key(indices, c, q, k) == (k <= q));
      CHECK(sees_key(integers, c, q, k) == (k <= q));
      CHECK(sees_key(floats, c, q, k) == (k <= q));
      CHECK(sees_key(informed, c, q, k) == (k <= q));
    }
  CHECK(detail::classify(generic, c, 0, 6, 0, 6) == tile::partial);
}

TEST_CASE("all_of and any_of combine rectangles and elements") {
  const std::vector<std::int32_t> values{5};
  const context_type c{0, 0, 0, 8, 8, nullptr};
  const all_of both{causal<>{}, lengths{values}};
  const any_of either{causal<>{}, lengths{values}};
  for (std::size_t q = 0; q < 8; ++q)
    for (std::size_t k = 0; k < 8; ++k) {
      CHECK(sees_key(both, c, q, k) == (k <= q && k < 5));
      CHECK(sees_key(either, c, q, k) == (k <= q || k < 5));
    }
  require_consistent(both, c);
  require_consistent(either, c);
  const none_of neither{causal<>{}, lengths{values}};
  const none_of later{causal<>{}};
  for (std::size_t q = 0; q < 8; ++q)
    for (std::size_t k = 0; k < 8; ++k) {
      CHECK(sees_key(neither, c, q, k) == (k > q && k >= 5));
      CHECK(sees_key(later, c, q, k) == (k > q));
    }
  require_consistent(neither, c);
  require_exact(later, c);
  REQUIRE_THROWS_AS(neither.check({2, 1, 1, 8, 8, 8, 8, 4}), shape_error);
  require_consistent(any_of{all_of{causal<>{}, lengths{values}}, visible_if{[](auto q, auto k) { return q == k; }}}, c);
  CHECK(both.classify(c, 0, 8, 5, 8) == tile::skip);
  CHECK(either.classify(c, 0, 8, 0, 5) == tile::full);
  REQUIRE_THROWS_AS(both.check({2, 1, 1, 8, 8, 8, 8, 4}), shape_error);
}
