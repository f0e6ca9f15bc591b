// The program as a whole, run as a user runs it, with a stand-in for the network.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "../../../examples/common/png_writer.hpp"
#include "../../../examples/track/frames.hpp"
#include "../../support/catch.hpp"
#include "../programs/picture_files.hpp"
#include "../programs/program.hpp"

using namespace examples_test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using examples::image;

namespace {

/// A folder with weights, a sequence, and places for the results.
struct workplace {
  scratch_folder folder;
  std::string weights = folder / "weights";
  std::string frames = folder / "frames";
  std::string csv = folder / "boxes.csv";
  std::string video = folder / "out.mp4";

  explicit workplace(std::size_t count = 0) {
    write_bytes(weights, {'o', 'k'});
    REQUIRE(::access(frames.c_str(), F_OK) != 0);
    const std::string make = "mkdir " + frames;
    REQUIRE(std::system(make.c_str()) == 0);
    for (std::size_t i = 0; i < count; ++i) add(i, 48, 64, 200);
  }
  ~workplace() {
    const std::string remove = "rm -r " + frames;
    CHECK(std::system(remove.c_str()) == 0);
  }

  std::string frame(std::size_t i) const { return frames + "/f" + std::to_string(i) + ".png"; }
  void add(std::size_t i, std::size_t height, std::size_t width, std::uint8_t brightness) const {
    image picture = test_picture(height, width);
    picture.bytes[0] = brightness;
    examples::write_png(frame(i), picture);
  }

  outcome run(std::vector<std::string> more, const limits& bound = {}) const {
    more.insert(more.begin(), {"--weights", weights});
    return run_program(HEDDLE_TEST_TRACK, more, bound);
  }
  outcome follow(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--box", "10,8,20,16", "--csv", csv, frames});
    return run(more);
  }

  bool wrote() const {
    const auto names = folder.entries();
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return name == "boxes.csv" || name == "out.mp4" || name.rfind(".heddle", 0) == 0;
    });
  }
};

// The sanitizer keeps what was freed for a while.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEDDLE_TEST_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HEDDLE_TEST_SANITIZED
#endif
#if defined(HEDDLE_TEST_SANITIZED)
constexpr std::size_t allowed_growth = std::size_t{512} << 20;
#else
constexpr std::size_t allowed_growth = std::size_t{4} << 20;
#endif

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

/// What every refusal looks like.
void check_refused(const workplace& place, const outcome& result, const std::string& reason) {
  INFO(result.errors);
  CHECK(result.code == 2);
  CHECK_THAT(result.errors, StartsWith("track: "));
  CHECK_THAT(result.errors, Contains(reason));
  CHECK(std::count(result.errors.begin(), result.errors.end(), '\n') == 1);
  CHECK_FALSE(place.wrote());
}

}  // namespace

TEST_CASE("names are ordered by the value of their numbers") {
  using track_app::natural_less;
  CHECK(natural_less("f2.png", "f10.png"));
  CHECK_FALSE(natural_less("f10.png", "f2.png"));
  CHECK(natural_less("a10", "b2"));
  CHECK(natural_less("f007", "f8"));
  CHECK(natural_less("f", "f1"));
  CHECK_FALSE(natural_less("f1", "f1"));
  CHECK(natural_less("f07", "f7") != natural_less("f7", "f07"));
}

TEST_CASE("a folder of pictures becomes a table of boxes, frames counted from 0") {
  const workplace place(12);
  const outcome result = place.follow();
  INFO(result.errors);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output, Contains("12 frames of 64 x 48"));
  CHECK_THAT(result.output, Contains("network"));
  const auto lines = lines_of(place.csv);
  REQUIRE(lines.size() == 13);
  CHECK(lines[0] == "frame,x,y,w,h,score");
  CHECK(lines[1] == "0,10.0000,8.0000,20.0000,16.0000,1.0000");
  CHECK(lines[12] == "11,21.0000,8.0000,20.0000,16.0000,0.7843");
}

TEST_CASE("a broken frame keeps the box before it with the score 0, and the rest goes on") {
  const workplace place(5);
  write_bytes(place.frame(2), {'n', 'o'});
  const outcome result = place.follow();
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output, Contains("1 frames could not be decoded"));
  const auto lines = lines_of(place.csv);
  REQUIRE(lines.size() == 6);
  CHECK(lines[3] == "2,11.0000,8.0000,20.0000,16.0000,0.0000");
  CHECK(lines[4] == "3,12.0000,8.0000,20.0000,16.0000,0.7843");
}

TEST_CASE("a target that is not to be seen is counted") {
  const workplace place(3);
  place.add(1, 48, 64, 10);
  const outcome result = place.follow();
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output, Contains("not to be seen in 1 frames"));
}

TEST_CASE("frames of another size are scaled to that of the first") {
  const workplace place(4);
  place.add(2, 96, 30, 200);
  const outcome result = place.follow();
  REQUIRE(result.code == 0);
  CHECK_THAT(result.output, Contains("1 frames of another size"));
  CHECK(lines_of(place.csv).size() == 5);
}

