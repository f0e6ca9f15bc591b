// Seeded numbers that are the same on every platform (the distributions of <random> are not).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace heddle::test {

/// SplitMix64 (Steele, Lea and Flood 2014): any seed is a good one.
class generator {
 public:
  explicit generator(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Uniform in [low, high).
  double uniform(double low = 0.0, double high = 1.0) {
    return low + (high - low) * (static_cast<double>(bits() >> 11U) * 0x1.0p-53);
  }

  /// Standard normal (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

  /// Uniform among low, low + 1, ..., high.
  std::size_t integer(std::size_t low, std::size_t high) { return low + static_cast<std::size_t>(bits() % (high - low + 1)); }

 private:
  std::uint64_t state_;
};

/// `count` normal numbers as floats.
inline std::vector<float> normal_vector(std::size_t count, std::uint64_t seed, double scale = 1.0) {
  generator random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(scale * random.normal());
  return values;
}

}  // namespace heddle::test
