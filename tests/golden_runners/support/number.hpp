// Numbers of config.json as template arguments.
#pragma once

#include <cstddef>

#include <heddle/core/fixed_string.hpp>

namespace heddle::golden {

/// The decimal fraction with the fewest digits that is `x` to the precision of a double: 1.0000000000000001e-05, which is
/// how some readers print it, becomes 1 / 100000.
constexpr ratio to_ratio(double x) {
  if (x == 0.0) return ratio{0, 1};
  std::size_t denominator = 1;
  for (int digits = 0; digits < 17; ++digits, denominator *= 10) {
    const double scaled = x * static_cast<double>(denominator);
    if (scaled > 1e15) break;
    const auto numerator = static_cast<std::size_t>(scaled + 0.5);
    const double difference = scaled - static_cast<double>(numerator);
    if (numerator != 0 && difference < 1e-12 * scaled && -difference < 1e-12 * scaled) return ratio{numerator, denominator};
  }
  return ratio{static_cast<std::size_t>(x * 1e12 + 0.5), 1000000000000};
}

static_assert(to_ratio(1.0000000000000001e-05).numerator == 1 && to_ratio(1.0000000000000001e-05).denominator == 100000);
static_assert(to_ratio(9.9999999999999995e-07).numerator == 1 && to_ratio(9.9999999999999995e-07).denominator == 1000000);
static_assert(to_ratio(4.0).numerator == 4 && to_ratio(4.0).denominator == 1);
static_assert(to_ratio(0.0625).numerator == 625 && to_ratio(0.0625).denominator == 10000);

}  // namespace heddle::golden
