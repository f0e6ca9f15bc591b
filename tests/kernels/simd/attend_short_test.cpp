// Short groups of which a mask hides a part, on vectors, against the definition: numbers, poisoned keys and poisoned values.
#include <heddle/simd/attend.hpp>

#include <limits>
#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {

constexpr std::size_t dim = 16;
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

/// Same results, logsumexps included.
template <class Composition>
void require_like_reference(const Composition& c, attend_case x) {
  attend_case expected = x;
  expected.run<reference, dim>(c);
  x.run<simd, dim>(c);
  INFO(test::worst(expected.out, x.out).text());
  REQUIRE(test::worst(expected.out, x.out).relative() < 1e-5);
  REQUIRE(test::worst(expected.lse, x.lse).relative() < 1e-5);
}

/// As it is; then with the key, and with the value, of a token that some see and others do not.
template <class Composition>
void check(const Composition& c, const token_grid& grid, std::size_t token) {
  attend_case x(2, 2, dim, grid, 5);
  require_like_reference(c, x);
  x.at(1, 0, token, 1, 3) = nan_value;
  require_like_reference(c, x);
  attend_case y(2, 2, dim, grid, 6);
  y.at(2, 1, token, 0, 2) = std::numeric_limits<float>::infinity();
  require_like_reference(c, y);
}

/// Odd queries see nothing.
struct every_other_query {
  using policy_category = mask_tag;
  template <class T>
  typename batch_traits<T>::mask operator()(T q, T) const {
    const T half = q * batch_traits<T>::broadcast(0.5F);
    const T bias = batch_traits<T>::broadcast(12582912.0F);  // rounds to whole numbers
    return (half + bias) - bias == half;
  }
};

}  // namespace

TEST_CASE("short groups: regions of shifted windows, with a table of biases", "[simd]") {
  const std::vector<float> table = test::normal_vector(13 * 13 * 2, 9);
  const relative_position_bias<7> bias{.table = table.data(), .heads = 2};
  check(attention{window<7>{.shift_y = 3, .shift_x = 3}, same_region{}, bias, logsumexp{}}, {1, 14, 21}, 0);
  check(attention{window<4>{.shift_y = 1, .shift_x = 2}, same_region{}, logsumexp{}}, {1, 8, 12}, 1);
}

TEST_CASE("short groups: masks that are asked pair by pair", "[simd]") {
  const auto near = visible_if{[](auto q, auto k) { return k <= q; }};
  for (const std::size_t tokens : {9U, 33U, 49U, 50U, 64U, 65U}) {
    check(attention{causal<>{}, logsumexp{}}, sequence_grid(tokens), tokens - 1);
    check(attention{near, logsumexp{}}, sequence_grid(tokens), tokens - 2);
  }
  check(attention{block<8>{}, near, logsumexp{}}, {1, 16, 16}, 40);
}

TEST_CASE("short groups: queries that see nothing", "[simd]") {
  attend_case x(1, 2, dim, sequence_grid(49), 7);
  x.run<simd, dim>(attention{every_other_query{}, logsumexp{}});
  for (std::size_t d = 0; d < dim; ++d) REQUIRE(x.out[(1 * 2 + 0) * dim + d] == 0.0F);
  REQUIRE(x.lse[1] == -std::numeric_limits<float>::infinity());
  check(attention{every_other_query{}, logsumexp{}}, sequence_grid(49), 3);
}
