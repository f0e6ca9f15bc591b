#include "../../../examples/common/image.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "../../../examples/common/png_writer.hpp"
#include "../../support/catch.hpp"
#include "picture_files.hpp"

using namespace examples_test;
using Catch::Matchers::Contains;
using examples::image;
using examples::read_image;
using examples::user_error;

namespace {

bool same(const image& a, const image& b) {
  return a.height == b.height && a.width == b.width && a.channels == b.channels && a.bit_depth == b.bit_depth &&
         a.bytes == b.bytes;
}

int worst_difference(const image& a, const image& b) {
  REQUIRE(a.bytes.size() == b.bytes.size());
  int worst = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i) {
    worst = std::max(worst, std::abs(int{a.bytes[i]} - int{b.bytes[i]}));
  }
  return worst;
}

}  // namespace

TEST_CASE("a PNG comes back as it was written, at every depth and channel count") {
  const scratch_folder folder;
  for (const std::size_t depth : {8U, 16U}) {
    for (const std::size_t channels : {1U, 2U, 3U, 4U}) {
      for (const auto& [height, width] : {std::pair{1U, 1U}, std::pair{1U, 9U}, std::pair{9U, 1U}, std::pair{17U, 33U}}) {
        const image picture = test_picture(height, width, channels, depth);
        examples::write_png(folder / "a.png", picture);
        CHECK(same(read_image(folder / "a.png"), picture));
      }
    }
  }
}

TEST_CASE("16-bit samples have the file's value") {
  const scratch_folder folder;
  image picture(1, 1, 1, 16);
  const float value = 0.5F;
  examples::quantise(&value, 1, 16, picture.row(0));
  examples::write_png(folder / "a.png", picture);
  CHECK(read_image(folder / "a.png").sample(0, 0, 0) == Approx(32768.0 / 65535.0));
  CHECK(picture.sample8(0, 0, 0) == 128);
}

TEST_CASE("palettes become colours, and their transparency an alpha channel") {
  const scratch_folder folder;
  for (const bool transparency : {false, true}) {
    write_palette_png(folder / "p.png", 5, 7, transparency);
    const image picture = read_image(folder / "p.png");
    REQUIRE(picture.channels == (transparency ? 4 : 3));
    for (std::size_t i = 0; i < 35; ++i) {
      const std::size_t y = i / 7;
      const std::size_t x = i % 7;
      const std::size_t entry = (y + x) % 4;
      for (std::size_t c = 0; c < 3; ++c) {
        CHECK(picture.sample8(y, x, c) == palette_colours[entry][c]);
      }
      if (transparency) {
        CHECK(picture.sample8(y, x, 3) == (entry == 0 ? 0 : 255));
      }
    }
  }
}

TEST_CASE("one-bit grey becomes 8-bit grey") {
  const scratch_folder folder;
  write_one_bit_png(folder / "b.png", 3, 11);
  const image picture = read_image(folder / "b.png");
  CHECK(picture.channels == 1);
  CHECK(picture.bit_depth == 8);
  CHECK(picture.sample8(0, 0, 0) == 0);
  CHECK(picture.sample8(1, 0, 0) == 255);
}

TEST_CASE("interlacing is undone") {
  const scratch_folder folder;
  const image picture = test_picture(19, 23);
  write_interlaced_png(folder / "i.png", picture);
  CHECK(same(read_image(folder / "i.png"), picture));
}

TEST_CASE("JPEG files in colour and grey, baseline and progressive") {
  const scratch_folder folder;
  for (const std::size_t channels : {1U, 3U}) {
    image flat(20, 37, channels);
    std::fill(flat.bytes.begin(), flat.bytes.end(), std::uint8_t{120});
    for (const bool progressive : {false, true}) {
      write_jpeg(folder / "a.jpg", flat, 0, progressive);
      const image picture = read_image(folder / "a.jpg");
      CHECK(picture.channels == channels);
      CHECK(worst_difference(picture, flat) <= 1);
    }
  }
}

TEST_CASE("a JPEG is turned as its orientation says") {
  const scratch_folder folder;
  // Stored: dark everywhere, bright in the top left quarter.
  image stored(16, 32, 1);
  for (std::size_t y = 0; y < 8; ++y) {
    std::fill(stored.row(y), stored.row(y) + 16, std::uint8_t{250});
  }
  struct {
    int orientation;
    bool turned, bright_right, bright_bottom;
  } const cases[] = {{1, false, false, false}, {2, false, true, false}, {3, false, true, true},
                     {4, false, false, true},  {5, true, false, false}, {6, true, true, false},
                     {7, true, true, true},    {8, true, false, true},  {9, false, false, false}};
  for (const auto& c : cases) {
    write_jpeg(folder / "o.jpg", stored, c.orientation);
    const image picture = read_image(folder / "o.jpg");
    INFO("orientation " << c.orientation);
    CHECK(picture.height == (c.turned ? 32 : 16));
    CHECK(picture.width == (c.turned ? 16 : 32));
    const std::size_t y = c.bright_bottom ? picture.height - 4 : 3;
    const std::size_t x = c.bright_right ? picture.width - 4 : 3;
    CHECK(picture.sample8(y, x, 0) > 200);
    CHECK(picture.sample8(picture.height - 1 - y, x, 0) < 50);
    CHECK(picture.sample8(y, picture.width - 1 - x, 0) < 50);
  }
}

