#include <heddle/io/convert.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

using heddle::dtype;
using namespace heddle::io;

static_assert(name_of(dtype::bf16) == "BF16" && dtype_of("BF16") == dtype::bf16);
static_assert(!dtype_of("BF1") && !dtype_of("F8") && !dtype_of(""));
static_assert(is_floating(dtype::f64) && !is_floating(dtype::i8) && !is_floating(dtype::boolean));

TEST_CASE("integers are little-endian at any alignment", "[io]") {
  std::array<std::byte, 16> memory{};
  for (std::size_t shift = 0; shift < 8; ++shift) {
    detail::store_little_endian(std::uint64_t{0x0123456789abcdef}, memory.data() + shift);
    REQUIRE(memory[shift] == std::byte{0xef});
    REQUIRE(memory[shift + 7] == std::byte{0x01});
    REQUIRE(detail::load_little_endian<std::uint64_t>(memory.data() + shift) == 0x0123456789abcdef);
    REQUIRE(detail::load_little_endian<std::uint16_t>(memory.data() + shift) == 0xcdef);
  }
  REQUIRE(detail::load_integer(dtype::u8, memory.data() + 7) == 0xef);
  REQUIRE(detail::load_integer(dtype::i8, memory.data() + 7) == -17);
  REQUIRE(detail::load_integer(dtype::u16, memory.data() + 7) == 0xcdef);
  REQUIRE(detail::load_integer(dtype::u32, memory.data() + 7) == 0x89abcdef);
  REQUIRE(detail::load_integer(dtype::u64, memory.data() + 7) == 0x0123456789abcdef);
}

TEST_CASE("8-bit floats are read as the formats define them", "[io]") {
  const auto read = [](dtype type, unsigned bits) {
    const auto stored = static_cast<std::byte>(bits);
    float value = 0.0f;
    detail::load_floats(type, &stored, &value, 1);
    return value;
  };
  CHECK(read(dtype::f8_e4m3, 0x00) == 0.0f);
  CHECK(read(dtype::f8_e4m3, 0x38) == 1.0f);
  CHECK(read(dtype::f8_e4m3, 0xc1) == -2.25f);
  CHECK(read(dtype::f8_e4m3, 0x7e) == 448.0f);
  CHECK(read(dtype::f8_e4m3, 0x01) == 0x1p-9f);
  CHECK(read(dtype::f8_e4m3, 0x88) == -0x1p-6f);
  CHECK(std::isnan(read(dtype::f8_e4m3, 0x7f)));
  CHECK(std::isnan(read(dtype::f8_e4m3, 0xff)));
  CHECK(read(dtype::f8_e5m2, 0x3c) == 1.0f);
  CHECK(read(dtype::f8_e5m2, 0xfb) == -57344.0f);
  CHECK(read(dtype::f8_e5m2, 0x01) == 0x1p-16f);
  CHECK(read(dtype::f8_e5m2, 0x7c) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(read(dtype::f8_e5m2, 0x7d)));
}

TEST_CASE("floats survive a round trip through every type that holds them", "[io]") {
  const std::vector<float> values{0.0f, -0.0f, 1.0f, -1.5f, 0x1p-14f, 240.0f, std::numeric_limits<float>::infinity()};
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16}) {
    std::vector<std::byte> bytes(values.size() * 4);
    std::vector<float> back(values.size());
    detail::store_floats(type, values.data(), bytes.data(), values.size());
    detail::load_floats(type, bytes.data(), back.data(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      REQUIRE(std::bit_cast<std::uint32_t>(back[i]) == std::bit_cast<std::uint32_t>(values[i]));
  }
}

TEST_CASE("NaN stays NaN, and doubles beyond float become infinite", "[io]") {
  const std::array<double, 2> doubles{std::numeric_limits<double>::quiet_NaN(), -1e300};
  std::array<float, 2> floats{};
  detail::load_floats(dtype::f64, reinterpret_cast<const std::byte*>(doubles.data()), floats.data(), 2);
  REQUIRE(std::isnan(floats[0]));
  REQUIRE(floats[1] == -std::numeric_limits<float>::infinity());
  for (const dtype type : {dtype::f16, dtype::bf16}) {
    std::array<std::byte, 2> bytes{};
    detail::store_floats(type, floats.data(), bytes.data(), 1);
    float back = 0.0f;
    detail::load_floats(type, bytes.data(), &back, 1);
    REQUIRE(std::isnan(back));
  }
}
