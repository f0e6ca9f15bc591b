#include <heddle/core/tensor.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

using heddle::dyn;
using heddle::extents;
using heddle::tensor;

static_assert(!std::is_copy_constructible_v<tensor<float, extents<dyn>>> &&
              std::is_nothrow_move_constructible_v<tensor<float, extents<dyn>>>);

TEST_CASE("a tensor owns aligned zeros", "[core]") {
  tensor<float, extents<dyn, 3>> t{extents<dyn, 3>(std::size_t{5})};
  REQUIRE(t.size() == 15);
  REQUIRE(t.extent(0) == 5);
  REQUIRE(reinterpret_cast<std::uintptr_t>(t.data()) % heddle::memory_alignment == 0);
  REQUIRE(std::all_of(t.data(), t.data() + t.size(), [](float x) { return x == 0.0f; }));
  t(4, 2) = 7.0f;
  REQUIRE(t.data()[14] == 7.0f);
  REQUIRE(std::as_const(t)(4, 2) == 7.0f);
  REQUIRE(t.view()(4, 2) == 7.0f);
  static_assert(std::is_same_v<decltype(std::as_const(t).view()), heddle::view<const float, extents<dyn, 3>>>);
}

TEST_CASE("without arguments static extents have their memory and dynamic ones none", "[core]") {
  const tensor<double, extents<2, 3>> fixed;
  REQUIRE(fixed.data() != nullptr);
  REQUIRE(fixed(1, 2) == 0.0);
  const tensor<double, extents<dyn, 3>> empty;
  REQUIRE(empty.size() == 0);
  REQUIRE(empty.data() == nullptr);
  REQUIRE(empty.clone().size() == 0);
}

TEST_CASE("moves keep the memory, clones are apart", "[core]") {
  tensor<float, extents<dyn>> first{extents<dyn>(std::size_t{4})};
  first(2) = 1.0f;
  const float* memory = first.data();
  tensor<float, extents<dyn>> second = std::move(first);
  REQUIRE(second.data() == memory);
  tensor<float, extents<dyn>> copy = second.clone();
  copy(2) = 5.0f;
  REQUIRE(second(2) == 1.0f);
  REQUIRE(copy.data() != memory);
  copy = std::move(second);
  REQUIRE(copy.data() == memory);
  REQUIRE(copy(2) == 1.0f);
}
