#include <heddle/io/safetensors.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using heddle::io::safetensors;
using heddle::test::make_file;
using heddle::test::temporary_file;

namespace {

constexpr const char* two_tensors =
    R"({"__metadata__":{"format":"pt","epoch":"7"},"weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
    R"("bias":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}})";

std::vector<std::byte> small_file() { return make_file(two_tensors, std::vector<float>{1, 2, 3, 4, 5, 6}); }

void check_small(const safetensors& file) {
  REQUIRE(file.size() == 2);
  REQUIRE(file[0].name == "weight");
  REQUIRE(file.find("bias") == &file[1]);
  REQUIRE(file.find("bia") == nullptr);
  REQUIRE(file.find("") == nullptr);
  REQUIRE(file.floats("weight") == std::vector<float>{1, 2, 3, 4});
  REQUIRE(file.floats("bias") == std::vector<float>{5, 6});
  REQUIRE(file.bytes(file[1]).size() == 8);
  REQUIRE(file.metadata() == heddle::io::metadata_list{{"format", "pt"}, {"epoch", "7"}});
  std::string names;
  for (const heddle::io::stored_tensor& t : file) names += t.name + ' ';
  REQUIRE(names == "weight bias ");
}

static_assert(!std::is_copy_constructible_v<safetensors> && std::is_nothrow_move_constructible_v<safetensors>);

}  // namespace

TEST_CASE("a file is mapped or read", "[io]") {
  const temporary_file on_disk("small.safetensors", small_file());
  const safetensors mapped{on_disk.path()};
  check_small(mapped);
  REQUIRE(mapped.owner() != nullptr);
  const safetensors copied(on_disk.path(), heddle::io::read_whole);
  check_small(copied);
  REQUIRE(copied.owner() != nullptr);
  REQUIRE(copied.path() == on_disk.path());
}

TEST_CASE("a file in memory", "[io]") {
  const std::vector<std::byte> bytes = small_file();
  const safetensors borrowed = safetensors::parse(bytes);
  check_small(borrowed);
  REQUIRE(borrowed.owner() == nullptr);
  REQUIRE(borrowed.bytes(borrowed[0]).data() == bytes.data() + bytes.size() - 24);

  const auto kept = std::make_shared<std::vector<std::byte>>(bytes);
  safetensors shared = safetensors::parse(*kept, kept);
  REQUIRE(kept.use_count() == 2);
  const safetensors moved = std::move(shared);
  check_small(moved);
  REQUIRE(kept.use_count() == 2);
}

TEST_CASE("data of any alignment are read", "[io]") {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::vector<std::byte> bytes(shift);
    const std::vector<std::byte> file = small_file();
    heddle::test::append(bytes, file.data(), file.size());
    check_small(safetensors::parse(std::span(bytes).subspan(shift)));
  }
}

TEST_CASE("numbers of every type are converted", "[io]") {
  const std::vector<std::uint8_t> data{
      0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00,                                                                // f16: 1, -2, 2^-24
      0x80, 0x3f, 0x40, 0xc0,                                                                            // bf16: 1, -3
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f,                                                    // f64: 1.5
      0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xfc, 0xff, 0xfb, 0xfa, 1  // integers
  };
  const std::vector<std::byte> bytes = make_file(
      R"({"f16":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"bf16":{"dtype":"BF16","shape":[2],"data_offsets":[6,10]},)"
      R"("f64":{"dtype":"F64","shape":[1],"data_offsets":[10,18]},"i64":{"dtype":"I64","shape":[],"data_offsets":[18,26]},)"
      R"("i32":{"dtype":"I32","shape":[1],"data_offsets":[26,30]},"i16":{"dtype":"I16","shape":[1],"data_offsets":[30,32]},)"
      R"("i8":{"dtype":"I8","shape":[1],"data_offsets":[32,33]},"u8":{"dtype":"U8","shape":[1],"data_offsets":[33,34]},)"
      R"("bool":{"dtype":"BOOL","shape":[1],"data_offsets":[34,35]}})",
      std::as_bytes(std::span(data)));
  const safetensors file = safetensors::parse(bytes);
  REQUIRE(file.floats("f16") == std::vector<float>{1.0f, -2.0f, 0x1p-24f});
  REQUIRE(file.floats("bf16") == std::vector<float>{1.0f, -3.0f});
  REQUIRE(file.floats("f64") == std::vector<float>{1.5f});
  REQUIRE(file.integers("i64") == std::vector<std::int64_t>{-2});
  REQUIRE(file.integers("i32") == std::vector<std::int64_t>{-3});
  REQUIRE(file.integers("i16") == std::vector<std::int64_t>{-4});
  REQUIRE(file.integers("i8") == std::vector<std::int64_t>{-5});
  REQUIRE(file.integers("u8") == std::vector<std::int64_t>{250});
  REQUIRE(file.integers("bool") == std::vector<std::int64_t>{1});
}

