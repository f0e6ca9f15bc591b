#include <png.h>

#include <bit>
#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "image.hpp"

namespace examples {
namespace {

constexpr png_alloc_size_t chunk_limit = png_alloc_size_t{16} << 20;

/// The decoder's state. libpng reports errors by longjmp, so everything with a destructor lives here, outside the jump.
struct png_decoder {
  std::FILE* file = nullptr;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[160] = "unknown error";
  bool failed = false;

  png_decoder() = default;
  png_decoder(const png_decoder&) = delete;
  png_decoder& operator=(const png_decoder&) = delete;
  ~png_decoder() {
    png_destroy_read_struct(&png, &info, nullptr);
    if (file != nullptr) {
      std::fclose(file);
    }
  }
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* decoder = static_cast<png_decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder->message, sizeof decoder->message, "%s", text);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

// The three steps below run under setjmp and therefore own nothing.

void read_header(png_decoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) {
    decoder.failed = true;
    return;
  }
  png_init_io(decoder.png, decoder.file);
  png_set_user_limits(decoder.png, side_limit, side_limit);
  png_set_chunk_malloc_max(decoder.png, chunk_limit);
  png_read_info(decoder.png, decoder.info);
}

void choose_layout(png_decoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) {
    decoder.failed = true;
    return;
  }
  png_set_expand(decoder.png);  // palette to RGB, 1/2/4 bits to 8, tRNS to alpha
  if (std::endian::native == std::endian::little && png_get_bit_depth(decoder.png, decoder.info) == 16) {
    png_set_swap(decoder.png);
  }
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
}

void read_rows(png_decoder& decoder, png_bytepp rows) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) {
    decoder.failed = true;
    return;
  }
  png_set_benign_errors(decoder.png, 0);  // missing pixels are an error, not a warning
  png_read_image(decoder.png, rows);
  png_set_benign_errors(decoder.png, 1);
  png_read_end(decoder.png, nullptr);
}

void require_success(const png_decoder& decoder, const std::string& path) {
  if (decoder.failed) {
    throw user_error(path + " is a damaged PNG file (" + decoder.message + ")");
  }
}

void copy_profile(png_decoder& decoder, image& picture) {
  png_charp name = nullptr;
  int method = 0;
  png_bytep profile = nullptr;
  png_uint_32 size = 0;
  if (png_get_iCCP(decoder.png, decoder.info, &name, &method, &profile, &size) != 0) {
    picture.icc.assign(profile, profile + size);
  }
}

}  // namespace

image read_png(const std::string& path) {
  png_decoder decoder;
  decoder.file = std::fopen(path.c_str(), "rb");
  if (decoder.file == nullptr) {
    throw user_error("cannot read " + path + ": " + std::strerror(errno));
  }
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
  decoder.info = decoder.png != nullptr ? png_create_info_struct(decoder.png) : nullptr;
  if (decoder.info == nullptr) {
    throw user_error("cannot start the PNG decoder for " + path);
  }
  read_header(decoder);
  require_success(decoder, path);
  check_size(path, png_get_image_height(decoder.png, decoder.info), png_get_image_width(decoder.png, decoder.info));
  choose_layout(decoder);
  require_success(decoder, path);

  image picture(png_get_image_height(decoder.png, decoder.info), png_get_image_width(decoder.png, decoder.info),
                png_get_channels(decoder.png, decoder.info), png_get_bit_depth(decoder.png, decoder.info));
  copy_profile(decoder, picture);
  std::vector<png_bytep> rows(picture.height);
  for (std::size_t y = 0; y < picture.height; ++y) {
    rows[y] = picture.row(y);
  }
  read_rows(decoder, rows.data());
  require_success(decoder, path);
  return picture;
}

}  // namespace examples
