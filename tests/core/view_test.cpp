#include <heddle/core/view.hpp>

#include "tests/support/catch.hpp"

#include <cstddef>
#include <numeric>
#include <type_traits>
#include <vector>

using heddle::dyn;
using heddle::extents;
using heddle::row_major;
using heddle::strided;
using heddle::view;

using matrix = view<float, extents<dyn, 3>>;

static_assert(std::is_trivially_copyable_v<matrix> && std::is_trivially_copyable_v<heddle::matrix_view<float>>);
static_assert(sizeof(view<float, extents<2, 3>>) == sizeof(float*) && sizeof(matrix) == 2 * sizeof(float*));
static_assert(matrix::rank() == 2 && matrix::static_extent(1) == 3);

// More const, more dynamic, more strided: by itself. More static: explicitly. Less const, less strided: never.
static_assert(std::is_convertible_v<matrix, view<const float, extents<dyn, 3>>>);
static_assert(std::is_convertible_v<matrix, heddle::matrix_view<const float>>);
static_assert(std::is_constructible_v<view<float, extents<2, 3>>, matrix> &&
              !std::is_convertible_v<matrix, view<float, extents<2, 3>>>);
static_assert(!std::is_constructible_v<matrix, view<const float, extents<dyn, 3>>>);
static_assert(!std::is_constructible_v<matrix, heddle::matrix_view<float>>);
static_assert(!std::is_constructible_v<view<double, extents<dyn, 3>>, matrix>);
static_assert(!std::is_constructible_v<matrix, view<float, extents<dyn, 4>>>);

namespace {
std::vector<float> counting(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}
}  // namespace

TEST_CASE("a contiguous view", "[core]") {
  std::vector<float> numbers = counting(24);
  const view v(numbers.data(), extents<dyn, 3, 4>(std::size_t{2}));
  static_assert(std::is_same_v<decltype(v), const view<float, extents<dyn, 3, 4>, row_major>>);
  REQUIRE(v.stride(0) == 12);
  REQUIRE(v.stride(1) == 4);
  REQUIRE(v.stride(2) == 1);
  REQUIRE(v(1, 2, 3) == 23.0f);
  REQUIRE(v.offset(1, 0, 2) == 14);
  REQUIRE(v.size() == 24);
  REQUIRE(v.is_contiguous());
  v(0, 0, 1) = 9.0f;
  REQUIRE(numbers[1] == 9.0f);
}

TEST_CASE("a strided view", "[core]") {
  std::vector<float> numbers = counting(12);
  const view transposed(numbers.data(), extents<3, 4>{}, {1, 3});
  static_assert(std::is_same_v<decltype(transposed), const view<float, extents<3, 4>, strided>>);
  REQUIRE(transposed(2, 1) == 5.0f);
  REQUIRE_FALSE(transposed.is_contiguous());
  const view<float, extents<3, 1, 4>, strided> one(numbers.data(), {}, {4, 99, 1});
  REQUIRE(one.is_contiguous());  // the stride of a single element does not matter
}

TEST_CASE("views are converted", "[core]") {
  std::vector<float> numbers = counting(6);
  const matrix m(numbers.data(), extents<dyn, 3>(std::size_t{2}));
  const heddle::matrix_view<const float> relaxed = m;
  REQUIRE(relaxed.data_handle() == m.data_handle());
  REQUIRE(relaxed.stride(0) == 3);
  REQUIRE(relaxed(1, 2) == 5.0f);
  const view<float, extents<2, 3>> fixed(m);
  REQUIRE(fixed(1, 2) == 5.0f);
  REQUIRE_THROWS_AS((view<float, extents<3, 3>>(m)), heddle::shape_error);
  REQUIRE(heddle::as_const(heddle::matrix_view<float>(m))(0, 1) == 1.0f);
}

TEST_CASE("empty and scalar views", "[core]") {
  const view<float, extents<dyn, 3>> none;
  REQUIRE(none.empty());
  REQUIRE(none.data_handle() == nullptr);
  float number = 3.0f;
  const view<float, extents<>> scalar(&number, {});
  REQUIRE(scalar() == 3.0f);
  REQUIRE(scalar.size() == 1);
}

TEST_CASE("rows and columns of matrices", "[core]") {
  std::vector<float> numbers = counting(24);
  const auto m = heddle::make_matrix(numbers.data(), 4, 5, 6);
  REQUIRE(m(3, 4) == 22.0f);
  const auto rows = heddle::row_range(m, 1, 2);
  REQUIRE(rows.extent(0) == 2);
  REQUIRE(rows(1, 0) == 12.0f);
  const auto columns = heddle::column_range(rows, 3, 2);
  REQUIRE(columns.extent(1) == 2);
  REQUIRE(columns(1, 1) == 16.0f);

  const view<float, extents<2, dyn, 4>> v(numbers.data(), extents<2, dyn, 4>(std::size_t{3}));
  const auto flat = heddle::as_rows(v);
  REQUIRE(flat.extent(0) == 6);
  REQUIRE(flat.extent(1) == 4);
  REQUIRE(flat(5, 3) == 23.0f);
  REQUIRE(heddle::as_span(v).size() == 24);
}
