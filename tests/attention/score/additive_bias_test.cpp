#include <heddle/attention/score/additive_bias.hpp>

#include <heddle/attention/concepts.hpp>

#include <vector>

#include "attention/mask/mask_check.hpp"

using namespace heddle;

TEST_CASE("rows of a view, shared where an extent is one") {
  std::vector<float> data(2 * 3 * 4 * 5 * 6);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  test::mask_context c{1, 2, 3, 5, 6, nullptr};
  STATIC_REQUIRE(row_bias<additive_bias>);
  const additive_bias all = dense_bias(data.data(), 6, 5, 4, 3, 2);
  CHECK(*all.row(c, 4) == data[(((1 * 3 + 2) * 4 + 3) * 5 + 4) * 6]);
  CHECK(*dense_bias(data.data(), 6, 5, 4).row(c, 2) == data[(3 * 5 + 2) * 6]);
  CHECK(*dense_bias(data.data(), 6, 5).row(c, 2) == data[2 * 6]);
  CHECK(*dense_bias(data.data(), 6).row(c, 2) == data[0]);
  CHECK(*dense_bias(data.data(), 6, 1, 1, 1, 2).row(c, 2) == data[6]);
  // Rows with gaps.
  const additive_bias wide{bias_view(data.data(), extents<dyn, dyn, dyn, dyn, dyn>(1, 1, 1, 5, 6), {0U, 0U, 0U, 20U, 1U})};
  CHECK(*wide.row(c, 3) == data[60]);
}

TEST_CASE("views that do not fit are refused, with both numbers") {
  const std::vector<float> data(720);
  const attend_call call{2, 4, 3, 5, 6, 15, 15, 8};
  REQUIRE_NOTHROW(dense_bias(data.data(), 6, 5, 4, 3, 2).check(call));
  REQUIRE_NOTHROW(dense_bias(data.data(), 6).check(call));
  REQUIRE_THROWS_WITH(dense_bias(data.data(), 7).check(call), "additive_bias: expected 6 keys, got 7");
  REQUIRE_THROWS_WITH(dense_bias(data.data(), 6, 4).check(call), "additive_bias: expected 5 queries, got 4");
  REQUIRE_THROWS_AS(dense_bias(data.data(), 6, 5, 3).check(call), shape_error);
  REQUIRE_THROWS_AS(dense_bias(data.data(), 6, 5, 4, 2).check(call), shape_error);
  REQUIRE_THROWS_AS(dense_bias(nullptr, 6).check(call), shape_error);
  const additive_bias apart{bias_view(data.data(), extents<dyn, dyn, dyn, dyn, dyn>(1, 1, 1, 1, 6), {0U, 0U, 0U, 0U, 2U})};
  REQUIRE_THROWS_AS(apart.check(call), shape_error);
}
