#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "user_error.hpp"

namespace examples {

/// The largest picture that is decoded, in pixels (64 Mi) and per side: a hostile header cannot ask for more memory than this.
inline constexpr std::size_t pixel_limit = std::size_t{64} << 20;
inline constexpr std::size_t side_limit = 65'500;

/// A decoded picture: samples [height, width, channels], row-major, each of 8 or 16 bits (16 bits in the machine's byte order).
///
/// channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha. Alpha is not premultiplied. `icc` is the embedded colour profile
/// (empty: none); it is carried along and never interpreted.
struct image {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 3;
  std::size_t bit_depth = 8;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> icc;

  image() = default;
  image(std::size_t rows, std::size_t columns, std::size_t samples, std::size_t depth = 8)
      : height(rows), width(columns), channels(samples), bit_depth(depth), bytes(rows * columns * samples * (depth / 8)) {}

  bool has_alpha() const noexcept { return channels == 2 || channels == 4; }
  std::size_t colours() const noexcept { return channels < 3 ? 1 : 3; }
  std::size_t row_bytes() const noexcept { return width * channels * (bit_depth / 8); }
  std::uint8_t* row(std::size_t y) noexcept { return bytes.data() + y * row_bytes(); }
  const std::uint8_t* row(std::size_t y) const noexcept { return bytes.data() + y * row_bytes(); }

  /// One sample scaled to [0, 1].
  float sample(std::size_t y, std::size_t x, std::size_t channel) const noexcept;

  /// One sample rounded to 8 bits, whatever the depth.
  std::uint8_t sample8(std::size_t y, std::size_t x, std::size_t channel) const noexcept;
};

/// Rounds `count` values of [0, 1] to samples of `bit_depth` bits; values outside are clamped and NaN becomes 0.
void quantise(const float* values, std::size_t count, std::size_t bit_depth, std::uint8_t* out) noexcept;

/// Throws unless a picture of this size may be decoded.
void check_size(const std::string& path, std::size_t height, std::size_t width);

/// Decodes a PNG or JPEG file, told apart by its first bytes. Palettes and small depths are expanded to 8 bits, transparency
/// becomes an alpha channel, interlacing is undone, and a JPEG is turned as its EXIF orientation says.
/// Throws `user_error` for a file that cannot be read, is neither, is damaged or cut short, is CMYK, or is too large.
image read_image(const std::string& path);

image read_png(const std::string& path);
image read_jpeg(const std::string& path);

/// The picture turned upright; `orientation` is EXIF's 1 to 8 (other values leave it as it is).
image oriented(image picture, int orientation);

/// The orientation tag of an EXIF block ("Exif\0\0" and a TIFF header), 1 where there is none or the block is malformed.
int exif_orientation(const std::uint8_t* block, std::size_t size) noexcept;

}  // namespace examples
