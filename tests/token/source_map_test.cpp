#include <heddle/reference/gather.hpp>
#include <heddle/token/source_map.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace heddle;

namespace {
using list = std::vector<std::int32_t>;

source_map map_of(list& positions, std::size_t batch, std::size_t after) {
  return {positions.data(), batch, positions.size() / batch, after};
}
}  // namespace

TEST_CASE("a source map of kept tokens drops the others") {
  list memory(5);
  const source_map map = map_of(memory, 1, 3);
  set_kept(map, 0, list{4, 1, 4});
  CHECK(memory == list{-1, 1, -1, -1, 0});
  REQUIRE_THROWS_AS(set_kept(map, 0, list{4, 1}), shape_error);
  REQUIRE_THROWS_AS(set_kept(map, 0, list{4, 1, 5}), shape_error);
}

TEST_CASE("source maps follow each other and lead back") {
  list first{0, 1, 1, 2, -1, 2, 1, 0, 0, -1};  // two sequences of 5 tokens that become 3
  list second{1, 0, 0, -1, 1, 0};              // and 2
  source_map total = map_of(first, 2, 3);
  const source_map next = map_of(second, 2, 2);
  follow(total, next);
  CHECK(first == list{1, 0, 0, 0, -1, 0, 1, -1, -1, -1});
  CHECK(total.after == 2);

  const std::vector<float> x{1, 2, 3, 4};
  std::vector<float> y(10);
  restore_rows(context<reference>{}, total, make_matrix(x.data(), 4, 1), make_matrix(y.data(), 10, 1));
  CHECK(y == std::vector<float>{2, 1, 1, 1, 0, 3, 4, 0, 0, 0});

  std::vector<float> members(20);
  membership(total, view<float, dynamic_extents<3>>(members.data(), dynamic_extents<3>(2, 2, 5)));
  CHECK(members == std::vector<float>{0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0});
  REQUIRE_THROWS_AS(follow(total, total), shape_error);

  set_identity(total);
  CHECK(first == list{0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
  CHECK(total.after == 5);
}
