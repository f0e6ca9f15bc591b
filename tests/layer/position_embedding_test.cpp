// Tables of positions: added to every image, and the fixed one of sines and cosines.
#include "heddle/layer/position_embedding.hpp"

#include <cmath>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random_weights.hpp"

namespace {
using namespace heddle;
}

TEST_CASE("a table of positions is added to every image") {
  using layer = position_embedding<6, 5>;
  STATIC_REQUIRE(parameters<layer> == 30);
  layer m;
  test::bind_random_weights(m, 1);
  const map_extents shape(2, 2, 3, 5);
  std::vector<float> x = test::normal_vector(shape.size(), 2);
  const std::vector<float> before = x;
  const workspace scratch(workspace_bytes<layer, reference>(shape));
  run<reference>(m, map_view<const float>(x.data(), shape), map_view<float>(x.data(), shape), scratch);  // in place
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(x[i] == before[i] + m.table.data()[i % 30]);
  REQUIRE_THROWS_AS(layer::output_extents(map_extents(1, 7, 1, 5)), shape_error);
  REQUIRE_THROWS_AS(layer::output_extents(map_extents(1, 6, 1, 4)), shape_error);
}

TEST_CASE("the name of a table is that of its layer") {
  position_embedding<6, 5> m;
  const auto entries = list_parameters(m);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].name.empty());
  CHECK(std::vector<std::size_t>(entries[0].shape.begin(), entries[0].shape.end()) == std::vector<std::size_t>{1, 6, 5});
}

TEST_CASE("sines and cosines: the column first, then the row") {
  std::vector<float> table(2 * 3 * 8);
  sine_cosine_positions(2, 3, 8, table);
  const auto at = [&](std::size_t y, std::size_t x, std::size_t c) { return static_cast<double>(table[(y * 3 + x) * 8 + c]); };
  for (std::size_t y = 0; y < 2; ++y)
    for (std::size_t x = 0; x < 3; ++x)
      for (std::size_t i = 0; i < 2; ++i) {
        const double frequency = i == 0 ? 1.0 : 0.01;  // 10000^(-1/2)
        const auto column = static_cast<double>(x) * frequency;
        const auto row = static_cast<double>(y) * frequency;
        CHECK(std::abs(at(y, x, i) - std::sin(column)) < 1e-7);
        CHECK(std::abs(at(y, x, 2 + i) - std::cos(column)) < 1e-7);
        CHECK(std::abs(at(y, x, 4 + i) - std::sin(row)) < 1e-7);
        CHECK(std::abs(at(y, x, 6 + i) - std::cos(row)) < 1e-7);
      }
  REQUIRE_THROWS_AS(sine_cosine_positions(2, 3, 6, table), shape_error);
  REQUIRE_THROWS_AS(sine_cosine_positions(2, 2, 8, table), shape_error);
}
