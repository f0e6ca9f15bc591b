#include <heddle/io/safetensors_writer.hpp>

#include <heddle/core/tensor.hpp>
#include <heddle/io/safetensors.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using heddle::dtype;
using heddle::io::make_entry;
using heddle::io::safetensors;
using heddle::io::tensor_entry;
using heddle::io::write_safetensors;
using heddle::test::bytes_of_file;
using heddle::test::temporary_file;

namespace {

std::size_t files_like(const std::string& path) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path).parent_path()))
    if (entry.path().string().starts_with(path)) ++count;
  return count;
}

}  // namespace

TEST_CASE("what is written is read back", "[io]") {
  const temporary_file target("written.safetensors");
  heddle::tensor<float, heddle::extents<2, 3>> matrix{heddle::extents<2, 3>{}};
  for (std::size_t i = 0; i < 6; ++i) matrix.data()[i] = 0.1f * static_cast<float>(i);
  const std::vector<std::int64_t> counts{-1, 1LL << 40};
  const heddle::view<const std::int64_t, heddle::extents<heddle::dyn>> counts_view(
      counts.data(), heddle::extents<heddle::dyn>(std::size_t{2}));
  const double third = 1.0 / 3.0;
  write_safetensors(
      target.path(),
      {make_entry("z\"\\\n\xc3\xa9", matrix.view()), make_entry("half", matrix.view(), dtype::f16),
       make_entry("counts", counts_view), make_entry("third", heddle::view<const double, heddle::extents<>>(&third, {})),
       tensor_entry{"none", {0, 4}}},
      {{"format", "heddle"}, {"note", "a\tb"}});
  const safetensors file{target.path()};
  REQUIRE(file.size() == 5);
  REQUIRE(file[0].name == "z\"\\\n\xc3\xa9");
  REQUIRE(file[0].shape == std::vector<std::size_t>{2, 3});
  REQUIRE(file.floats(file[0].name) == std::vector<float>(matrix.data(), matrix.data() + 6));
  REQUIRE(file[1].type == dtype::f16);
  for (std::size_t i = 0; i < 6; ++i) REQUIRE(file.floats("half")[i] == float(heddle::half(matrix.data()[i])));
  REQUIRE(file.integers("counts") == counts);
  REQUIRE(file[3].shape.empty());
  REQUIRE(file.floats("third").front() == static_cast<float>(third));
  REQUIRE(file[4].size() == 0);
  REQUIRE(file.metadata() == heddle::io::metadata_list{{"format", "heddle"}, {"note", "a\tb"}});
  REQUIRE(files_like(target.path()) == 1);
}

TEST_CASE("the bytes of a file are defined", "[io]") {
  const temporary_file target("bytes.safetensors");
  const std::vector<float> values{1.0f, -2.0f};
  write_safetensors(target.path(),
                    {tensor_entry{"a", {2}, values.data()}, tensor_entry{"b", {1, 2}, values.data(), dtype::f32, dtype::bf16}});
  const std::vector<std::byte> bytes = bytes_of_file(target.path());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}})";
  REQUIRE(text.substr(0, 8) == std::string_view("\x70\0\0\0\0\0\0\0", 8));
  REQUIRE(text.substr(8, 112) == header + std::string(112 - header.size(), ' '));
  REQUIRE(text.substr(120) == std::string_view("\x00\x00\x80\x3f\x00\x00\x00\xc0\x80\x3f\x00\xc0", 12));
  write_safetensors(target.path(),
                    {tensor_entry{"a", {2}, values.data()}, tensor_entry{"b", {1, 2}, values.data(), dtype::f32, dtype::bf16}});
  REQUIRE(bytes_of_file(target.path()) == bytes);
}

TEST_CASE("large tensors are converted in pieces", "[io]") {
  const temporary_file target("pieces.safetensors");
  std::vector<float> values(10'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  write_safetensors(target.path(), {tensor_entry{"a", {values.size()}, values.data(), dtype::f32, dtype::bf16}});
  const std::vector<float> read = safetensors(target.path(), heddle::io::read_whole).floats("a");
  bool same = read.size() == values.size();
  for (std::size_t i = 0; same && i < values.size(); ++i) same = read[i] == float(heddle::bfloat16(values[i]));
  REQUIRE(same);
}

TEST_CASE("a file is replaced while it is mapped", "[io]") {
  const temporary_file target("replaced.safetensors");
  const std::vector<float> first{1, 2, 3, 4}, second{5};
  write_safetensors(target.path(), {tensor_entry{"a", {4}, first.data()}});
  const safetensors before{target.path()};
  write_safetensors(target.path(), {tensor_entry{"a", {1}, second.data()}});
  REQUIRE(before.floats("a") == first);
  REQUIRE(safetensors{target.path()}.floats("a") == second);
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("what would not be readable is not written", "[io]") {
  using heddle::test::message_of;
  const temporary_file target("refused.safetensors");
  const std::vector<float> values{1, 2};
  const auto refuse = [&](const std::vector<tensor_entry>& entries) {
    return message_of<heddle::file_error>([&] { write_safetensors(target.path(), entries); });
  };
  const std::string start = target.path() + ": not written for ";
  REQUIRE(refuse({tensor_entry{"a", {2}, values.data()}, tensor_entry{"a", {2}, values.data()}}) ==
          start + "1 problem\n  tensor \"a\": the name occurs twice");
  REQUIRE(refuse({tensor_entry{"a", {2}}, tensor_entry{"b", {2}, values.data(), dtype::f32, dtype::i32}}) ==
          start + "2 problems\n  tensor \"a\": no data\n  tensor \"b\": F32 cannot be stored as I32");
  REQUIRE(refuse({tensor_entry{"\xff", {2}, values.data()}}) ==
          start + "1 problem\n  header: byte 2: malformed UTF-8 in a string");
  REQUIRE(refuse({tensor_entry{"__metadata__", {2}, values.data()}}).starts_with(start));
  REQUIRE(files_like(target.path()) == 0);
  const std::string nowhere = target.path() + "/x.safetensors";
  REQUIRE(message_of<heddle::file_error>([&] { write_safetensors(nowhere, std::vector<tensor_entry>{}); }) ==
          nowhere + ": cannot be written: No such file or directory");
}

TEST_CASE("a file that cannot take its name leaves nothing behind", "[io]") {
  const temporary_file target("folder");
  std::filesystem::create_directories(target.path() + "/inside");
  REQUIRE_THROWS_AS(write_safetensors(target.path(), std::vector<tensor_entry>{}), heddle::file_error);
  REQUIRE(files_like(target.path()) == 1);
}
#endif
