/// @file
/// Values that are not finite, in products of matrices: a weight of zero does not hide them (0 inf = NaN). They are taken out
/// of the product, and what they do to the queries that see them is found by a product of codes.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include <heddle/cuda/device/device.cuh>

namespace heddle::inline v0::detail {

/// Flaws in registers of elements of `T`: one float, or a pair of 16-bit elements.
///
/// Codes count: +inf is 1, -inf 128, NaN 16384, anything else 0, so that the sum over up to 64 keys, each with weight 0 or
/// 1, says how many of each kind a query sees. All of it is exact in every element type.
template <class T>
struct flaws {
  static constexpr bool wide = sizeof(T) == 4;
  static constexpr std::uint32_t exponent = wide ? 0x7f800000U : std::is_same_v<T, bfloat16> ? 0x7f80U : 0x7c00U;
  static constexpr std::uint32_t sign = wide ? 0x80000000U : 0x8000U;

  static HEDDLE_DEVICE bool any(std::uint32_t bits) noexcept {
    if constexpr (wide) {
      return (bits & exponent) == exponent;
    } else {
      return (bits & exponent) == exponent || (bits >> 16U & exponent) == exponent;
    }
  }
  /// Zeros in the place of flaws.
  static HEDDLE_DEVICE std::uint32_t clean(std::uint32_t bits) noexcept {
    return each(bits, [](std::uint32_t x) { return (x & exponent) == exponent ? 0U : x; });
  }
  /// The codes of the elements; `negative`: as seen by negative weights.
  static HEDDLE_DEVICE std::uint32_t codes(std::uint32_t bits, bool negative) noexcept {
    return each(bits, [negative](std::uint32_t x) {
      if ((x & exponent) != exponent) return 0U;
      if ((x & ~(exponent | sign)) != 0U) return number(16384.0F);
      return number(((x & sign) != 0U) != negative ? 128.0F : 1.0F);
    });
  }
  /// What a sum of codes adds to an output.
  static HEDDLE_DEVICE float meaning(float sum) noexcept {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    if (sum == 0.0F) return 0.0F;
    if (!(sum < 16384.0F)) return std::numeric_limits<float>::quiet_NaN();
    const auto n = static_cast<unsigned>(sum);
    const bool plus = n % 128U != 0U;
    const bool minus = n >= 128U;
    return plus && minus ? std::numeric_limits<float>::quiet_NaN() : plus ? infinity : -infinity;
  }
  /// The bits of one element.
  static HEDDLE_DEVICE std::uint32_t number(float x) noexcept {
    if constexpr (wide) {
      return std::bit_cast<std::uint32_t>(x);
    } else {
      return T(x).bits;
    }
  }

 private:
  template <class F>
  static HEDDLE_DEVICE std::uint32_t each(std::uint32_t bits, const F& f) noexcept {
    if constexpr (wide) {
      return f(bits);
    } else {
      return f(bits & 0xffffU) | f(bits >> 16U) << 16U;
    }
  }
};

}  // namespace heddle::inline v0::detail
