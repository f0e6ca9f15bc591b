/// @file
/// `resize_u8` in plain loops of integers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/resample/resize_u8.hpp>

namespace heddle::inline v0 {

namespace detail {

/// The share of one input in an output of a shrinking `u8_rule::area`.
struct area_cover {
  std::size_t first = 0;  ///< first input touched
  std::size_t end = 0;    ///< one past the last
  double low = 0;         ///< covered interval, in inputs
  double high = 0;
  double length = 0;  ///< of the interval inside the axis

  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE area_cover(std::size_t k, std::size_t n, std::size_t o) noexcept {
    const double step = static_cast<double>(n) / static_cast<double>(o);
    low = math::product(static_cast<double>(k), step);
    high = low + step;
    length = std::min(step, static_cast<double>(n) - low);
    // A sliver of less than a thousandth of a pixel is left out.
    first = static_cast<std::size_t>(std::floor(low + 1e-3));
    end = std::min(static_cast<std::size_t>(std::ceil(high - 1e-3)), n);
  }

  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE float weight(std::size_t i) const noexcept {
    const double begin = std::max(low, static_cast<double>(i));
    const double finish = std::min(high, static_cast<double>(i + 1));
    return static_cast<float>((finish - begin) / length);
  }
};

HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE std::uint8_t to_byte(int value) noexcept {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

/// The vertical pass: what `taps` rows of horizontal sums become.
template <int Taps>
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE std::uint8_t combine_fixed(const int (&sums)[4], const int (&weights)[4]) noexcept {
  if constexpr (Taps == 2) {
    return to_byte((((weights[0] * (sums[0] >> 4)) >> 16) + ((weights[1] * (sums[1] >> 4)) >> 16) + 2) >> 2);
  } else {
    int total = 0;
    for (int t = 0; t < Taps; ++t) total += weights[t] * sums[t];
    return to_byte((total + (1 << 21)) >> 22);
  }
}

/// Whether `Rule` takes means of covered pixels rather than interpolating.
template <class Rule>
HEDDLE_HOST_DEVICE constexpr bool takes_means(const image_u8_view<const std::uint8_t>& x,
                                              const image_u8_view<std::uint8_t>& y) noexcept {
  return std::is_same_v<Rule, u8_rule::area> && x.extent(0) >= y.extent(0) && x.extent(1) >= y.extent(1);
}

/// Mean of the inputs that output `(i, j, c)` covers.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE std::uint8_t covered_mean(const image_u8_view<const std::uint8_t>& x,
                                                                  const image_u8_view<std::uint8_t>& y, std::size_t i,
                                                                  std::size_t j, std::size_t c) noexcept {
  const area_cover rows(i, x.extent(0), y.extent(0));
  const area_cover columns(j, x.extent(1), y.extent(1));
  float total = 0;
  for (std::size_t r = rows.first; r < rows.end; ++r) {
    float sum = 0;
    for (std::size_t s = columns.first; s < columns.end; ++s) sum += columns.weight(s) * static_cast<float>(x(r, s, c));
    total += rows.weight(r) * sum;
  }
  return to_byte(rounded(total));
}

}  // namespace detail

template <>
struct kernel<op::resize_u8, reference> {
  static constexpr std::size_t bytes(const reference&, const dynamic_extents<3>&, const dynamic_extents<3>&) noexcept {
    return 0;
  }

  template <class Rule>
  static void run(context<reference>, const image_u8_view<const std::uint8_t>& x, const image_u8_view<std::uint8_t>& y) {
    const bool means = detail::takes_means<Rule>(x, y);
    for (std::size_t i = 0; i < y.extent(0); ++i)
      for (std::size_t j = 0; j < y.extent(1); ++j)
        for (std::size_t c = 0; c < y.extent(2); ++c)
          y(i, j, c) = means ? detail::covered_mean(x, y, i, j, c) : interpolated<Rule>(x, y, i, j, c);
  }

 private:
  template <class Rule>
  static std::uint8_t interpolated(const image_u8_view<const std::uint8_t>& x, const image_u8_view<std::uint8_t>& y,
                                   std::size_t i, std::size_t j, std::size_t c) {
    const detail::fixed_taps rows = Rule::row_at(i, x.extent(0), y.extent(0));
    const detail::fixed_taps columns = Rule::at(j, x.extent(1), y.extent(1));
    int sums[4] = {};
    for (int t = 0; t < Rule::taps; ++t)
      for (int u = 0; u < Rule::taps; ++u)
        sums[t] += columns.weight[u] * static_cast<int>(x(rows.index[t], columns.index[u], c));
    return detail::combine_fixed<Rule::taps>(sums, rows.weight);
  }
};

}  // namespace heddle::inline v0
