// Shifted windows whose biases and penalties are what the scores of short problems start from.
#include <heddle/attention/attention.hpp>
#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

namespace {

using namespace heddle;

constexpr std::size_t heads = 3;

/// The largest difference between the backends for windows of `W` x `W`, shifted by half of it, on 2 x 3 windows.
template <std::size_t W, std::size_t D>
double difference_on_windows(std::size_t shift, float value) {
  const std::vector<float> table = test::normal_vector((2 * W - 1) * (2 * W - 1) * heads, 5);
  using composition = attention<window<W>, relative_position_bias<W>, region_penalty>;
  composition c;
  get_policy<window<W>>(c) = {shift, shift};
  get_policy<relative_position_bias<W>>(c) = {.table = table.data(), .heads = heads};
  get_policy<region_penalty>(c).value = value;
  const token_grid grid{.frames = 1, .height = 2 * W, .width = 3 * W};
  test::attend_case expected(2, heads, D, grid, 7);
  test::attend_case actual(2, heads, D, grid, 7);
  expected.run<reference, D>(c);
  actual.run<simd, D>(c);
  return test::worst(expected.out, actual.out).relative();
}

}  // namespace

TEST_CASE("penalties between regions: short windows agree with the plain loops") {
  CHECK(difference_on_windows<8, 16>(4, -100.0F) < 1e-5);
  CHECK(difference_on_windows<8, 16>(0, -100.0F) < 1e-5);
  CHECK(difference_on_windows<8, 10>(3, -2.0F) < 1e-5);  // no side of a tile divides the head
  CHECK(difference_on_windows<7, 16>(3, -2.0F) < 1e-5);  // one query behind the last vector
  CHECK(difference_on_windows<2, 16>(1, -2.0F) < 1e-5);  // fewer keys than a tile
}
