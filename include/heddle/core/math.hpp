/// @file
/// Scalar functions that policies call unqualified after `using math::exp;`: for a vector type the overloads of its own
/// namespace are found instead, so one policy serves scalars and vectors.
#pragma once

#include <cmath>

#include "../config.hpp"

namespace heddle::inline v0::math {

HEDDLE_HOST_DEVICE inline float exp(float x) noexcept { return ::expf(x); }
HEDDLE_HOST_DEVICE inline double exp(double x) noexcept { return ::exp(x); }
HEDDLE_HOST_DEVICE inline float erf(float x) noexcept { return ::erff(x); }
HEDDLE_HOST_DEVICE inline double erf(double x) noexcept { return ::erf(x); }
HEDDLE_HOST_DEVICE inline float tanh(float x) noexcept { return ::tanhf(x); }
HEDDLE_HOST_DEVICE inline double tanh(double x) noexcept { return ::tanh(x); }
HEDDLE_HOST_DEVICE inline float log(float x) noexcept { return ::logf(x); }
HEDDLE_HOST_DEVICE inline double log(double x) noexcept { return ::log(x); }
HEDDLE_HOST_DEVICE inline float sqrt(float x) noexcept { return ::sqrtf(x); }
HEDDLE_HOST_DEVICE inline double sqrt(double x) noexcept { return ::sqrt(x); }
HEDDLE_HOST_DEVICE inline float abs(float x) noexcept { return ::fabsf(x); }
HEDDLE_HOST_DEVICE inline double abs(double x) noexcept { return ::fabs(x); }

template <class T>
HEDDLE_HOST_DEVICE constexpr T max(T a, T b) noexcept {
  return a < b ? b : a;
}
template <class T>
HEDDLE_HOST_DEVICE constexpr T min(T a, T b) noexcept {
  return b < a ? b : a;
}
/// `condition ? a : b`, lane by lane for vectors.
template <class T>
HEDDLE_HOST_DEVICE constexpr T select(bool condition, T a, T b) noexcept {
  return condition ? a : b;
}

}  // namespace heddle::inline v0::math
