/// @file
/// `normalize` as its definition reads, in double precision.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/normalize.hpp>

#include <cmath>

namespace heddle::inline v0 {

template <>
struct kernel<op::normalize, reference> {
  static void layer(context<reference>, matrix_view<const float> x, std::span<const float> scale, std::span<const float> shift,
                    float epsilon, matrix_view<float> y) {
    const auto channels = static_cast<double>(x.extent(1));
    for (std::size_t r = 0; r < x.extent(0); ++r) {
      double mean = 0.0;
      for (std::size_t c = 0; c < x.extent(1); ++c) mean += static_cast<double>(x(r, c));
      mean /= channels;
      double variance = 0.0;
      for (std::size_t c = 0; c < x.extent(1); ++c) {
        const double d = static_cast<double>(x(r, c)) - mean;
        variance += d * d;
      }
      const double factor = 1.0 / std::sqrt(variance / channels + static_cast<double>(epsilon));
      for (std::size_t c = 0; c < x.extent(1); ++c)
        y(r, c) = affine((static_cast<double>(x(r, c)) - mean) * factor, scale, shift, c);
    }
  }

  static void rms(context<reference>, matrix_view<const float> x, std::span<const float> scale, float epsilon,
                  matrix_view<float> y) {
    for (std::size_t r = 0; r < x.extent(0); ++r) {
      double squares = 0.0;
      for (std::size_t c = 0; c < x.extent(1); ++c) squares += static_cast<double>(x(r, c)) * static_cast<double>(x(r, c));
      const double factor = 1.0 / std::sqrt(squares / static_cast<double>(x.extent(1)) + static_cast<double>(epsilon));
      for (std::size_t c = 0; c < x.extent(1); ++c) y(r, c) = affine(static_cast<double>(x(r, c)) * factor, scale, {}, c);
    }
  }

 private:
  static float affine(double value, std::span<const float> scale, std::span<const float> shift, std::size_t c) {
    if (!scale.empty()) value *= static_cast<double>(scale[c]);
    if (!shift.empty()) value += static_cast<double>(shift[c]);
    return static_cast<float>(value);
  }
};

}  // namespace heddle::inline v0
