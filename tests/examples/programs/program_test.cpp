// The program as a whole, run as a user runs it, with the stand-in network.
#include "program.hpp"

#include <algorithm>
#include <cstdlib>

#include "../../../examples/common/bicubic.hpp"
#include "../../../examples/common/image.hpp"
#include "../../../examples/common/png_writer.hpp"
#include "../../support/catch.hpp"
#include "picture_files.hpp"

using namespace examples_test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using examples::image;
using examples::read_image;
using arguments = std::vector<std::string>;

namespace {

/// A folder with weights, a good picture and a place for the result.
struct workplace {
  scratch_folder folder;
  std::string weights = folder / "weights";
  std::string input = folder / "in.png";
  std::string output = folder / "out.png";

  workplace() {
    write_bytes(weights, {'2'});
    examples::write_png(input, test_picture(40, 50));
  }

  outcome run(arguments more, const limits& bound = {}) const {
    more.insert(more.begin(), {"--weights", weights});
    return run_program(HEDDLE_TEST_MAXSR, more, bound);
  }

  bool wrote() const {
    const auto names = folder.entries();
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name == "out.png" || name.rfind(".heddle", 0) == 0; });
  }
};

// The sanitizer's own tables are counted with the program's memory.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEDDLE_TEST_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HEDDLE_TEST_SANITIZED
#endif
#if defined(HEDDLE_TEST_SANITIZED)
constexpr std::size_t memory_bound = std::size_t{1} << 30;
#else
constexpr std::size_t memory_bound = std::size_t{200} << 20;
#endif

/// What every refusal looks like.
void check_refused(const workplace& place, const outcome& result, const std::string& reason) {
  INFO(result.errors);
  CHECK(result.code == 2);
  CHECK_THAT(result.errors, StartsWith("maxsr: "));
  CHECK_THAT(result.errors, Contains(reason));
  CHECK(std::count(result.errors.begin(), result.errors.end(), '\n') == 1);
  CHECK(result.errors.back() == '\n');
  CHECK(result.output.empty());
  CHECK_FALSE(place.wrote());
}

}  // namespace

TEST_CASE("the program doubles pictures of every kind and keeps channels and depth") {
  const workplace place;
  for (const std::size_t depth : {8U, 16U}) {
    for (const std::size_t channels : {1U, 2U, 3U, 4U}) {
      for (const auto& [height, width] : {std::pair{1U, 1U}, std::pair{1U, 70U}, std::pair{70U, 1U}, std::pair{90U, 75U}}) {
        const image small = test_picture(height, width, channels, depth);
        examples::write_png(place.input, small);
        const outcome result = place.run({place.input, place.output});
        INFO(result.errors);
        REQUIRE(result.code == 0);
        CHECK(result.errors.empty());
        const image large = read_image(place.output);
        CHECK(large.height == 2 * height);
        CHECK(large.width == 2 * width);
        CHECK(large.channels == channels);
        CHECK(large.bit_depth == depth);
      }
    }
  }
}

TEST_CASE("alpha is enlarged by the bicubic rule, apart from the colours") {
  const workplace place;
  const image small = test_picture(60, 80, 4);
  examples::write_png(place.input, small);
  REQUIRE(place.run({place.input, place.output}).code == 0);
  const image large = read_image(place.output);
  const image expected = examples::bicubic(small, 120, 160);
  for (std::size_t y = 0; y < 120; ++y) {
    for (std::size_t x = 0; x < 160; ++x) {
      REQUIRE(large.sample8(y, x, 3) == expected.sample8(y, x, 3));
    }
  }
}

TEST_CASE("a grey picture gives what its colour twin gives") {
  const workplace place;
  const image grey = test_picture(30, 100, 1);
  image colour(30, 100, 3);
  for (std::size_t i = 0; i < colour.bytes.size(); ++i) {
    colour.bytes[i] = grey.bytes[i / 3];
  }
  examples::write_png(place.folder / "grey.png", grey);
  examples::write_png(place.folder / "colour.png", colour);
  REQUIRE(place.run({place.folder / "grey.png", place.output}).code == 0);
  REQUIRE(place.run({place.folder / "colour.png", place.folder / "c.png"}).code == 0);
  const image a = read_image(place.output);
  const image b = read_image(place.folder / "c.png");
  int worst = 0;
  for (std::size_t i = 0; i < b.bytes.size(); ++i) {
    worst = std::max(worst, std::abs(int{a.bytes[i / 3]} - int{b.bytes[i]}));
  }
  CHECK(worst <= 1);  // the mean of three equal floats may round the other way
}

