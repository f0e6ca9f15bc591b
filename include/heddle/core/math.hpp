/// @file
/// Scalar functions that policies call unqualified after `using math::exp;`: for a vector type the overloads of its own
/// namespace are found instead, so one policy serves scalars and vectors.
#pragma once

#include "../config.hpp"

// <cmath> brings the special functions of C++17, which cost more than all headers of masks and scores together.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(__CUDACC__)
#define HEDDLE_MATH(function) __builtin_##function
#else
#include <cmath>
#define HEDDLE_MATH(function) ::function
#endif

namespace heddle::inline v0::math {

HEDDLE_HOST_DEVICE inline float exp(float x) noexcept { return HEDDLE_MATH(expf)(x); }
HEDDLE_HOST_DEVICE inline double exp(double x) noexcept { return HEDDLE_MATH(exp)(x); }
HEDDLE_HOST_DEVICE inline float erf(float x) noexcept { return HEDDLE_MATH(erff)(x); }
HEDDLE_HOST_DEVICE inline double erf(double x) noexcept { return HEDDLE_MATH(erf)(x); }
HEDDLE_HOST_DEVICE inline float tanh(float x) noexcept { return HEDDLE_MATH(tanhf)(x); }
HEDDLE_HOST_DEVICE inline double tanh(double x) noexcept { return HEDDLE_MATH(tanh)(x); }
HEDDLE_HOST_DEVICE inline float log(float x) noexcept { return HEDDLE_MATH(logf)(x); }
HEDDLE_HOST_DEVICE inline double log(double x) noexcept { return HEDDLE_MATH(log)(x); }
HEDDLE_HOST_DEVICE inline float sqrt(float x) noexcept { return HEDDLE_MATH(sqrtf)(x); }
HEDDLE_HOST_DEVICE inline double sqrt(double x) noexcept { return HEDDLE_MATH(sqrt)(x); }
HEDDLE_HOST_DEVICE inline float abs(float x) noexcept { return HEDDLE_MATH(fabsf)(x); }
HEDDLE_HOST_DEVICE inline double abs(double x) noexcept { return HEDDLE_MATH(fabs)(x); }
HEDDLE_HOST_DEVICE inline double sin(double x) noexcept { return HEDDLE_MATH(sin)(x); }
HEDDLE_HOST_DEVICE inline double cos(double x) noexcept { return HEDDLE_MATH(cos)(x); }
HEDDLE_HOST_DEVICE inline double pow(double x, double y) noexcept { return HEDDLE_MATH(pow)(x, y); }
HEDDLE_HOST_DEVICE inline float floor(float x) noexcept { return HEDDLE_MATH(floorf)(x); }
HEDDLE_HOST_DEVICE inline double floor(double x) noexcept { return HEDDLE_MATH(floor)(x); }
HEDDLE_HOST_DEVICE inline double ceil(double x) noexcept { return HEDDLE_MATH(ceil)(x); }
HEDDLE_HOST_DEVICE inline float nearbyint(float x) noexcept { return HEDDLE_MATH(nearbyintf)(x); }
HEDDLE_HOST_DEVICE inline float fmod(float x, float y) noexcept { return HEDDLE_MATH(fmodf)(x, y); }
HEDDLE_HOST_DEVICE inline float fmin(float x, float y) noexcept { return HEDDLE_MATH(fminf)(x, y); }
HEDDLE_HOST_DEVICE inline float fmax(float x, float y) noexcept { return HEDDLE_MATH(fmaxf)(x, y); }
template <class T>
HEDDLE_HOST_DEVICE constexpr bool is_nan(T x) noexcept {
  return x != x;
}

/// `a * b`, rounded by itself on a device too, where a product and the addition that follows are fused otherwise. For what
/// decides something (an index, a rounding, a comparison), so that every backend decides alike.
HEDDLE_HOST_DEVICE constexpr double product(double a, double b) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) return __dmul_rn(a, b);
#endif
  return a * b;
}
HEDDLE_HOST_DEVICE constexpr float product(float a, float b) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) return __fmul_rn(a, b);
#endif
  return a * b;
}

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

#undef HEDDLE_MATH
