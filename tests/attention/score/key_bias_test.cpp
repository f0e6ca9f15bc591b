#include <heddle/attention/score/key_bias.hpp>

#include <heddle/attention/concepts.hpp>

#include <vector>

#include "attention/mask/mask_check.hpp"

using namespace heddle;

TEST_CASE("the same bias for all queries of an item or head") {
  std::vector<float> data(2 * 3 * 5);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  STATIC_REQUIRE(row_bias<key_bias>);
  const auto c = test::problem(4, 5, 1, 2);
  CHECK(*key_bias{data.data(), 5}.row(c, 3) == data[0]);
  CHECK(*key_bias{data.data(), 5, 2}.row(c, 3) == data[5]);
  CHECK(*key_bias{data.data(), 5, 2, 3}.row(c, 0) == data[(1 * 3 + 2) * 5]);
  const attend_call call{2, 3, 1, 4, 5, 4, 5, 8};
  REQUIRE_NOTHROW((key_bias{data.data(), 5, 2, 3}.check(call)));
  REQUIRE_THROWS_WITH((key_bias{data.data(), 4}.check(call)), "key_bias: expected 5 keys, got 4");
  REQUIRE_THROWS_AS((key_bias{data.data(), 5, 1, 2}.check(call)), shape_error);
  REQUIRE_THROWS_AS((key_bias{nullptr, 5}.check(call)), shape_error);
}