TEST_CASE("malformed EXIF blocks count as upright") {
  const std::uint8_t far_directory[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 0xff, 0xff, 0xff, 0xff};
  const std::uint8_t many_entries[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 0xff, 0xff, 0x12, 0x01};
  CHECK(examples::exif_orientation(far_directory, sizeof far_directory) == 1);
  CHECK(examples::exif_orientation(many_entries, sizeof many_entries) == 1);
  CHECK(examples::exif_orientation(far_directory, 3) == 1);
}

TEST_CASE("a file cut short anywhere is refused") {
  const scratch_folder folder;
  const image picture = test_picture(24, 24);
  examples::write_png(folder / "a.png", picture);
  write_jpeg(folder / "a.jpg", picture);
  for (const char* name : {"a.png", "a.jpg"}) {
    const std::vector<std::uint8_t> bytes = read_bytes(folder / name);
    for (std::size_t keep = 0; keep + 2 < bytes.size(); keep += 1 + keep / 8) {
      write_bytes(folder / "cut", {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(keep)});
      INFO(name << " cut to " << keep << " of " << bytes.size() << " bytes");
      CHECK_THROWS_AS(read_image(folder / "cut"), user_error);
    }
  }
}

TEST_CASE("damaged bytes give a picture or a refusal, never a crash") {
  const scratch_folder folder;
  const image picture = test_picture(24, 24);
  examples::write_png(folder / "a.png", picture);
  write_jpeg(folder / "a.jpg", picture, 6, true);
  for (const char* name : {"a.png", "a.jpg"}) {
    const std::vector<std::uint8_t> bytes = read_bytes(folder / name);
    for (std::size_t at = 0; at < bytes.size(); at += 7) {
      std::vector<std::uint8_t> spoiled = bytes;
      spoiled[at] = static_cast<std::uint8_t>(~spoiled[at]);
      write_bytes(folder / "spoiled", spoiled);
      try {
        const image read = read_image(folder / "spoiled");
        CHECK(read.bytes.size() == read.height * read.row_bytes());
      } catch (const user_error& error) {
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
      }
    }
  }
}

TEST_CASE("sizes of zero and beyond the limit are refused from the header alone") {
  const scratch_folder folder;
  write_bytes(folder / "zero.png", png_header(0, 0));
  CHECK_THROWS_WITH(read_image(folder / "zero.png"), Contains("damaged PNG"));
  write_bytes(folder / "wide.png", png_header(1, 1'000'000));
  CHECK_THROWS_AS(read_image(folder / "wide.png"), user_error);
  write_bytes(folder / "large.png", png_header(60'000, 60'000));
  CHECK_THROWS_WITH(read_image(folder / "large.png"), Contains("60000 x 60000") && Contains("limit"));
  CHECK_THROWS_AS(examples::check_size("x", 0, 5), user_error);
  CHECK_NOTHROW(examples::check_size("x", 8192, 8192));
}

TEST_CASE("files that are no pictures are named with the reason") {
  const scratch_folder folder;
  write_bytes(folder / "text.png", {'h', 'e', 'l', 'l', 'o'});
  write_bytes(folder / "empty.png", {});
  write_cmyk_jpeg(folder / "cmyk.jpg", 16, 16);
  CHECK_THROWS_WITH(read_image(folder / "text.png"), Contains("neither a PNG nor a JPEG"));
  CHECK_THROWS_WITH(read_image(folder / "empty.png"), Contains("neither a PNG nor a JPEG"));
  CHECK_THROWS_WITH(read_image(folder / "cmyk.jpg"), Contains("CMYK"));
  CHECK_THROWS_WITH(read_image(folder / "missing.png"), Contains("No such file"));
  CHECK_THROWS_WITH(read_image(folder.path()), Contains("directory"));
}

TEST_CASE("samples are clamped, rounded to nearest, and NaN becomes black") {
  const float values[] = {
      -1.0F, 2.0F, 0.5F, 100.4F / 255.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  std::uint8_t out[6];
  examples::quantise(values, 6, 8, out);
  CHECK(std::vector<int>(out, out + 6) == std::vector<int>{0, 255, 128, 100, 0, 255});
}
