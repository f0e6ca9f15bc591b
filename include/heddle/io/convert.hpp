/// @file
/// Stored elements to and from numbers. Files are little-endian; so are these functions, on every host.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "../core/dtype.hpp"

namespace heddle::inline v0::io {

/// The name of a type in safetensors files: "F32", "BF16", "BOOL", ...
constexpr std::string_view name_of(dtype type) noexcept {
  switch (type) {
    case dtype::f32:
      return "F32";
    case dtype::f16:
      return "F16";
    case dtype::bf16:
      return "BF16";
    case dtype::f64:
      return "F64";
    case dtype::f8_e4m3:
      return "F8_E4M3";
    case dtype::f8_e5m2:
      return "F8_E5M2";
    case dtype::i64:
      return "I64";
    case dtype::i32:
      return "I32";
    case dtype::i16:
      return "I16";
    case dtype::i8:
      return "I8";
    case dtype::u64:
      return "U64";
    case dtype::u32:
      return "U32";
    case dtype::u16:
      return "U16";
    case dtype::u8:
      return "U8";
    case dtype::boolean:
      return "BOOL";
  }
  return "";
}

/// The type of a name in a safetensors file; nothing for types that the library does not store.
constexpr std::optional<dtype> dtype_of(std::string_view name) noexcept {
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16, dtype::f64, dtype::f8_e4m3, dtype::f8_e5m2, dtype::i64,
                           dtype::i32, dtype::i16, dtype::i8, dtype::u64, dtype::u32, dtype::u16, dtype::u8, dtype::boolean})
    if (name_of(type) == name) return type;
  return std::nullopt;
}

/// True for the types that weights may be stored in: f32, f16, bf16, f64 and the 8-bit floats.
constexpr bool is_floating(dtype type) noexcept {
  switch (type) {
    case dtype::f32:
    case dtype::f16:
    case dtype::bf16:
    case dtype::f64:
    case dtype::f8_e4m3:
    case dtype::f8_e5m2:
      return true;
    default:
      return false;
  }
}

namespace detail {

template <class Unsigned>
Unsigned load_little_endian(const std::byte* from) noexcept {
  Unsigned value{};
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, from, sizeof(value));
  } else {
    for (std::size_t i = sizeof(value); i-- > 0;)
      value = static_cast<Unsigned>((value << 8) | std::to_integer<Unsigned>(from[i]));
  }
  return value;
}

template <class Unsigned>
void store_little_endian(Unsigned value, std::byte* to) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &value, sizeof(value));
  } else {
    for (std::size_t i = 0; i < sizeof(value); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
  }
}

template <class F>
void load_each(const std::byte* from, std::size_t step, float* to, std::size_t count, F&& element) noexcept {
  for (std::size_t i = 0; i < count; ++i, from += step) to[i] = element(from);
}

/// `count` floats of a floating type, from any alignment. f64 is rounded to the nearest float.
inline void load_floats(dtype type, const std::byte* from, float* to, std::size_t count) noexcept {
  const std::size_t step = size_of(type);
  if (type == dtype::f32) {
    load_each(from, step, to, count,
              [](const std::byte* p) { return std::bit_cast<float>(load_little_endian<std::uint32_t>(p)); });
  } else if (type == dtype::f16) {
    load_each(from, step, to, count,
              [](const std::byte* p) { return heddle::detail::half_bits_to_float(load_little_endian<std::uint16_t>(p)); });
  } else if (type == dtype::bf16) {
    load_each(from, step, to, count, [](const std::byte* p) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(load_little_endian<std::uint16_t>(p)) << 16);
    });
  } else if (type == dtype::f64) {
    load_each(from, step, to, count, [](const std::byte* p) {
      return static_cast<float>(std::bit_cast<double>(load_little_endian<std::uint64_t>(p)));
    });
  } else if (type == dtype::f8_e4m3) {
    load_each(from, step, to, count,
              [](const std::byte* p) { return heddle::detail::f8_e4m3_to_float(std::to_integer<std::uint8_t>(*p)); });
  } else if (type == dtype::f8_e5m2) {
    load_each(from, step, to, count,
              [](const std::byte* p) { return heddle::detail::f8_e5m2_to_float(std::to_integer<std::uint8_t>(*p)); });
  }
}

/// `count` floats rounded to nearest, ties to even, and stored as `type` (f32, f16, bf16).
inline void store_floats(dtype type, const float* from, std::byte* to, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (type == dtype::f16) {
      store_little_endian(half(from[i]).bits, to + i * 2);
    } else if (type == dtype::bf16) {
      store_little_endian(bfloat16(from[i]).bits, to + i * 2);
    } else {
      store_little_endian(std::bit_cast<std::uint32_t>(from[i]), to + i * 4);
    }
  }
}

/// One signed or unsigned integer or truth value. A u64 beyond the largest std::int64_t becomes negative.
inline std::int64_t load_integer(dtype type, const std::byte* from) noexcept {
  switch (type) {
    case dtype::i64:
      return static_cast<std::int64_t>(load_little_endian<std::uint64_t>(from));
    case dtype::i32:
      return static_cast<std::int32_t>(load_little_endian<std::uint32_t>(from));
    case dtype::i16:
      return static_cast<std::int16_t>(load_little_endian<std::uint16_t>(from));
    case dtype::i8:
      return static_cast<std::int8_t>(load_little_endian<std::uint8_t>(from));
    case dtype::u64:
      return static_cast<std::int64_t>(load_little_endian<std::uint64_t>(from));
    case dtype::u32:
      return load_little_endian<std::uint32_t>(from);
    case dtype::u16:
      return load_little_endian<std::uint16_t>(from);
    default:
      return load_little_endian<std::uint8_t>(from);
  }
}

}  // namespace detail
}  // namespace heddle::inline v0::io
