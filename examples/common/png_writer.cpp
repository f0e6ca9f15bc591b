#include "png_writer.hpp"

#include <png.h>

#include <bit>
#include <cerrno>
#include <csetjmp>

#include "atomic_file.hpp"

namespace examples {

/// libpng reports errors by longjmp; everything with a destructor lives here, outside the jump.
struct png_writer::state {
  atomic_file file;
  png_structp png = nullptr;
  png_infop info = nullptr;
  int error = 0;
  bool failed = false;

  explicit state(const std::string& path) : file(path) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { png_destroy_write_struct(&png, &info); }

  void require_success() const {
    if (failed) {
      file.fail(error);
    }
  }

  // The three steps below run under setjmp and therefore own nothing.

  void header(std::size_t height, std::size_t width, std::size_t channels, std::size_t depth,
              const std::vector<std::uint8_t>& icc) {
    if (setjmp(png_jmpbuf(png)) != 0) {
      failed = true;
      return;
    }
    constexpr int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    png_init_io(png, file.stream());
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), static_cast<int>(depth),
                 types[channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!icc.empty()) {
      png_set_benign_errors(png, 1);  // a profile that libpng dislikes is left out rather than fatal
      png_set_iCCP(png, info, "profile", PNG_COMPRESSION_TYPE_DEFAULT, icc.data(), static_cast<png_uint_32>(icc.size()));
    }
    png_write_info(png, info);
    if (depth == 16 && std::endian::native == std::endian::little) {
      png_set_swap(png);
    }
  }

  void row(const std::uint8_t* samples) {
    if (setjmp(png_jmpbuf(png)) != 0) {
      failed = true;
      return;
    }
    png_write_row(png, samples);
  }

  void end() {
    if (setjmp(png_jmpbuf(png)) != 0) {
      failed = true;
      return;
    }
    png_write_end(png, info);
  }
};

namespace {

[[noreturn]] void on_error(png_structp png, png_const_charp) {
  *static_cast<int*>(png_get_error_ptr(png)) = errno;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

}  // namespace

png_writer::png_writer(const std::string& path, std::size_t height, std::size_t width, std::size_t channels,
                       std::size_t bit_depth, const std::vector<std::uint8_t>& icc)
    : state_(std::make_unique<state>(path)) {
  state_->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state_->error, on_error, on_warning);
  state_->info = state_->png != nullptr ? png_create_info_struct(state_->png) : nullptr;
  if (state_->info == nullptr) {
    throw user_error("cannot start the PNG encoder for " + path);
  }
  state_->header(height, width, channels, bit_depth, icc);
  state_->require_success();
}

png_writer::~png_writer() = default;

void png_writer::write_row(const std::uint8_t* samples) {
  state_->row(samples);
  state_->require_success();
}

void png_writer::finish() {
  state_->end();
  state_->require_success();
  state_->file.commit();
}

void write_png(const std::string& path, const image& picture) {
  png_writer writer(path, picture.height, picture.width, picture.channels, picture.bit_depth, picture.icc);
  for (std::size_t y = 0; y < picture.height; ++y) {
    writer.write_row(picture.row(y));
  }
  writer.finish();
}

}  // namespace examples
