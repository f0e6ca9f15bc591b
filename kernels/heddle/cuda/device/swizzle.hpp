/// @file
/// How tiles in shared memory are permuted so that rows and columns meet different banks, for the tile engine and for the
/// descriptors of warpgroup products.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heddle::inline v0::device {

/// The permutation of 16-byte pieces: bits 4 and up of the address are combined by exclusive or with bits 7 and up, over
/// spans of so many bytes. The values are those of the products' descriptors.
enum class swizzle : std::uint8_t { none = 0, bytes_128 = 1, bytes_64 = 2, bytes_32 = 3 };

/// Bytes of a span; 16 where nothing is permuted.
constexpr std::uint32_t span_bytes(swizzle mode) noexcept {
  switch (mode) {
    case swizzle::bytes_128:
      return 128;
    case swizzle::bytes_64:
      return 64;
    case swizzle::bytes_32:
      return 32;
    case swizzle::none:
      break;
  }
  return 16;
}

/// Where the byte goes that lies at `address` in the unpermuted tile. Tiles begin at multiples of 8 spans.
constexpr std::uint32_t swizzled(std::uint32_t address, swizzle mode) noexcept {
  const std::uint32_t pieces = span_bytes(mode) / 16 - 1;  // 7, 3, 1 or 0
  return address ^ ((address >> 7 & pieces) << 4);
}

}  // namespace heddle::inline v0::device
