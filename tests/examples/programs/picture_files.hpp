#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../../../examples/common/image.hpp"

namespace examples_test {

/// A folder that is made empty and removed with everything in it at the end.
class scratch_folder {
 public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::vector<std::string> entries() const;

 private:
  std::string path_;
};

/// Smooth colours with some seeded noise, all channels different.
examples::image test_picture(std::size_t height, std::size_t width, std::size_t channels = 3, std::size_t bit_depth = 8);

void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes);
std::vector<std::uint8_t> read_bytes(const std::string& path);

/// A baseline JPEG (1 or 3 channels), with an EXIF block that holds this orientation if it is not 0.
void write_jpeg(const std::string& path, const examples::image& picture, int orientation = 0, bool progressive = false);

/// A JPEG with four colour channels (CMYK) of height x width pixels.
void write_cmyk_jpeg(const std::string& path, std::size_t height, std::size_t width);

/// A palette PNG of four colours, the first of them transparent if asked: pixel (y, x) has colour (y + x) % 4.
void write_palette_png(const std::string& path, std::size_t height, std::size_t width, bool transparency);
inline constexpr std::uint8_t palette_colours[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {200, 100, 50}};

/// An interlaced RGB PNG.
void write_interlaced_png(const std::string& path, const examples::image& picture);

/// A 1-bit grey PNG: pixel (y, x) is (y + x) % 2.
void write_one_bit_png(const std::string& path, std::size_t height, std::size_t width);

/// The bytes of a PNG whose header announces these sides, and nothing else of use.
std::vector<std::uint8_t> png_header(std::uint32_t height, std::uint32_t width);

}  // namespace examples_test