TEST_CASE("what cannot be tracked is refused with one sentence and leaves nothing") {
  const workplace place(2);
  const std::string& c = place.csv;
  check_refused(place, place.run({"--csv", c, "--box", "100,8,20,16", place.frames}), "outside the frame of 64 x 48");
  check_refused(place, place.run({"--csv", c, "--box", "10,8,0.5,16", place.frames}), "at least one pixel");
  check_refused(place, place.run({"--csv", c, "--box", "10,8,20", place.frames}), "x,y,w,h");
  check_refused(place, place.run({"--csv", c, "--box", "10,8,20,inf", place.frames}), "x,y,w,h");
  check_refused(place, place.run({"--csv", c, "--box", "10,8,20,16", "--model", "other", place.frames}),
                "no network is called other");
  check_refused(place, place.run({"--csv", c, "--box", "10,8,20,16", place.folder / "nowhere"}), "No such file");
  check_refused(place, place.run({"--csv", c, "--box", "10,8,20,16", place.folder.path()}), "holds no .jpg or .png");
  check_refused(place, place.run({"--csv", place.folder / "no/boxes.csv", "--box", "10,8,20,16", place.frames}),
                "cannot write");
  check_refused(place, place.run({"--csv", place.weights, "--box", "10,8,20,16", place.frames}), "would overwrite");
  check_refused(
      place,
      run_program(HEDDLE_TEST_TRACK, {"--weights", place.folder / "none", "--csv", c, "--box", "10,8,20,16", place.frames}),
      "cannot be read");
  check_refused(place, run_program(HEDDLE_TEST_TRACK, {"--csv", c, "--box", "10,8,20,16", place.frames}), "no weights");
  check_refused(place, place.run({"--csv", c, "--threads", "0", "--box", "10,8,20,16", place.frames}), "--threads");
  check_refused(place, place.run({"--csv", c, "--precision", "bf16", "--box", "10,8,20,16", place.frames}), "f32 only");
  write_bytes(place.weights, {'k', 'o'});
  check_refused(place, place.follow(), "does not hold the weights of vittrack");
}

TEST_CASE("a first frame that cannot be decoded is refused") {
  const workplace place(2);
  write_bytes(place.frame(0), {'n', 'o'});
  check_refused(place, place.follow(), "f0.png");
}

TEST_CASE("a full disk leaves nothing behind") {
  const workplace place(40);
  check_refused(place, place.run({"--csv", place.csv, "--box", "10,8,20,16", place.frames}, {.file_bytes = 500}),
                "cannot write");
}

TEST_CASE("memory does not grow with the number of frames") {
  const workplace place(1);
  for (std::size_t i = 1; i < 3000; ++i) REQUIRE(::link(place.frame(0).c_str(), place.frame(i).c_str()) == 0);
  const outcome few = place.follow({"--frames", "20"});
  const outcome many = place.follow();
  REQUIRE(few.code == 0);
  REQUIRE(many.code == 0);
  CHECK(lines_of(place.csv).size() == 3001);
  CHECK(many.peak_bytes < few.peak_bytes + allowed_growth);
}

#ifdef HEDDLE_TEST_VIDEO

TEST_CASE("an annotated video has as many frames, and can be tracked itself") {
  const workplace place(30);
  for (const char* const ending : {"mp4", "mkv", "avi"}) {
    const std::string video = place.folder / "video." + ending;
    const outcome written = place.follow({"--out", video});
    INFO(ending << written.errors);
    REQUIRE(written.code == 0);
    const outcome read = place.run({"--box", "10,8,20,16", "--csv", place.csv, video});
    INFO(read.errors);
    REQUIRE(read.code == 0);
    CHECK_THAT(read.output, Contains("30 frames of 64 x 48"));
    CHECK(lines_of(place.csv).size() == 31);
  }
}

TEST_CASE("a video that ends early is tracked as far as it goes") {
  const workplace place(30);
  const std::string video = place.folder / "video.mkv";
  REQUIRE(place.follow({"--out", video}).code == 0);
  std::vector<std::uint8_t> bytes = read_bytes(video);
  bytes.resize(bytes.size() * 2 / 3);
  write_bytes(video, bytes);
  const outcome result = place.run({"--box", "10,8,20,16", "--csv", place.csv, video});
  INFO(result.errors << result.output);
  REQUIRE(result.code == 0);
  const std::size_t frames = lines_of(place.csv).size() - 1;
  CHECK(frames >= 1);
  CHECK(frames < 30);
}

TEST_CASE("what is no video, and a video without its index, are refused") {
  const workplace place(30);
  REQUIRE(place.follow({"--out", place.folder / "video.mp4"}).code == 0);
  ::unlink(place.csv.c_str());
  std::vector<std::uint8_t> bytes = read_bytes(place.folder / "video.mp4");
  bytes.resize(bytes.size() / 2);  // the index of an mp4 is at its end
  write_bytes(place.folder / "half.mp4", bytes);
  check_refused(place, place.run({"--box", "10,8,20,16", "--csv", place.csv, place.folder / "half.mp4"}), "half.mp4");
  check_refused(place, place.run({"--box", "10,8,20,16", "--csv", place.csv, place.weights}), "weights");
  check_refused(place, place.run({"--box", "10,8,20,16", "--csv", place.csv, "--out", place.folder / "out.txt", place.frames}),
                ".mp4, .mkv or .avi");
}

TEST_CASE("a program that is stopped leaves no half-written files") {
  const workplace place(1);
  for (std::size_t i = 1; i < 3000; ++i) REQUIRE(::link(place.frame(0).c_str(), place.frame(i).c_str()) == 0);
  const outcome result =
      place.run({"--box", "10,8,20,16", "--csv", place.csv, "--out", place.video, place.frames}, {.terminate_after_ms = 200});
  CHECK(result.code != 0);
  CHECK_FALSE(place.wrote());
}

#endif
