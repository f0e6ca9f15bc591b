/// @file
/// Functions of floats. The fast ones are one instruction of the device, with the error it documents; the others are
/// accurate to a few units in the last place.
#pragma once

#include <cmath>

#include "config.cuh"

namespace heddle::inline v0::device {

#if HEDDLE_CUDA_EMULATED
namespace detail {
/// What the fast instructions do with numbers too small for the normal format.
inline float flushed(float value) noexcept { return std::fabs(value) < 1.17549435e-38f ? std::copysign(0.0f, value) : value; }
}  // namespace detail
#endif

/// 2^x, relative error 2^-22; denormals become zero, 2^-infinity is 0.
HEDDLE_DEVICE float exp2(float x) {
#if HEDDLE_CUDA_EMULATED
  return detail::flushed(std::exp2(detail::flushed(x)));
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

/// The logarithm to base 2, absolute error 2^-22; denormals count as zero.
HEDDLE_DEVICE float log2(float x) {
#if HEDDLE_CUDA_EMULATED
  return std::log2(detail::flushed(x));
#else
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

/// 1 / x, error of one unit in the last place; denormals count as zero.
HEDDLE_DEVICE float rcp(float x) {
#if HEDDLE_CUDA_EMULATED
  return detail::flushed(1.0f / detail::flushed(x));
#else
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

/// 1 / sqrt(x), relative error 2^-22.4; denormals count as zero.
HEDDLE_DEVICE float rsqrt(float x) {
#if HEDDLE_CUDA_EMULATED
  return 1.0f / std::sqrt(detail::flushed(x));
#else
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

/// tanh(x), relative error 2^-11: for values that are rounded to 16 bits afterwards.
HEDDLE_DEVICE float tanh_fast(float x) {
#if HEDDLE_CUDA_EMULATED
  return std::tanh(x);
#else
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

/// Rounded correctly.
HEDDLE_DEVICE float sqrt(float x) { return std::sqrt(x); }
HEDDLE_DEVICE float fma(float a, float b, float c) { return std::fma(a, b, c); }
/// Errors of one or two units in the last place.
HEDDLE_DEVICE float exp(float x) { return std::exp(x); }
HEDDLE_DEVICE float log(float x) { return std::log(x); }
HEDDLE_DEVICE float tanh(float x) { return std::tanh(x); }
HEDDLE_DEVICE float erf(float x) { return std::erf(x); }
/// The other operand where one is not a number.
HEDDLE_DEVICE float max(float a, float b) { return std::fmax(a, b); }
HEDDLE_DEVICE float min(float a, float b) { return std::fmin(a, b); }

}  // namespace heddle::inline v0::device
