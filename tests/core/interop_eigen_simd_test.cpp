// Built with heddle::simd because that brings Eigen.
#include <heddle/core/interop_eigen.hpp>

#include "tests/support/catch.hpp"

#include <cstddef>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

using heddle::as_eigen;
using heddle::as_view;
using heddle::dyn;
using heddle::extents;
using heddle::strided;
using heddle::view;

namespace {
std::vector<float> counting(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}
}  // namespace

TEST_CASE("contiguous views as Eigen maps", "[core]") {
  std::vector<float> numbers = counting(12);
  const view<float, extents<dyn, 4>> matrix(numbers.data(), extents<dyn, 4>(std::size_t{3}));
  auto map = as_eigen(matrix);
  static_assert(decltype(map)::ColsAtCompileTime == 4 && decltype(map)::RowsAtCompileTime == Eigen::Dynamic);
  REQUIRE(map.rows() == 3);
  REQUIRE(map(2, 1) == matrix(2, 1));
  map(2, 1) = -1.0f;
  REQUIRE(numbers[9] == -1.0f);

  const view<const float, extents<3, 4>> fixed(numbers.data(), {});
  static_assert(std::is_same_v<decltype(as_eigen(fixed)), Eigen::Map<const Eigen::Matrix<float, 3, 4, Eigen::RowMajor>>>);
  const view<float, extents<12>> vector(numbers.data(), {});
  static_assert(std::is_same_v<decltype(as_eigen(vector)), Eigen::Map<Eigen::Matrix<float, 12, 1>>>);
  REQUIRE(as_eigen(vector)(11) == 11.0f);
  const view<float, extents<12, 1>> column(numbers.data(), {});
  REQUIRE(as_eigen(column)(7, 0) == 7.0f);
}

TEST_CASE("strided views as Eigen maps", "[core]") {
  std::vector<float> numbers = counting(24);
  const view<float, extents<dyn, dyn>, strided> part(numbers.data(), extents<dyn, dyn>(std::size_t{3}, std::size_t{2}), {8, 3});
  const view<float, extents<3, 1>, strided> column(numbers.data(), {}, {8, 1});
  const view<const float, extents<dyn>, strided> vector(numbers.data(), extents<dyn>(std::size_t{4}), {5});
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 2; ++j)
      REQUIRE(as_eigen(part)(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) == part(i, j));
    REQUIRE(as_eigen(column)(static_cast<Eigen::Index>(i), 0) == column(i, std::size_t{0}));
    REQUIRE(as_eigen(vector)(static_cast<Eigen::Index>(i)) == vector(i));
  }
}

TEST_CASE("Eigen objects as views", "[core]") {
  Eigen::Matrix<float, 3, Eigen::Dynamic> columns(3, 4);  // column-major
  for (Eigen::Index i = 0; i < 3; ++i)
    for (Eigen::Index j = 0; j < 4; ++j) columns(i, j) = static_cast<float>(10 * i + j);
  const auto v = as_view(columns);
  static_assert(std::is_same_v<decltype(v), const view<float, extents<3, dyn>, strided>>);
  REQUIRE(v.stride(0) == 1);
  REQUIRE(v.extent(1) == 4);
  REQUIRE(v(2, 3) == 23.0f);
  v(2, 3) = 5.0f;
  REQUIRE(columns(2, 3) == 5.0f);

  static_assert(std::is_same_v<decltype(as_view(std::as_const(columns))), view<const float, extents<3, dyn>, strided>>);
  const auto block = as_view(columns.block(1, 1, 2, 2));  // a block owns nothing, so it may be a temporary
  REQUIRE(block(0, 0) == 11.0f);
  REQUIRE(block(1, 1) == 22.0f);

  Eigen::VectorXd vector = Eigen::VectorXd::LinSpaced(5, 0.0, 4.0);
  const auto elements = as_view(vector);
  static_assert(std::is_same_v<decltype(elements), const view<double, extents<dyn>, strided>>);
  REQUIRE(elements(4) == 4.0);
  REQUIRE(as_view(columns.row(1))(2) == 12.0f);

  const auto round_trip = as_view(as_eigen(v));
  REQUIRE(round_trip.data_handle() == columns.data());
  REQUIRE(round_trip.stride(0) == 1);
  REQUIRE(round_trip.stride(1) == 3);
}