TEST_CASE("JPEG, palette, one-bit and interlaced pictures go through") {
  const workplace place;
  write_jpeg(place.folder / "a.jpg", test_picture(33, 65), 6);
  write_palette_png(place.folder / "p.png", 20, 30, true);
  write_one_bit_png(place.folder / "b.png", 20, 30);
  write_interlaced_png(place.folder / "i.png", test_picture(20, 30));
  for (const char* name : {"a.jpg", "p.png", "b.png", "i.png"}) {
    INFO(name);
    CHECK(place.run({place.folder / name, place.output}).code == 0);
  }
}

TEST_CASE("the number of threads does not change the file") {
  const workplace place;
  examples::write_png(place.input, test_picture(150, 260));
  REQUIRE(place.run({"--threads", "1", place.input, place.output}).code == 0);
  REQUIRE(place.run({"--threads", "3", place.input, place.folder / "three.png"}).code == 0);
  CHECK(read_bytes(place.output) == read_bytes(place.folder / "three.png"));
}

TEST_CASE("a comparison prints both candidates") {
  const workplace place;
  const image original = test_picture(80, 100);
  examples::write_png(place.folder / "original.png", original);
  examples::write_png(place.input, examples::bicubic(original, 40, 50));
  const outcome result = place.run({"--compare", place.folder / "original.png", "--self-ensemble", place.input, place.output});
  INFO(result.errors);
  CHECK(result.code == 0);
  CHECK_THAT(result.output, Contains("bicubic") && Contains("maxsr ") && Contains("PSNR") && Contains("SSIM"));
}

TEST_CASE("--help is not an error") {
  const outcome result = run_program(HEDDLE_TEST_MAXSR, {"--help"});
  CHECK(result.code == 0);
  CHECK_THAT(result.output, Contains("--self-ensemble") && Contains("--compare"));
}

TEST_CASE("command lines that make no sense are refused") {
  const workplace place;
  check_refused(place, place.run({"--sharpen", place.input, place.output}), "--sharpen");
  check_refused(place, place.run({place.input}), "OUT");
  check_refused(place, place.run({}), "IN");
  check_refused(place, place.run({place.input, place.output, "third"}), "third");
  check_refused(place, place.run({"--threads", "0", place.input, place.output}), "--threads");
  check_refused(place, place.run({"--threads", "many", place.input, place.output}), "--threads");
  check_refused(place, place.run({"--scale", "0", place.input, place.output}), "--scale");
  check_refused(place, place.run({"--scale", "8", place.input, place.output}), "2 to 4");
  check_refused(place, place.run({"--tile", "3", place.input, place.output}), "--tile");
  check_refused(place, place.run({place.input, place.folder / "out.jpg"}), ".png");
  check_refused(place, place.run({place.input, place.input}), "overwrite");
}

TEST_CASE("weights that are missing or for another scale are refused") {
  const workplace place;
  check_refused(place, place.run({"--scale", "3", place.input, place.output}), "not x3");
  check_refused(place, run_program(HEDDLE_TEST_MAXSR, {"--weights", place.folder / "none", place.input, place.output}), "none");
}

TEST_CASE("pictures that cannot be read are refused") {
  const workplace place;
  const auto spoiled = [&](std::vector<std::uint8_t> bytes, const std::string& reason) {
    write_bytes(place.folder / "bad", bytes);
    check_refused(place, place.run({place.folder / "bad", place.output}), reason);
  };
  std::vector<std::uint8_t> png = read_bytes(place.input);
  png.resize(png.size() / 2);
  spoiled(png, "damaged PNG");
  write_jpeg(place.folder / "a.jpg", test_picture(64, 64));
  std::vector<std::uint8_t> jpeg = read_bytes(place.folder / "a.jpg");
  jpeg.resize(jpeg.size() / 2);
  spoiled(jpeg, "damaged JPEG");
  spoiled(png_header(0, 0), "damaged PNG");
  spoiled(png_header(60'000, 60'000), "limit");
  spoiled({'n', 'o'}, "neither a PNG nor a JPEG");
  write_cmyk_jpeg(place.folder / "cmyk.jpg", 16, 16);
  check_refused(place, place.run({place.folder / "cmyk.jpg", place.output}), "CMYK");
  check_refused(place, place.run({place.folder / "missing.png", place.output}), "No such file");
  check_refused(place, place.run({place.folder.path(), place.output}), "directory");
}

