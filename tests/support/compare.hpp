// Comparison of two arrays by the rule of the contracts: the worst difference relative to the largest expected value.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

namespace heddle::test {

/// The element where two arrays differ most.
struct worst_element {
  std::size_t index = 0;
  double expected = 0.0;
  double actual = 0.0;
  double largest = 0.0;     ///< largest absolute expected value
  double difference = 0.0;  ///< absolute; infinite where only one of the two is NaN, or the lengths differ

  /// Difference relative to the largest expected value (absolute where all expected values are zero).
  double relative() const { return largest > 0.0 ? difference / largest : difference; }

  std::string text() const {
    return "worst at " + std::to_string(index) + ": expected " + std::to_string(expected) + ", got " + std::to_string(actual) +
           ", relative " + std::to_string(relative()) + " of " + std::to_string(largest);
  }
};

/// Finds the worst element; equal infinities and two NaNs count as equal.
template <class Expected, class Actual>
worst_element worst(std::span<const Expected> expected, std::span<const Actual> actual) {
  worst_element result;
  if (expected.size() != actual.size()) {
    result.difference = std::numeric_limits<double>::infinity();
    return result;
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]);
    const double a = static_cast<double>(actual[i]);
    if (std::isfinite(e)) result.largest = std::max(result.largest, std::abs(e));
    const bool same = e == a || (std::isnan(e) && std::isnan(a));
    double difference = same ? 0.0 : std::abs(e - a);
    if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
    if (difference > result.difference) {
      result.difference = difference;
      result.index = i;
      result.expected = e;
      result.actual = a;
    }
  }
  return result;
}

/// The same for two containers.
template <class Expected, class Actual>
worst_element worst(const Expected& expected, const Actual& actual) {
  return worst(std::span<const typename Expected::value_type>(expected.data(), expected.size()),
               std::span<const typename Actual::value_type>(actual.data(), actual.size()));
}

}  // namespace heddle::test
