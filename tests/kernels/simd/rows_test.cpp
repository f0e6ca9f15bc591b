// Norms, maps and reductions of rows on vectors against their definitions.
#include <algorithm>
#include <limits>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "heddle/simd/normalize.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

/// Runs `f(context, x, y)` on rows of a pitch of `columns + 3` and returns the whole of `y`.
template <class Backend, class F>
std::vector<float> on_rows(const std::vector<float>& x, std::size_t rows, std::size_t columns, F f) {
  std::vector<float> y(rows * (columns + 3), 7.0f);
  f(context<Backend>{}, make_matrix(x.data(), rows, columns, columns + 3), make_matrix(y.data(), rows, columns, columns + 3));
  return y;
}

template <class F>
void compare(std::size_t rows, std::size_t columns, std::uint64_t seed, F f) {
  const std::vector<float> x = test::normal_vector(rows * (columns + 3), seed);
  const auto worst = test::worst(on_rows<reference>(x, rows, columns, f), on_rows<simd>(x, rows, columns, f));
  INFO(rows << " x " << columns << ": " << worst.text());
  CHECK(worst.relative() < 1e-5);
}

struct product {
  template <class T>
  T operator()(T a, T b) const noexcept {
    return a * b;
  }
};

}  // namespace

TEST_CASE("norms of rows", "[normalize]") {
  test::generator random(6);
#if defined(__OPTIMIZE__)
  constexpr std::uint64_t rounds = 40;
#else
  constexpr std::uint64_t rounds = 12;  // the definition is slow without
#endif
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const std::size_t rows = round == 0 ? 0 : random.integer(1, 600);
    const std::size_t columns = random.integer(2, 200);
    const std::vector<float> scale = test::normal_vector(columns, round + 100);
    const std::vector<float> shift = test::normal_vector(columns, round + 200);
    compare(rows, columns, round, [&](auto ctx, matrix_view<const float> x, matrix_view<float> y) {
      layer_normalize(ctx, x, scale, shift, 1e-5f, y);
    });
    compare(rows, columns, round,
            [&](auto ctx, matrix_view<const float> x, matrix_view<float> y) { layer_normalize(ctx, x, {}, {}, 1e-3f, y); });
    compare(rows, columns, round,
            [&](auto ctx, matrix_view<const float> x, matrix_view<float> y) { rms_normalize(ctx, x, scale, 1e-6f, y); });
  }
}

TEST_CASE("maps of rows", "[map]") {
  test::generator random(7);
  for (std::uint64_t round = 0; round < 20; ++round) {
    const std::size_t rows = random.integer(1, 300);
    const std::size_t columns = random.integer(1, 70);
    const std::vector<float> row = test::normal_vector(columns, round + 300);
    compare(rows, columns, round, [&](auto ctx, matrix_view<const float> x, matrix_view<float> y) { map(ctx, x, y, silu{}); });
    compare(rows, columns, round,
            [&](auto ctx, matrix_view<const float> x, matrix_view<float> y) { map(ctx, x, x, y, product{}); });
    compare(rows, columns, round, [&](auto ctx, matrix_view<const float> x, matrix_view<float> y) {
      map(ctx, x, make_matrix(row.data(), 1, columns), y, product{});
    });
  }
}

TEST_CASE("means and maxima over rows", "[reduce]") {
  for (const std::size_t rows : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{333}})
    for (const std::size_t columns : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{49}}) {
      const std::vector<float> x = test::normal_vector(rows * columns, rows + columns);
      const auto m = make_matrix(x.data(), rows, columns);
      std::vector<float> expected(columns);
      std::vector<float> actual(columns);
      max_rows(context<reference>{}, m, expected);
      max_rows(context<simd>{}, m, actual);
      CHECK(actual == expected);
      mean_rows(context<reference>{}, m, expected);
      mean_rows(context<simd>{}, m, actual);
      for (std::size_t c = 0; c < columns; ++c) CHECK(std::abs(actual[c] - expected[c]) < 1e-5f);
    }
}

TEST_CASE("a NaN is the maximum wherever it stands", "[reduce]") {
  for (std::size_t at = 0; at < 9; ++at) {
    std::vector<float> x(9, 1.0f);
    x[at] = std::numeric_limits<float>::quiet_NaN();
    float y = 0.0f;
    max_rows(context<simd>{}, make_matrix<const float>(x.data(), 9, 1), std::span<float>(&y, 1));
    CHECK(y != y);
  }
}
