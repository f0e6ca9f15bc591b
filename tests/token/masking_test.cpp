// Masks: how many tokens they hide and which, and rows taken out and put back.
#include <heddle/token/masking.hpp>

#include <heddle/backend/reference.hpp>

#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace heddle;

using simmim = square_pattern<ratio{3, 5}, 8>;
using tube = tube_pattern<ratio{9, 10}>;
using half_cell = running_cell_pattern<ratio{1, 2}>;

static_assert(simmim::masked({.frames = 1, .height = 48, .width = 48}) == 22 * 64, "22 of 36 squares of 192 pixels");
static_assert(tube::masked({.frames = 8, .height = 14, .width = 14}) == 8 * 176, "176 of 196, as published");
static_assert(half_cell::masked({.frames = 2, .height = 4, .width = 4}) == 16);

template <class Pattern>
std::vector<std::uint8_t> draw(mask_random& random, const token_grid& grid) {
  std::vector<std::uint8_t> mask(grid.size(), 7);
  Pattern::draw(random, grid, mask);
  REQUIRE(static_cast<std::size_t>(std::accumulate(mask.begin(), mask.end(), 0)) == Pattern::masked(grid));
  return mask;
}

}  // namespace

TEST_CASE("masking: what is drawn at random is drawn fairly, and the same for the same state") {
  const token_grid grid{.frames = 2, .height = 3, .width = 5};
  mask_random random{5};
  std::vector<std::size_t> times(grid.size());
  for (int i = 0; i < 3000; ++i) {
    const auto mask = draw<random_pattern<ratio{1, 3}>>(random, grid);
    for (std::size_t t = 0; t < times.size(); ++t) times[t] += mask[t];
  }
  for (const std::size_t n : times) CHECK((n > 880 && n < 1120));  // 1000 of 3000, four deviations
  mask_random a{9};
  mask_random b{9};
  CHECK(draw<simmim>(a, {.frames = 1, .height = 16, .width = 24}) == draw<simmim>(b, {.frames = 1, .height = 16, .width = 24}));
}

TEST_CASE("masking: squares are hidden whole, tubes run through all frames") {
  mask_random random{1};
  const token_grid grid{.frames = 1, .height = 16, .width = 24};
  const auto squares = draw<simmim>(random, grid);
  for (std::size_t y = 0; y < 16; ++y)
    for (std::size_t x = 0; x < 24; ++x) CHECK(squares[y * 24 + x] == squares[y / 8 * 8 * 24 + x / 8 * 8]);
  const auto tubes = draw<tube>(random, {.frames = 3, .height = 4, .width = 5});
  for (std::size_t i = 20; i < 60; ++i) CHECK(tubes[i] == tubes[i - 20]);
}

TEST_CASE("masking: the cell of a running mask moves on by one token a frame") {
  std::vector<std::uint8_t> mask(3 * 2 * 4);
  half_cell::set(0, {.frames = 3, .height = 2, .width = 4}, mask);
  const std::vector<std::uint8_t> expected{1, 0, 1, 0, 0, 1, 0, 1,   // (c + 1) mod 4 < 2: tokens 0 and 3
                                           0, 0, 0, 0, 1, 1, 1, 1,   // tokens 2 and 3
                                           0, 1, 0, 1, 1, 0, 1, 0};  // tokens 1 and 2
  CHECK(mask == expected);
}

TEST_CASE("masking: visible rows come back among mask tokens") {
  const token_grid grid{.frames = 1, .height = 4, .width = 4};
  using operation = masking<square_pattern<ratio{1, 2}, 2>>;
  const workspace memory(operation::plan_bytes(grid));
  arena scratch = memory.scratch();
  mask_random random{3};
  const mask_plan plan = operation::plan(random, grid, scratch);
  REQUIRE(plan.hidden.size() == 8);
  REQUIRE(plan.visible.size() == 8);

  const std::vector<float> x = test::normal_vector(16 * 3, 1);
  const std::vector<float> token{5.0F, 6.0F, 7.0F};
  std::vector<float> kept(8 * 3);
  std::vector<float> back(16 * 3);
  std::vector<float> replaced = x;
  const context<reference> ctx{};
  operation::apply(ctx, plan, make_matrix(x.data(), 16, 3), make_matrix(kept.data(), 8, 3));
  operation::invert(ctx, plan, make_matrix<const float>(kept.data(), 8, 3), token, make_matrix(back.data(), 16, 3));
  substitute_rows(plan.mask, token, make_matrix(replaced.data(), 16, 3));
  for (std::size_t i = 0; i < 48; ++i) CHECK(back[i] == (plan.mask[i / 3] != 0 ? token[i % 3] : x[i]));
  CHECK(back == replaced);

  std::vector<std::int32_t> positions(16);
  const source_map map{positions.data(), 1, 16, 8};
  operation::follow_tokens(plan, map, 0);
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(positions[static_cast<std::size_t>(plan.visible[i])] == static_cast<std::int32_t>(i));
  for (const std::int32_t h : plan.hidden) CHECK(positions[static_cast<std::size_t>(h)] == -1);
}

TEST_CASE("masking: grids that a pattern does not fit are refused") {
  std::vector<std::uint8_t> mask(15);
  [[maybe_unused]] mask_random random{};
  CHECK_THROWS_AS(half_cell::draw(random, {.frames = 1, .height = 3, .width = 5}, mask), shape_error);
  CHECK_THROWS_AS(simmim::draw(random, {.frames = 1, .height = 3, .width = 5}, mask), shape_error);
  CHECK_THROWS_AS(draw_mask(random, 16, mask), shape_error);
}
