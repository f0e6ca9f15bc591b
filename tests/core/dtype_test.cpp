#include <heddle/core/dtype.hpp>

#include "tests/support/catch.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

using heddle::bfloat16;
using heddle::dtype;
using heddle::half;

static_assert(sizeof(half) == 2 && sizeof(bfloat16) == 2);
static_assert(heddle::size_of(dtype::f64) == 8 && heddle::size_of(dtype::bf16) == 2 && heddle::size_of(dtype::boolean) == 1);
static_assert(half(1.0f).bits == 0x3c00 && bfloat16(1.0f).bits == 0x3f80);

namespace {

/// The nearest of all finite halves, ties to even: the definition, by search between two neighbours.
std::uint16_t nearest_half(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(static_cast<double>(value));
  if (magnitude >= 65520.0) return static_cast<std::uint16_t>(sign | 0x7c00);
  std::uint16_t low = 0, high = 0x7bff;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (double(heddle::detail::half_bits_to_float(middle)) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - double(heddle::detail::half_bits_to_float(low));
  const double above = double(heddle::detail::half_bits_to_float(high)) - magnitude;
  const bool up = above < below || (above == below && (low & 1) != 0);
  return static_cast<std::uint16_t>(sign | (up ? high : low));
}

}  // namespace

TEST_CASE("every half and every bfloat16 survives the way through float", "[core]") {
  bool same = true;
  for (std::uint32_t i = 0; i <= 0xffff; ++i) {
    half h;
    h.bits = static_cast<std::uint16_t>(i);
    bfloat16 b;
    b.bits = h.bits;
    const float hf = h, bf = b;
    same = same && (std::isnan(hf) ? std::isnan(float(half(hf))) : half(hf).bits == i);
    same = same && (std::isnan(bf) ? std::isnan(float(bfloat16(bf))) : bfloat16(bf).bits == i);
  }
  REQUIRE(same);
}

TEST_CASE("values of halves", "[core]") {
  const auto value = [](std::uint16_t bits) {
    half h;
    h.bits = bits;
    return float(h);
  };
  REQUIRE(value(0x0001) == 0x1p-24f);
  REQUIRE(value(0x03ff) == 0x1.ff8p-15f);
  REQUIRE(value(0x0400) == 0x1p-14f);
  REQUIRE(value(0x3555) == 0x1.554p-2f);
  REQUIRE(value(0x7bff) == 65504.0f);
  REQUIRE(value(0xfc00) == -std::numeric_limits<float>::infinity());
  REQUIRE(std::isnan(value(0x7e01)));
}

TEST_CASE("floats round to the nearest half, ties to even", "[core]") {
  for (std::uint32_t i = 0; i < 0x20000; ++i) {
    const auto value = std::bit_cast<float>(0x32000000u + i * 0x97fu + (i & 3u));  // from 2^-27 to beyond the largest half
    if (half(value).bits != nearest_half(value) || half(-value).bits != nearest_half(-value)) FAIL("half of " << value);
  }
  REQUIRE(half(2049.0f).bits == half(2048.0f).bits);
  REQUIRE(half(2051.0f).bits == half(2052.0f).bits);
  REQUIRE(half(65519.99f).bits == 0x7bff);
  REQUIRE(half(65520.0f).bits == 0x7c00);
  REQUIRE(half(0x1p-25f).bits == 0);
  REQUIRE(half(0x1.000002p-25f).bits == 1);
  REQUIRE(half(-0.0f).bits == 0x8000);
  REQUIRE(std::isnan(float(half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("floats round to the nearest bfloat16, ties to even", "[core]") {
  REQUIRE(bfloat16(std::bit_cast<float>(0x3f808000u)).bits == 0x3f80);
  REQUIRE(bfloat16(std::bit_cast<float>(0x3f818000u)).bits == 0x3f82);
  REQUIRE(bfloat16(std::bit_cast<float>(0x3f808001u)).bits == 0x3f81);
  REQUIRE(bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80);
  REQUIRE(bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xff80);
  // A NaN whose upper half alone would be infinity.
  REQUIRE(std::isnan(float(bfloat16(std::bit_cast<float>(0x7f800001u)))));
}
