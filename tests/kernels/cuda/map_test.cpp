// `map` and `reduce` of the device against their definitions, emulated: odd shapes, strides, unaligned rows, in place.
#include <heddle/cuda/map.cuh>

#include <limits>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

struct difference {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    return a - T(2.0F) * b;
  }
};

struct shape {
  std::size_t rows, columns, gap, offset;
};

constexpr shape shapes[] = {{1, 1, 0, 0},  {3, 5, 0, 0},    {7, 48, 0, 0}, {5, 48, 4, 0},
                            {5, 48, 3, 1}, {2, 1030, 2, 0}, {70, 4, 0, 1}, {300, 12, 0, 0}};

matrix_view<float> matrix(float* p, const shape& s) { return make_matrix(p, s.rows, s.columns, s.columns + s.gap); }
matrix_view<const float> matrix(const float* p, const shape& s) { return make_matrix(p, s.rows, s.columns, s.columns + s.gap); }

context<reference> plain() { return {}; }

}  // namespace

TEST_CASE("functions of rows on a device", "[map]") {
  for (const shape& s : shapes) {
    const std::size_t size = s.rows * (s.columns + s.gap);
    const std::vector<float> a = test::normal_vector(size, s.columns);
    const std::vector<float> b = test::normal_vector(size, s.columns + 1);
    std::vector<float> one(size, 7.0F);
    std::vector<float> two(size, 7.0F);
    std::vector<float> repeated = a;
    map(plain(), matrix(a.data(), s), matrix(one.data(), s), gelu{});
    map(plain(), matrix(a.data(), s), matrix(b.data(), s), matrix(two.data(), s), difference{});
    map(plain(), matrix(std::as_const(repeated).data(), s), make_matrix(b.data(), 1, s.columns), matrix(repeated.data(), s),
        difference{});
    INFO(s.rows << " x " << s.columns << ", gap " << s.gap << ", offset " << s.offset);
    test::in_both_orders([&] {
      test::on_device<float> x(a, s.offset), other(b, s.offset), y(std::vector<float>(size, 7.0F), s.offset);
      const test::device_scratch none;
      map(none.ctx(), matrix(std::as_const(x).data(), s), matrix(y.data(), s), gelu{});
      CHECK(test::worst(one, y.to_host()).relative() < 1e-6);
      map(none.ctx(), matrix(std::as_const(x).data(), s), matrix(std::as_const(other).data(), s), matrix(y.data(), s),
          difference{});
      CHECK(test::worst(two, y.to_host()).relative() < 1e-6);
      map(none.ctx(), matrix(std::as_const(x).data(), s), make_matrix<const float>(other.data(), 1, s.columns),
          matrix(x.data(), s), difference{});
      CHECK(test::worst(repeated, x.to_host()).relative() < 1e-6);
    });
  }
}

TEST_CASE("more rows than a grid of two numbers could have", "[map]") {
  const std::vector<float> a = test::normal_vector(70'001, 3);
  test::on_device<float> x(a);
  const test::device_scratch none;
  device::emulation::options_scope quick({.seed = 0, .races = false});
  map(none.ctx(), make_matrix<const float>(x.data(), 70'001, 1), make_matrix(x.data(), 70'001, 1), relu{});
  std::vector<float> expected = a;
  map(plain(), make_matrix<const float>(a.data(), 70'001, 1), make_matrix(expected.data(), 70'001, 1), relu{});
  CHECK(expected == x.to_host());
}

TEST_CASE("means and maxima of columns on a device", "[reduce]") {
  for (const shape& s : {shape{1, 1, 0, 0}, shape{3, 5, 1, 0}, shape{601, 12, 0, 0}, shape{1031, 7, 2, 1}, shape{9, 8200, 0, 0},
                         shape{2100, 3, 0, 0}}) {
    const std::size_t size = s.rows * (s.columns + s.gap);
    std::vector<float> a = test::normal_vector(size, s.columns);
    for (float& v : a) v += 1.0F;
    std::vector<float> mean(s.columns), largest(s.columns);
    mean_rows(plain(), matrix(std::as_const(a).data(), s), mean);
    max_rows(plain(), matrix(std::as_const(a).data(), s), largest);
    INFO(s.rows << " x " << s.columns);
    test::in_both_orders([&] {
      test::on_device<float> x(a, s.offset), y(std::vector<float>(s.columns), s.offset);
      const test::device_scratch none;
      mean_rows(none.ctx(), matrix(std::as_const(x).data(), s), y.span());
      CHECK(test::worst(mean, y.to_host()).relative() < 1e-6);
      max_rows(none.ctx(), matrix(std::as_const(x).data(), s), y.span());
      CHECK(largest == y.to_host());
    });
  }
}

TEST_CASE("maxima of a device keep what is not a number", "[reduce]") {
  std::vector<float> a = test::normal_vector(1000 * 4, 5);
  a[700 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
  a[3] = -std::numeric_limits<float>::infinity();
  std::vector<float> expected(4);
  max_rows(plain(), make_matrix<const float>(a.data(), 1000, 4), expected);
  test::on_device<float> x(a), y(std::vector<float>(4));
  max_rows(test::device_scratch().ctx(), make_matrix<const float>(x.data(), 1000, 4), y.span());
  CHECK(test::worst(expected, y.to_host()).difference == 0.0);
}

TEST_CASE("no rows and no columns are no work for a device", "[map]") {
  const test::device_scratch none;
  map(none.ctx(), make_matrix<const float>(nullptr, 0, 8), make_matrix<float>(nullptr, 0, 8), relu{});
  map(none.ctx(), make_matrix<const float>(nullptr, 8, 0), make_matrix<float>(nullptr, 8, 0), relu{});
  mean_rows(none.ctx(), make_matrix<const float>(nullptr, 3, 0), {});
  std::vector<float> host(8);
  REQUIRE_THROWS_AS(map(none.ctx(), make_matrix<const float>(host.data(), 1, 8), make_matrix(host.data(), 1, 8), relu{}),
                    device_error);
}