TEST_CASE("the recorded checkpoints are read whole", "[io]") {
  const std::filesystem::path goldens = HEDDLE_TEST_GOLDENS;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(goldens)) {
    if (entry.path().extension() != ".safetensors") continue;
    ++files;
    const safetensors mapped{entry.path().string()};
    const safetensors copied(entry.path().string(), heddle::io::read_whole);
    REQUIRE(mapped.size() == copied.size());
    for (std::size_t i = 0; i < mapped.size(); ++i) {
      REQUIRE(mapped.find(mapped[i].name) == &mapped[i]);
      REQUIRE(std::ranges::equal(mapped.bytes(mapped[i]), copied.bytes(copied[i])));
    }
  }
  REQUIRE(files > 0);
}

#if HEDDLE_HAS_EXCEPTIONS
using heddle::test::message_of;

TEST_CASE("what cannot be opened is refused with the reason", "[io]") {
  const temporary_file nowhere("nowhere.safetensors");
  const std::string path = nowhere.path();
  REQUIRE(message_of<heddle::file_error>([&] { safetensors{path}; }) == path + ": cannot be opened: No such file or directory");
  REQUIRE(message_of<heddle::file_error>([&] { safetensors(path, heddle::io::read_whole); }) ==
          path + ": cannot be opened: No such file or directory");
  std::filesystem::create_directory(path);
  REQUIRE(message_of<heddle::file_error>([&] { safetensors{path}; }) == path + ": is not a regular file");
}

TEST_CASE("bad files are refused whole, mapped, read and in memory", "[io]") {
  std::vector<std::byte> bytes = small_file();
  bytes.resize(bytes.size() - 9);
  const temporary_file truncated("truncated.safetensors", bytes);
  const std::string problems =
      ": refused for 2 problems"
      "\n  tensor \"weight\": data_offsets [0, 16] end outside the 15 bytes of data"
      "\n  tensor \"bias\": data_offsets [16, 24] end outside the 15 bytes of data";
  REQUIRE(message_of<heddle::file_error>([&] { safetensors{truncated.path()}; }) == truncated.path() + problems);
  REQUIRE(message_of<heddle::file_error>([&] { safetensors(truncated.path(), heddle::io::read_whole); }) ==
          truncated.path() + problems);
  REQUIRE(message_of<heddle::file_error>([&] { safetensors::parse(bytes); }) == "safetensors in memory" + problems);

  const temporary_file empty("empty.safetensors", {});
  const std::string none = empty.path() + ": refused for 1 problem\n  the file has 0 bytes, a header length alone takes 8";
  REQUIRE(message_of<heddle::file_error>([&] { safetensors{empty.path()}; }) == none);
  REQUIRE(message_of<heddle::file_error>([&] { safetensors(empty.path(), heddle::io::read_whole); }) == none);
}

TEST_CASE("asking for what a file does not have", "[io]") {
  const std::vector<std::byte> bytes = make_file(
      R"({"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"i":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}})",
      std::size_t{8});
  const safetensors file = safetensors::parse(bytes);
  REQUIRE(message_of<heddle::weight_error>([&] { static_cast<void>(file.floats("g")); }) ==
          "safetensors in memory: no tensor \"g\"");
  REQUIRE(message_of<heddle::weight_error>([&] { static_cast<void>(file.floats("i")); }) ==
          "safetensors in memory: tensor \"i\" holds I32, expected floating-point numbers");
  REQUIRE(message_of<heddle::weight_error>([&] { static_cast<void>(file.integers("f")); }) ==
          "safetensors in memory: tensor \"f\" holds F32, expected integers");
}
#endif
