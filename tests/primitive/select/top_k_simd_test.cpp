#include <heddle/reference/top_k.hpp>
#include <heddle/simd/top_k.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

template <class Backend>
std::vector<std::int32_t> selected(const std::vector<float>& values, std::size_t rows, std::size_t k,
                                   top_k_order order = top_k_order::by_value) {
  const std::size_t columns = values.size() / rows;
  std::vector<std::int32_t> positions(rows * k, -7);
  const workspace memory(top_k_bytes(Backend{}, columns));
  select_top_k(context<Backend>{Backend{}, memory.scratch()}, make_matrix(values.data(), rows, columns),
               make_matrix(positions.data(), rows, k), order);
  return positions;
}

using list = std::vector<std::int32_t>;

template <class Backend>
void check_by_hand() {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values{0.0F, 2.0F, -inf, 2.0F, nan, -0.0F, inf, -3.0F};
  CHECK(selected<Backend>(values, 1, 8) == list{6, 1, 3, 0, 5, 7, 2, 4});
  CHECK(selected<Backend>(values, 1, 2) == list{6, 1});
  CHECK(selected<Backend>(values, 1, 4, top_k_order::by_position) == list{0, 1, 3, 6});
  CHECK(selected<Backend>(values, 2, 1) == list{1, 2});
  CHECK(selected<Backend>(values, 2, 0).empty());
}

}  // namespace

TEST_CASE("top-k is stable: equal values by position, NaN last") {
  check_by_hand<reference>();
  check_by_hand<simd>();
  test::generator random(3);
  for (const std::size_t columns : {1U, 2U, 15U, 64U, 131U}) {
    std::vector<float> values(3 * columns);
    for (float& v : values) v = static_cast<float>(random.integer(0, 9)) - 4.0F;  // many ties
    for (const std::size_t k : {std::size_t{1}, columns / 2, columns})
      for (const auto order : {top_k_order::by_value, top_k_order::by_position})
        CHECK(selected<reference>(values, 3, k, order) == selected<simd>(values, 3, k, order));
  }
}

TEST_CASE("more positions than values are refused") {
  REQUIRE_THROWS_AS(selected<reference>({1.0F, 2.0F}, 1, 3), shape_error);
  std::vector<std::int32_t> positions(1);
  const std::vector<float> values(4);
  REQUIRE_THROWS_AS(select_top_k(context<simd>{}, make_matrix(values.data(), 1, 4), make_matrix(positions.data(), 1, 1)),
                    workspace_error);
}
