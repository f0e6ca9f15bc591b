#include "picture_files.hpp"

#include <cstdio>  // jpeglib.h needs FILE and does not include it

#include <jpeglib.h>
#include <png.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <stdexcept>

namespace examples_test {

using examples::image;

scratch_folder::scratch_folder() : path_((std::filesystem::temp_directory_path() / "heddle-test-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("no scratch folder");
  }
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> scratch_folder::entries() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

image test_picture(std::size_t height, std::size_t width, std::size_t channels, std::size_t bit_depth) {
  image picture(height, width, channels, bit_depth);
  std::mt19937 noise(7);
  std::vector<float> row(width * channels);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::size_t phase = 5 * (i / channels) + 3 * y + 40 * (i % channels);
      const float wave = static_cast<float>(phase % 128) / 127.0F;
      row[i] = 0.1F + 0.7F * wave + 0.1F * static_cast<float>(noise() % 1000) / 1000.0F;
    }
    examples::quantise(row.data(), row.size(), bit_depth, picture.row(y));
  }
  return picture;
}

void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  for (const std::uint8_t byte : bytes) {
    file.put(static_cast<char>(byte));
  }
}

std::vector<std::uint8_t> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

namespace {

void write_jpeg_rows(const std::string& path, const image& picture, J_COLOR_SPACE space, int orientation, bool progressive) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  jpeg_compress_struct state{};
  jpeg_error_mgr errors{};
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  jpeg_stdio_dest(&state, file);
  state.image_width = static_cast<JDIMENSION>(picture.width);
  state.image_height = static_cast<JDIMENSION>(picture.height);
  state.input_components = static_cast<int>(picture.channels);
  state.in_color_space = space;
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, 98, TRUE);
  if (progressive) {
    jpeg_simple_progression(&state);
  }
  jpeg_start_compress(&state, TRUE);
  if (orientation != 0) {
    const JOCTET block[] = {'E', 'x', 'i', 'f',  0,    0, 'M', 'M', 0, 42, 0, 0, 0,
                            8,   0,   1,   0x01, 0x12, 0, 3,   0,   0, 0,  1, 0, static_cast<JOCTET>(orientation),
                            0,   0,   0,   0,    0,    0};
    jpeg_write_marker(&state, JPEG_APP0 + 1, block, sizeof block);
  }
  for (std::size_t y = 0; y < picture.height; ++y) {
    auto* row = const_cast<JSAMPROW>(picture.row(y));
    jpeg_write_scanlines(&state, &row, 1);
  }
  jpeg_finish_compress(&state);
  jpeg_destroy_compress(&state);
  std::fclose(file);
}

/// Runs the steps of a PNG writer; libpng's own error handler ends the test program, which is as good as a failed test.
void with_png(const std::string& path, const std::function<void(png_structp, png_infop)>& steps) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  steps(png, info);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
}

void header(png_structp png, png_infop info, std::size_t height, std::size_t width, int depth, int type, int interlace) {
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth, type, interlace,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
}

void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

}  // namespace

void write_jpeg(const std::string& path, const image& picture, int orientation, bool progressive) {
  write_jpeg_rows(path, picture, picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB, orientation, progressive);
}

void write_cmyk_jpeg(const std::string& path, std::size_t height, std::size_t width) {
  write_jpeg_rows(path, test_picture(height, width, 4), JCS_CMYK, 0, false);
}

void write_palette_png(const std::string& path, std::size_t height, std::size_t width, bool transparency) {
  with_png(path, [&](png_structp png, png_infop info) {
    header(png, info, height, width, 8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE);
    png_color palette[4];
    for (int i = 0; i < 4; ++i) {
      palette[i] = {palette_colours[i][0], palette_colours[i][1], palette_colours[i][2]};
    }
    png_set_PLTE(png, info, palette, 4);
    const png_byte alpha = 0;
    if (transparency) {
      png_set_tRNS(png, info, &alpha, 1, nullptr);
    }
    png_write_info(png, info);
    std::vector<png_byte> row(width);
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        row[x] = static_cast<png_byte>((y + x) % 4);
      }
      png_write_row(png, row.data());
    }
  });
}

void write_interlaced_png(const std::string& path, const image& picture) {
  with_png(path, [&](png_structp png, png_infop info) {
    header(png, info, picture.height, picture.width, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7);
    png_write_info(png, info);
    std::vector<png_bytep> rows(picture.height);
    for (std::size_t y = 0; y < picture.height; ++y) {
      rows[y] = const_cast<png_bytep>(picture.row(y));
    }
    png_write_image(png, rows.data());
  });
}

void write_one_bit_png(const std::string& path, std::size_t height, std::size_t width) {
  with_png(path, [&](png_structp png, png_infop info) {
    header(png, info, height, width, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE);
    png_write_info(png, info);
    png_set_packing(png);
    std::vector<png_byte> row(width);
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        row[x] = static_cast<png_byte>((y + x) % 2);
      }
      png_write_row(png, row.data());
    }
  });
}

std::vector<std::uint8_t> png_header(std::uint32_t height, std::uint32_t width) {
  std::vector<std::uint8_t> bytes = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13};
  std::vector<std::uint8_t> chunk = {'I', 'H', 'D', 'R'};
  put32(chunk, width);
  put32(chunk, height);
  chunk.insert(chunk.end(), {8, 2, 0, 0, 0});
  bytes.insert(bytes.end(), chunk.begin(), chunk.end());
  put32(bytes, static_cast<std::uint32_t>(crc32(0, chunk.data(), static_cast<uInt>(chunk.size()))));
  // An empty IDAT: the decoder stops at it with the header read.
  bytes.insert(bytes.end(), {0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xaf, 0x06, 0x1e});
  return bytes;
}

}  // namespace examples_test
