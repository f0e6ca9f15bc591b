#include <cstdio>  // jpeglib.h needs FILE and does not include it

#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "image.hpp"

namespace examples {
namespace {

constexpr int exif_marker = JPEG_APP0 + 1;
constexpr int profile_marker = JPEG_APP0 + 2;

/// The decoder's state. libjpeg reports errors by longjmp, so everything with a destructor lives here, outside the jump.
struct jpeg_decoder {
  jpeg_decompress_struct state{};
  jpeg_error_mgr errors{};
  std::jmp_buf jump;
  std::FILE* file = nullptr;
  JOCTET* profile = nullptr;
  unsigned int profile_size = 0;
  char message[JMSG_LENGTH_MAX] = "unknown error";
  bool failed = false;

  jpeg_decoder() = default;
  jpeg_decoder(const jpeg_decoder&) = delete;
  jpeg_decoder& operator=(const jpeg_decoder&) = delete;
  ~jpeg_decoder() {
    jpeg_destroy_decompress(&state);
    std::free(profile);  // allocated by libjpeg with malloc
    if (file != nullptr) {
      std::fclose(file);
    }
  }
};

[[noreturn]] void on_error(j_common_ptr common) {
  auto* decoder = static_cast<jpeg_decoder*>(common->client_data);
  common->err->format_message(common, decoder->message);
  std::longjmp(decoder->jump, 1);
}

/// libjpeg invents grey pixels where data are missing and calls that a warning (level -1); here it is an error.
/// The three exceptions leave the pixels whole.
void on_message(j_common_ptr common, int level) {
  const int code = common->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_ICC;
  if (level < 0 && !harmless) {
    on_error(common);
  }
}

void read_header(jpeg_decoder& decoder) {
  if (setjmp(decoder.jump) != 0) {
    decoder.failed = true;
    return;
  }
  jpeg_create_decompress(&decoder.state);
  decoder.state.client_data = &decoder;
  jpeg_stdio_src(&decoder.state, decoder.file);
  jpeg_save_markers(&decoder.state, exif_marker, 0xffff);
  jpeg_save_markers(&decoder.state, profile_marker, 0xffff);
  jpeg_read_header(&decoder.state, TRUE);
  jpeg_read_icc_profile(&decoder.state, &decoder.profile, &decoder.profile_size);
}

void read_rows(jpeg_decoder& decoder, image& picture) {
  if (setjmp(decoder.jump) != 0) {
    decoder.failed = true;
    return;
  }
  decoder.state.out_color_space = picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&decoder.state);
  while (decoder.state.output_scanline < decoder.state.output_height) {
    JSAMPROW row = picture.row(decoder.state.output_scanline);
    jpeg_read_scanlines(&decoder.state, &row, 1);
  }
  jpeg_finish_decompress(&decoder.state);
}

void require_success(const jpeg_decoder& decoder, const std::string& path) {
  if (decoder.failed) {
    throw user_error(path + " is a damaged JPEG file (" + decoder.message + ")");
  }
}

int orientation_of(const jpeg_decoder& decoder) {
  for (auto* marker = decoder.state.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->marker == exif_marker) {
      return exif_orientation(marker->data, marker->data_length);
    }
  }
  return 1;
}

}  // namespace

image read_jpeg(const std::string& path) {
  jpeg_decoder decoder;
  decoder.state.err = jpeg_std_error(&decoder.errors);
  decoder.state.client_data = &decoder;
  decoder.errors.error_exit = on_error;
  decoder.errors.emit_message = on_message;
  decoder.file = std::fopen(path.c_str(), "rb");
  if (decoder.file == nullptr) {
    throw user_error("cannot read " + path + ": " + std::strerror(errno));
  }
  read_header(decoder);
  require_success(decoder, path);
  check_size(path, decoder.state.image_height, decoder.state.image_width);
  const J_COLOR_SPACE space = decoder.state.jpeg_color_space;
  if (space == JCS_CMYK || space == JCS_YCCK) {
    throw user_error(path + " is a CMYK JPEG file, which is not supported");
  }
  image picture(decoder.state.image_height, decoder.state.image_width, space == JCS_GRAYSCALE ? 1 : 3);
  picture.icc.assign(decoder.profile, decoder.profile + decoder.profile_size);
  const int orientation = orientation_of(decoder);  // reading the last row frees the markers
  read_rows(decoder, picture);
  require_success(decoder, path);
  return oriented(std::move(picture), orientation);
}

}  // namespace examples
