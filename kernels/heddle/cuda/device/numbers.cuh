/// @file
/// 16-bit and tf32 numbers in registers: conversion, and the pairs that matrix instructions take.
#pragma once

#include <bit>
#include <type_traits>

#include <heddle/core/dtype.hpp>

#include "config.cuh"

namespace heddle::inline v0::device {

using bf16 = ::heddle::bfloat16;
using f16 = ::heddle::half;
/// Names the format of 19 bits (8 of exponent, 10 of mantissa) of a matrix product; its values are 32-bit registers.
struct tf32 {};

/// The bits of a float, and a float of bits.
HEDDLE_DEVICE std::uint32_t bits_of_float(float value) {
#if HEDDLE_CUDA_EMULATED
  return std::bit_cast<std::uint32_t>(value);
#else
  return __float_as_uint(value);
#endif
}
HEDDLE_DEVICE float float_of_bits(std::uint32_t bits) {
#if HEDDLE_CUDA_EMULATED
  return std::bit_cast<float>(bits);
#else
  return __uint_as_float(bits);
#endif
}

/// Rounds both to `T` (bf16 or f16, to nearest, ties to even); `low` is in the lower half.
template <class T>
HEDDLE_DEVICE std::uint32_t pack(float low, float high) {
  static_assert(std::is_same_v<T, bf16> || std::is_same_v<T, f16>, "pairs are of bf16 or f16");
#if HEDDLE_CUDA_EMULATED
  return static_cast<std::uint32_t>(T(low).bits) | static_cast<std::uint32_t>(T(high).bits) << 16;
#else
  std::uint32_t pair;  // the instruction names the upper half first
  if constexpr (std::is_same_v<T, bf16>) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  } else {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  }
  return pair;
#endif
}

/// One number in the format that `T` stores.
template <class T>
HEDDLE_DEVICE T round_to(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
#if HEDDLE_CUDA_EMULATED
    return T(value);
#else
    T rounded;
    if constexpr (std::is_same_v<T, bf16>) {
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded.bits) : "f"(value));
    } else {
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(rounded.bits) : "f"(value));
    }
    return rounded;
#endif
  }
}

HEDDLE_DEVICE float to_float(float value) { return value; }
HEDDLE_DEVICE float to_float(bf16 value) { return float_of_bits(static_cast<std::uint32_t>(value.bits) << 16); }
HEDDLE_DEVICE float to_float(f16 value) {
#if HEDDLE_CUDA_EMULATED
  return static_cast<float>(value);
#else
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
#endif
}

/// The lower and the upper half of a pair of `T`.
template <class T>
HEDDLE_DEVICE float unpack_low(std::uint32_t pair) {
  T half;
  half.bits = static_cast<std::uint16_t>(pair);
  return to_float(half);
}
template <class T>
HEDDLE_DEVICE float unpack_high(std::uint32_t pair) {
  T half;
  half.bits = static_cast<std::uint16_t>(pair >> 16);
  return to_float(half);
}

/// Rounds to tf32 (to nearest, ties away from zero), as the bits of a float whose lowest 13 are zero.
HEDDLE_DEVICE std::uint32_t to_tf32(float value) {
#if HEDDLE_CUDA_EMULATED
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) return bits;
  return (bits + 0x1000u) & 0xffffe000u;
#else
  std::uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
  return rounded;
#endif
}

/// A float as the sum of two tf32 numbers: 22 of its 24 bits. a b = high high + high low + low high to about 2^-22.
struct tf32_pair {
  std::uint32_t high;
  std::uint32_t low;
};
HEDDLE_DEVICE tf32_pair split_tf32(float value) {
  const std::uint32_t high = to_tf32(value);
  return {high, to_tf32(value - float_of_bits(high))};
}

}  // namespace heddle::inline v0::device