TEST_CASE("an original of another size is refused") {
  const workplace place;
  check_refused(place, place.run({"--compare", place.input, place.input, place.output}), "50 x 40");
}

TEST_CASE("results that cannot be written are refused") {
  const workplace place;
  check_refused(place, place.run({place.input, place.folder / "missing/out.png"}), "No such file");
  check_refused(place, place.run({place.input, place.input + "/out.png"}), "Not a directory");
}

TEST_CASE("a result that outgrows the file size limit leaves nothing") {
  const workplace place;
  limits bound;
  bound.file_bytes = 5000;
  check_refused(place, place.run({place.input, place.output}, bound), "File too large");
}

TEST_CASE("a full disk leaves nothing") {
  const workplace place;
  const scratch_folder disk;
  examples::write_png(place.input, test_picture(200, 200));
  outcome result;
  std::size_t left = 1;
  const arguments call = {"--weights", place.weights, place.input, disk / "out.png"};
  if (!run_on_small_disk(HEDDLE_TEST_MAXSR, call, disk.path(), 64 * 1024, result, left)) {
    WARN("skipped: this machine lets no test mount a file system of its own");
    return;
  }
  check_refused(place, result, "No space left");
  CHECK(left == 0);
}

TEST_CASE("an interrupted run leaves nothing") {
  const workplace place;
  write_bytes(place.weights, {'2', ' ', '9'});
  examples::write_png(place.input, test_picture(3000, 4000));
  limits bound;
  bound.terminate_after_ms = 3000;
  const outcome result = place.run({place.input, place.output}, bound);
  CHECK(result.code == 128 + 15);
  CHECK_FALSE(place.wrote());
}

TEST_CASE("a terminal sees the progress, a file does not") {
  const workplace place;
  examples::write_png(place.input, test_picture(150, 260));
  limits bound;
  bound.terminal = true;
  const outcome shown = place.run({place.input, place.output}, bound);
  CHECK(shown.code == 0);
  CHECK_THAT(shown.errors, Contains("100 %") && Contains("tile 15 of 15"));
  CHECK_THAT(shown.errors, Catch::Matchers::EndsWith("\r\033[K"));
  CHECK(place.run({place.input, place.output}).errors.empty());
}

TEST_CASE("twelve megapixels need far less than a gigabyte") {
  const workplace place;
  write_bytes(place.weights, {'2', ' ', '0'});
  image picture(3000, 4000, 3);
  for (std::size_t i = 0; i < picture.bytes.size(); ++i) {
    picture.bytes[i] = static_cast<std::uint8_t>(i % 12000 / 64);
  }
  examples::write_png(place.input, picture);
  const outcome result = place.run({place.input, place.output});
  INFO(result.errors);
  REQUIRE(result.code == 0);
  CHECK(result.peak_bytes < memory_bound);
}

TEST_CASE("the demonstration prints its measures and writes its pictures") {
  const workplace place;
  examples::write_png(place.input, test_picture(161, 203));
  const outcome result = run_program(HEDDLE_TEST_MAXSR_DEMO, {"--weights", place.weights, place.input, place.folder / "out"});
  INFO(result.errors);
  REQUIRE(result.code == 0);
  for (const char* word : {"bicubic", "ours", "PSNR", "SSIM", "per megapixel", "GFLOP/s", "peak", "MiB", "comparison.png"}) {
    CHECK_THAT(result.output, Contains(word));
  }
  CHECK(read_image(place.folder / "out/comparison.png").width > 3 * 160);
  CHECK(read_image(place.folder / "out/enlarged.png").height == 160);
}

TEST_CASE("the demonstration refuses what it cannot show") {
  const workplace place;
  const outcome small = run_program(HEDDLE_TEST_MAXSR_DEMO, {"--weights", place.weights, place.input, place.folder.path()});
  CHECK(small.code == 2);
  CHECK_THAT(small.errors, Contains("too small"));
  examples::write_png(place.input, test_picture(100, 100));
  const outcome no_folder =
      run_program(HEDDLE_TEST_MAXSR_DEMO, {"--weights", place.weights, place.input, place.weights + "/out"});
  CHECK(no_folder.code == 2);
  CHECK_THAT(no_folder.errors, Contains("cannot make the folder"));
}
