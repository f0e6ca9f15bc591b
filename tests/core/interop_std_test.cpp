#include <heddle/core/interop_std.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

using heddle::as_span;
using heddle::as_view;
using heddle::dyn;
using heddle::extents;

TEST_CASE("spans become views and views spans", "[core]") {
  std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const auto v = as_view(std::span(numbers));
  static_assert(std::is_same_v<decltype(v), const heddle::view<float, extents<dyn>>>);
  REQUIRE(v.extent(0) == 6);
  v(2) = 30.0f;
  REQUIRE(numbers[2] == 30.0f);

  const std::array<double, 3> fixed{1, 2, 3};
  const auto f = as_view(std::span(fixed));
  static_assert(std::is_same_v<decltype(f), const heddle::view<const double, extents<3>>>);
  REQUIRE(f(2) == 3.0);

  const heddle::view<float, extents<dyn, 3>> matrix(numbers.data(), extents<dyn, 3>(std::size_t{2}));
  REQUIRE(as_span(matrix).size() == 6);
  REQUIRE(as_span(matrix).data() == numbers.data());
}

#if defined(__cpp_lib_mdspan)
TEST_CASE("mdspan to view and back", "[core]") {
  std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const heddle::view<float, extents<dyn, 3>> matrix(numbers.data(), extents<dyn, 3>(std::size_t{2}));
  const auto m = heddle::as_mdspan(matrix);
  static_assert(std::is_same_v<decltype(m), const std::mdspan<float, std::extents<std::size_t, std::dynamic_extent, 3>>>);
  REQUIRE(m.extent(0) == 2);
  REQUIRE(m.data_handle() == numbers.data());
  const auto back = as_view(m);
  static_assert(std::is_same_v<decltype(back), const heddle::view<float, extents<dyn, 3>>>);
  REQUIRE(back(1, 2) == 6.0f);

  const auto columns = heddle::view<float, extents<3, 2>, heddle::strided>(numbers.data(), {}, {1, 3});
  const auto s = heddle::as_mdspan(columns);
  REQUIRE(s.stride(1) == 3);
  const auto strided = as_view(s);
  static_assert(std::is_same_v<decltype(strided), const heddle::view<float, extents<3, 2>, heddle::strided>>);
  REQUIRE(strided(2, 1) == 6.0f);

  const std::mdspan<float, std::extents<int, 2, 3>, std::layout_left> left(numbers.data());
  REQUIRE(as_view(left)(1, 2) == 6.0f);
  REQUIRE(as_view(left)(1, 0) == 2.0f);
}
#endif
