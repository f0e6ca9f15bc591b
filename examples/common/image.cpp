#include "image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace examples {
namespace {

struct file_closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

constexpr std::uint8_t png_magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

std::uint16_t sample16(const std::uint8_t* at) noexcept {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

float image::sample(std::size_t y, std::size_t x, std::size_t channel) const noexcept {
  const std::size_t index = x * channels + channel;
  if (bit_depth == 16) {
    return static_cast<float>(sample16(row(y) + 2 * index)) / 65535.0F;
  }
  return static_cast<float>(row(y)[index]) / 255.0F;
}

std::uint8_t image::sample8(std::size_t y, std::size_t x, std::size_t channel) const noexcept {
  const std::size_t index = x * channels + channel;
  if (bit_depth == 16) {
    return static_cast<std::uint8_t>((sample16(row(y) + 2 * index) + 128U) / 257U);
  }
  return row(y)[index];
}

void quantise(const float* values, std::size_t count, std::size_t bit_depth, std::uint8_t* out) noexcept {
  const float top = bit_depth == 16 ? 65535.0F : 255.0F;
  for (std::size_t i = 0; i < count; ++i) {
    const float positive = values[i] > 0.0F ? values[i] : 0.0F;  // NaN compares false and becomes 0
    const float rounded = std::min(positive, 1.0F) * top + 0.5F;
    if (bit_depth == 16) {
      const auto sample = static_cast<std::uint16_t>(std::min(rounded, 65535.0F));
      std::memcpy(out + 2 * i, &sample, sizeof sample);
    } else {
      out[i] = static_cast<std::uint8_t>(rounded);
    }
  }
}

void check_size(const std::string& path, std::size_t height, std::size_t width) {
  if (height == 0 || width == 0) {
    throw user_error(path + " has no pixels");
  }
  if (height > side_limit || width > side_limit || height * width > pixel_limit) {
    throw user_error(path + " has " + std::to_string(width) + " x " + std::to_string(height) +
                     " pixels, more than the limit of " + std::to_string(pixel_limit) + " pixels or " +
                     std::to_string(side_limit) + " per side");
  }
}

image read_image(const std::string& path) {
  errno = 0;
  const std::unique_ptr<std::FILE, file_closer> file(std::fopen(path.c_str(), "rb"));
  std::uint8_t head[8] = {};
  const std::size_t got = file ? std::fread(head, 1, sizeof head, file.get()) : 0;
  if (!file || std::ferror(file.get()) != 0) {
    throw user_error("cannot read " + path + ": " + std::strerror(errno));
  }
  if (got == sizeof head && std::equal(head, head + 8, png_magic)) {
    return read_png(path);
  }
  if (got >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff) {
    return read_jpeg(path);
  }
  throw user_error(path + " is neither a PNG nor a JPEG file");
}

image oriented(image picture, int orientation) {
  if (orientation < 2 || orientation > 8) {
    return picture;
  }
  const bool transposed = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  image out(transposed ? picture.width : picture.height, transposed ? picture.height : picture.width, picture.channels,
            picture.bit_depth);
  const std::size_t pixel = picture.channels * (picture.bit_depth / 8);
  for (std::size_t y = 0; y < out.height; ++y) {
    for (std::size_t x = 0; x < out.width; ++x) {
      // Transposed cases read (x, y); the flips then apply to the stored picture's own axes.
      const std::size_t from_y = transposed ? x : y;
      const std::size_t from_x = transposed ? y : x;
      const std::size_t sy = flip_y ? picture.height - 1 - from_y : from_y;
      const std::size_t sx = flip_x ? picture.width - 1 - from_x : from_x;
      std::memcpy(out.row(y) + x * pixel, picture.row(sy) + sx * pixel, pixel);
    }
  }
  out.icc = std::move(picture.icc);
  return out;
}

}  // namespace examples
