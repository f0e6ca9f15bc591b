#include "image.hpp"

#include <cstring>

namespace examples {
namespace {

/// Reads of a TIFF structure that never leave it.
struct tiff_reader {
  const std::uint8_t* data;
  std::size_t size;
  bool little_endian;

  bool holds(std::size_t offset, std::size_t bytes) const noexcept { return offset <= size && bytes <= size - offset; }
  unsigned u16(std::size_t at) const noexcept {
    const unsigned first = data[at];
    const unsigned second = data[at + 1];
    return little_endian ? second << 8U | first : first << 8U | second;
  }
  std::size_t u32(std::size_t at) const noexcept {
    return little_endian ? std::size_t{u16(at)} | std::size_t{u16(at + 2)} << 16U : std::size_t{u16(at)} << 16U | u16(at + 2);
  }
};

constexpr std::size_t prefix = 6;  // "Exif\0\0"
constexpr unsigned orientation_tag = 0x0112;
constexpr unsigned type_short = 3;

int orientation_in(const tiff_reader& tiff) noexcept {
  const std::size_t directory = tiff.u32(4);
  if (!tiff.holds(directory, 2)) {
    return 1;
  }
  const std::size_t entries = tiff.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (!tiff.holds(entry, 12)) {
      return 1;
    }
    if (tiff.u16(entry) == orientation_tag && tiff.u16(entry + 2) == type_short) {
      const unsigned value = tiff.u16(entry + 8);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

}  // namespace

int exif_orientation(const std::uint8_t* block, std::size_t size) noexcept {
  if (size < prefix + 8 || std::memcmp(block, "Exif\0\0", prefix) != 0) {
    return 1;
  }
  const std::uint8_t* tiff = block + prefix;
  const bool little = std::memcmp(tiff, "II\x2a\0", 4) == 0;
  const bool big = std::memcmp(tiff, "MM\0\x2a", 4) == 0;
  return little || big ? orientation_in({tiff, size - prefix, little}) : 1;
}

}  // namespace examples
