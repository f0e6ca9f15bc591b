/// @file
/// `merge_schedule`: how many tokens each layer of a network merges.
#pragma once

#include <array>
#include <cstddef>

namespace heddle::inline v0 {

/// The numbers of merged tokens of `Layers` layers, `r` on average (ToMe's `parse_r`):
/// `r_i = floor(a + i (2 r - 2 a) / (Layers - 1))`, `a = trunc(r (1 - inflection))`. Inflection 0: the same everywhere; -1:
/// falling from `2 r` to 0; 1: rising.
template <std::size_t Layers>
constexpr std::array<std::size_t, Layers> merge_schedule(std::size_t r, double inflection = 0.0) noexcept {
  std::array<std::size_t, Layers> result{};
  const auto mean = static_cast<double>(r);
  const auto first = static_cast<double>(static_cast<long long>(mean * (1.0 - inflection)));
  const double step = Layers > 1 ? (2.0 * mean - 2.0 * first) / static_cast<double>(Layers - 1) : 0.0;
  for (std::size_t i = 0; i < Layers; ++i) {
    const double value = first + step * static_cast<double>(i);
    result[i] = value <= 0.0 ? 0 : static_cast<std::size_t>(value);
  }
  return result;
}

}  // namespace heddle::inline v0
