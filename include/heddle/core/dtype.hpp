/// @file
/// Storage types: bfloat16 and IEEE half. Arithmetic happens in float; these types only convert.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "../config.hpp"

namespace heddle::inline v0 {

/// bfloat16: the upper half of a float. Conversion rounds to nearest, ties to even; NaN stays NaN.
struct bfloat16 {
  std::uint16_t bits = 0;

  constexpr bfloat16() noexcept = default;
  HEDDLE_HOST_DEVICE constexpr explicit bfloat16(float value) noexcept {
    const auto u = std::bit_cast<std::uint32_t>(value);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
      bits = static_cast<std::uint16_t>((u >> 16) | 0x0040u);
    } else {
      bits = static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
  }
  HEDDLE_HOST_DEVICE constexpr operator float() const noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

namespace detail {

HEDDLE_HOST_DEVICE constexpr std::uint16_t float_to_half_bits(float value) noexcept {
  const auto u = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((u >> 16) & 0x8000u);
  const std::uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x33000001u) return sign;                                         // rounds to zero
  const std::uint32_t exponent = magnitude >> 23;
  std::uint32_t mantissa = magnitude & 0x7fffffu;
  std::uint32_t shift = 13;
  std::uint32_t base = 0;
  if (exponent < 113) {  // a half denormal: the hidden bit becomes explicit
    mantissa |= 0x800000u;
    shift = 126 - exponent;
  } else {
    base = (exponent - 112) << 10;
  }
  const std::uint32_t kept = mantissa >> shift;
  const std::uint32_t rest = mantissa & ((1u << shift) - 1u);
  const std::uint32_t half_way = 1u << (shift - 1);
  const std::uint32_t round_up = (rest > half_way || (rest == half_way && (kept & 1u) != 0)) ? 1u : 0u;
  return static_cast<std::uint16_t>(sign | (base + kept + round_up));
}

HEDDLE_HOST_DEVICE constexpr float half_bits_to_float(std::uint16_t h) noexcept {
  const std::uint32_t sign = (h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 0x1fu;
  std::uint32_t mantissa = h & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  if (mantissa == 0) return std::bit_cast<float>(sign);
  std::uint32_t e = 113;
  while ((mantissa & 0x400u) == 0) {
    mantissa <<= 1;
    --e;
  }
  return std::bit_cast<float>(sign | (e << 23) | ((mantissa & 0x3ffu) << 13));
}

}  // namespace detail

/// IEEE 754 binary16. Conversion rounds to nearest, ties to even; out of range becomes infinity; NaN stays NaN.
struct half {
  std::uint16_t bits = 0;

  constexpr half() noexcept = default;
  HEDDLE_HOST_DEVICE constexpr explicit half(float value) noexcept : bits(detail::float_to_half_bits(value)) {}
  HEDDLE_HOST_DEVICE constexpr operator float() const noexcept { return detail::half_bits_to_float(bits); }
};

namespace detail {

/// E5M2 is the upper byte of a half.
HEDDLE_HOST_DEVICE constexpr float f8_e5m2_to_float(std::uint8_t bits) noexcept {
  return half_bits_to_float(static_cast<std::uint16_t>(bits << 8));
}

/// E4M3 has no infinity: all bits set is NaN, the largest number is 448.
HEDDLE_HOST_DEVICE constexpr float f8_e4m3_to_float(std::uint8_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
  const std::uint32_t exponent = (bits >> 3) & 0xfu;
  const std::uint32_t mantissa = bits & 0x7u;
  if ((bits & 0x7fu) == 0x7fu) return std::bit_cast<float>(sign | 0x7fc00000u);
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 120) << 23) | (mantissa << 20));
  const float magnitude = static_cast<float>(mantissa) / 512.0f;  // denormal: mantissa / 8 * 2^-6
  return sign != 0 ? -magnitude : magnitude;
}

}  // namespace detail

/// Element types that files and tensors may store. The 8-bit floats (OCP E4M3 and E5M2) are read, never written.
enum class dtype : std::uint8_t { f32, f16, bf16, f64, f8_e4m3, f8_e5m2, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

/// Bytes of one element.
constexpr std::size_t size_of(dtype type) noexcept {
  switch (type) {
    case dtype::f64:
    case dtype::i64:
    case dtype::u64:
      return 8;
    case dtype::f32:
    case dtype::i32:
    case dtype::u32:
      return 4;
    case dtype::f16:
    case dtype::bf16:
    case dtype::i16:
    case dtype::u16:
      return 2;
    case dtype::f8_e4m3:
    case dtype::f8_e5m2:
    case dtype::i8:
    case dtype::u8:
    case dtype::boolean:
      return 1;
  }
  return 0;
}

}  // namespace heddle::inline v0
