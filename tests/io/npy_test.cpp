#include <heddle/io/npy.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using heddle::dyn;
using heddle::extents;
using heddle::io::npy;
using heddle::test::temporary_file;

namespace {

/// A file of version 1 around a dictionary.
std::vector<std::byte> file_of(std::string_view dictionary, std::size_t data_bytes) {
  std::vector<std::byte> bytes;
  const std::string start = std::string("\x93NUMPY\x01") + '\0' + static_cast<char>(dictionary.size()) + '\0';
  heddle::test::append(bytes, start.data(), start.size());
  heddle::test::append(bytes, dictionary.data(), dictionary.size());
  bytes.resize(bytes.size() + data_bytes);
  return bytes;
}

std::string problem(std::string_view dictionary, std::size_t data_bytes = 0) {
  return heddle::io::detail::parse_npy(file_of(dictionary, data_bytes)).problem;
}

}  // namespace

TEST_CASE("an array as NumPy writes it", "[io]") {
  const std::vector<std::byte> bytes = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }      \n", 48);
  const npy a = npy::parse(bytes);
  REQUIRE(a.size() == 12);
  REQUIRE(a.type() == heddle::dtype::f32);
  REQUIRE(a.shape() == std::vector<std::size_t>{3, 4});
  REQUIRE(problem("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", 1).empty());
  REQUIRE(problem("{'shape': (5,), 'fortran_order': False, 'descr': '<i2'}", 10).empty());
  REQUIRE(problem("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 7), }").empty());
}

TEST_CASE("arrays are written and read", "[io]") {
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> counts{-1, 1LL << 40};
  const temporary_file target("array.npy");
  heddle::io::write_npy(target.path(),
                        heddle::view<const float, extents<dyn, 3>>(numbers.data(), extents<dyn, 3>(std::size_t{2})));
  REQUIRE(npy{target.path()}.floats() == numbers);
  REQUIRE(npy(target.path(), heddle::io::read_whole).shape() == std::vector<std::size_t>{2, 3});
  const std::vector<std::byte> bytes = heddle::test::bytes_of_file(target.path());
  REQUIRE(bytes.size() == 128 + 24);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), 128);
  REQUIRE(text.substr(0, 10) == std::string_view("\x93NUMPY\x01\0\x76\0", 10));
  REQUIRE(text.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } "));
  REQUIRE(text.back() == '\n');

  heddle::io::write_npy(target.path(), heddle::view<const std::int64_t, extents<2>>(counts.data(), {}));
  REQUIRE(npy{target.path()}.integers() == counts);
  REQUIRE(npy{target.path()}.shape() == std::vector<std::size_t>{2});
  heddle::io::write_npy(target.path(), heddle::view<const float, extents<>>(numbers.data(), {}));
  REQUIRE(npy{target.path()}.shape().empty());
  REQUIRE(npy{target.path()}.floats() == std::vector<float>{1});
}

TEST_CASE("files that are refused", "[io]") {
  const auto parse = [](std::string_view text) {
    return heddle::io::detail::parse_npy(std::as_bytes(std::span(text))).problem;
  };
  REQUIRE(parse("") == "no .npy file");
  REQUIRE(parse("\x93NUMPZ\x01\0\0\0\0\0\0\0") == "no .npy file");
  REQUIRE(parse(std::string_view("\x93NUMPY\x04\0\0\0\0\0\0\0", 14)) == "version 4 of the format is not supported");
  REQUIRE(parse(std::string_view("\x93NUMPY\x01\0\xff\xff\0\0\0\0", 14)) == "the header is beyond the end of the file");
  REQUIRE(parse(std::string_view("\x93NUMPY\x02\0\xff\xff\xff\xff\0\0", 14)) == "the header is beyond the end of the file");
  REQUIRE(problem("   ") == "header: expected a dictionary");
  REQUIRE(problem("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") == "header: 'descr' is of no supported type");
  REQUIRE(problem("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4) == "header: 'descr' is of no supported type");
  REQUIRE(problem("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 4) == "header: 'fortran_order' must be False");
  REQUIRE(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }") == "header: 'shape' is no tuple of sizes");
  REQUIRE(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }") ==
          "header: 'shape' is no tuple of sizes");
  REQUIRE(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (1 2), }", 8) == "header: 'shape' is no tuple of sizes");
  REQUIRE(problem("{'descr': '<f4', 'descr': '<f4', }") == "header: expected 'descr', 'fortran_order' and 'shape', each once");
  REQUIRE(problem("{'descr': '<f4', }") == "header: expected 'descr', 'fortran_order' and 'shape', each once");
  REQUIRE(problem("{'descr': '<f4' 'fortran_order': False}") == "header: expected ',' or '}'");
  REQUIRE(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", 4) == "header: text after the dictionary");
  REQUIRE(problem("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4) ==
          "shape [2] of F32 takes 8 bytes, the file has 4");
  REQUIRE(problem("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }") ==
          "shape [4294967296, 4294967296] has more elements than memory can hold");
  const std::vector<std::byte> whole = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12);
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE_FALSE(heddle::io::detail::parse_npy(std::span(whole).first(size)).problem.empty());
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("errors of arrays name the file", "[io]") {
  using heddle::test::message_of;
  const temporary_file bad("bad.npy", std::vector<std::byte>(3));
  REQUIRE(message_of<heddle::file_error>([&] { npy{bad.path()}; }) == bad.path() + ": no .npy file");
  const std::vector<std::byte> bytes = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4);
  REQUIRE(message_of<heddle::weight_error>([&] { static_cast<void>(npy::parse(bytes).integers()); }) ==
          "npy in memory: holds F32, expected integers");
  heddle::bfloat16 number(1.0f);
  const std::string path = bad.path() + "2";
  REQUIRE(message_of<heddle::file_error>([&] {
            heddle::io::write_npy(path, heddle::view<heddle::bfloat16, extents<>>(&number, {}));
          }) == path + ": .npy has no type for BF16");
}
#endif
