// Every way in which a header can be wrong, and what the report says about it.
#include <heddle/io/safetensors_header.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using heddle::dtype;
using heddle::io::detail::parse_header;
using heddle::test::make_file;

namespace {

/// The report about a header in front of some bytes of data: one indented line per problem, empty for a sound file.
std::string report(std::string_view header, std::size_t data_bytes = 0) {
  return parse_header(make_file(header, data_bytes)).problems.text();
}

std::string tensor(std::string_view dtype_name, std::string_view shape, std::string_view offsets) {
  return "{\"dtype\":\"" + std::string(dtype_name) + "\",\"shape\":" + std::string(shape) +
         ",\"data_offsets\":" + std::string(offsets) + "}";
}
std::string one(std::string_view dtype_name, std::string_view shape, std::string_view offsets) {
  return "{\"a\":" + tensor(dtype_name, shape, offsets) + "}";
}

}  // namespace

TEST_CASE("a sound header", "[io]") {
  const auto header = parse_header(make_file("{\"__metadata__\":{\"format\":\"pt\"},\"b\":" + tensor("F16", "[2,3]", "[0,12]") +
                                                 ",\"a.weight\":" + tensor("I64", "[]", "[12,20]") +
                                                 ",\"none\":" + tensor("F32", "[0,7]", "[20,20]") + "}   ",
                                             20));
  REQUIRE(header.problems.text().empty());
  REQUIRE(header.tensors.size() == 3);
  REQUIRE(header.tensors[0].name == "b");
  REQUIRE(header.tensors[0].type == dtype::f16);
  REQUIRE(header.tensors[0].shape == std::vector<std::size_t>{2, 3});
  REQUIRE(header.tensors[0].size() == 6);
  REQUIRE(header.tensors[1].shape.empty());
  REQUIRE(header.tensors[1].begin == 12);
  REQUIRE(header.tensors[1].size() == 1);
  REQUIRE(header.tensors[2].size() == 0);
  REQUIRE(header.metadata == heddle::io::metadata_list{{"format", "pt"}});
  REQUIRE(report("{}").empty());
}

TEST_CASE("white space between all parts", "[io]") {
  REQUIRE(report("{ \"__metadata__\" : { } ,\n\t\"a\" : { \"dtype\" : \"F32\" , \"shape\" : [ 1 ] , \"data_offsets\" : [ 0 , 4 "
                 "] } } \n",
                 4)
              .empty());
}

TEST_CASE("order of tensors and of fields is free", "[io]") {
  REQUIRE(
      report("{\"a\":" + tensor("F32", "[1]", "[4,8]") + ",\"b\":{\"data_offsets\":[0,4],\"shape\":[1],\"dtype\":\"F32\"}}", 8)
          .empty());
}

TEST_CASE("all types of the library, by their names in files", "[io]") {
  for (const dtype type : {dtype::f32, dtype::f16, dtype::bf16, dtype::f64, dtype::i64, dtype::i32, dtype::i16, dtype::i8,
                           dtype::u8, dtype::boolean}) {
    const std::size_t bytes = 6 * heddle::size_of(type);
    REQUIRE(report(one(heddle::io::name_of(type), "[2,3]", "[0," + std::to_string(bytes) + "]"), bytes).empty());
  }
}

TEST_CASE("files too short for what they say", "[io]") {
  REQUIRE(parse_header({}).problems.text() == "\n  the file has 0 bytes, a header length alone takes 8");
  const std::vector<std::byte> one_byte(1);
  REQUIRE(parse_header(one_byte).problems.text() == "\n  the file has 1 byte, a header length alone takes 8");
  const std::vector<std::byte> zeros(8);
  REQUIRE(parse_header(zeros).problems.text() == "\n  header: byte 0: expected '{' at the start");

  std::vector<std::byte> file = make_file(one("F32", "[16]", "[0,64]"), 64);
  const std::size_t header_end = file.size() - 64;
  REQUIRE(parse_header(file).problems.empty());
  file.pop_back();
  REQUIRE(parse_header(file).problems.text() == "\n  tensor \"a\": data_offsets [0, 64] end outside the 63 bytes of data");
  file.resize(header_end - 1);
  REQUIRE(parse_header(file).problems.text() == "\n  header length 56 is beyond the end of the file, which has 63 bytes");
  for (std::size_t size = 0; size < header_end + 64; ++size) {  // truncated anywhere
    std::vector<std::byte> cut = make_file(one("F32", "[16]", "[0,64]"), 64);
    cut.resize(size);
    REQUIRE_FALSE(parse_header(cut).problems.empty());
  }
}

TEST_CASE("huge header lengths", "[io]") {
  std::vector<std::byte> file(8, std::byte{0xff});
  REQUIRE(parse_header(file).problems.text() ==
          "\n  header length 18446744073709551615 is above the format's limit of 100000000");
  file = {std::byte{0x01}, std::byte{0xe1}, std::byte{0xf5}, std::byte{0x05},
          std::byte{0},    std::byte{0},    std::byte{0},    std::byte{0}};
  REQUIRE(parse_header(file).problems.text() == "\n  header length 100000001 is above the format's limit of 100000000");
  file[0] = std::byte{0x00};
  REQUIRE(parse_header(file).problems.text() == "\n  header length 100000000 is beyond the end of the file, which has 8 bytes");
}

TEST_CASE("offsets that lie", "[io]") {
  REQUIRE(report(one("F32", "[16]", "[0,64]"), 32) ==
          "\n  tensor \"a\": data_offsets [0, 64] end outside the 32 bytes of data");
  REQUIRE(report(one("F32", "[16]", "[64,0]"), 64) == "\n  tensor \"a\": data_offsets [64, 0] end before they begin");
  REQUIRE(report(one("F32", "[16]", "[0,60]"), 60) ==
          "\n  tensor \"a\": shape [16] of F32 takes 64 bytes, data_offsets [0, 60] hold 60");
  REQUIRE(
      report(one("F32", "[16]", "[18446744073709551552,18446744073709551615]"), 64) ==
      "\n  tensor \"a\": data_offsets [18446744073709551552, 18446744073709551615] end outside the 64 bytes of data"
      "\n  tensor \"a\": shape [16] of F32 takes 64 bytes, data_offsets [18446744073709551552, 18446744073709551615] hold 63");
  REQUIRE(report(one("F32", "[1]", "[0]"), 4) == "\n  tensor \"a\": data_offsets must be two numbers");
  REQUIRE(report(one("F32", "[1]", "[0,4,8]"), 4) == "\n  header: byte 53: more than 2 numbers");
}

TEST_CASE("overlaps and holes", "[io]") {
  const auto two = [](std::string_view first, std::string_view second) {
    return "{\"a\":" + tensor("F32", "[2]", first) + ",\"b\":" + tensor("F32", "[2]", second) + "}";
  };
  REQUIRE(report(two("[0,8]", "[8,16]"), 16).empty());
  REQUIRE(report(two("[0,8]", "[4,12]"), 12) == "\n  tensor \"b\": its bytes [4, 12] overlap those of tensor \"a\"");
  REQUIRE(report(two("[0,8]", "[0,8]"), 8) == "\n  tensor \"b\": its bytes [0, 8] overlap those of tensor \"a\"");
  REQUIRE(report(two("[0,8]", "[12,20]"), 20) == "\n  tensor \"b\": the bytes [8, 12] before it belong to no tensor");
  REQUIRE(report(two("[4,12]", "[12,20]"), 20) == "\n  tensor \"a\": the bytes [0, 4] before it belong to no tensor");
  REQUIRE(report(two("[0,8]", "[8,16]"), 24) == "\n  the bytes [16, 24] at the end belong to no tensor");
  REQUIRE(report("{}", 1) == "\n  the bytes [0, 1] at the end belong to no tensor");
}

TEST_CASE("shapes beyond memory", "[io]") {
  REQUIRE(report(one("F32", "[4294967296,4294967296]", "[0,0]")) ==
          "\n  tensor \"a\": shape [4294967296, 4294967296] has more elements than memory can hold");
  REQUIRE(report(one("F64", "[4611686018427387904]", "[0,0]")) ==
          "\n  tensor \"a\": shape [4611686018427387904] has more elements than memory can hold");
  std::string deep = "[1";
  for (int i = 0; i < 40; ++i) deep += ",1";
  REQUIRE(report(one("F32", deep + "]", "[0,4]"), 4) == "\n  header: byte 94: more than 32 numbers");
}

TEST_CASE("types that are not stored", "[io]") {
  REQUIRE(report(one("C64", "[4]", "[0,4]"), 4) == "\n  tensor \"a\": dtype \"C64\" is not supported");
  REQUIRE(report(one("f32", "[1]", "[0,4]"), 4) == "\n  tensor \"a\": dtype \"f32\" is not supported");
  REQUIRE(report(one("", "[1]", "[0,4]"), 4) == "\n  tensor \"a\": dtype \"\" is not supported");
}

TEST_CASE("names that occur twice", "[io]") {
  REQUIRE(report("{\"a\":" + tensor("F32", "[1]", "[0,4]") + ",\"a\":" + tensor("F32", "[1]", "[4,8]") + "}", 8) ==
          "\n  tensor \"a\": the name occurs twice");
  REQUIRE(report("{\"a\":" + tensor("F32", "[1]", "[0,4]") + ",\"\\u0061\":" + tensor("F32", "[1]", "[4,8]") + "}", 8) ==
          "\n  tensor \"a\": the name occurs twice");
  REQUIRE(report(R"({"__metadata__":{"k":"1","k":"2"}})") == "\n  __metadata__: the key \"k\" occurs twice");
  REQUIRE(report(R"({"__metadata__":{},"__metadata__":{}})") == "\n  header: byte 34: a second __metadata__");
  REQUIRE(report(R"({"a":{"dtype":"F32","dtype":"F32"}})") == "\n  header: byte 28: a second dtype");
}

TEST_CASE("headers that are no header", "[io]") {
  REQUIRE(report("") == "\n  header: byte 0: expected '{' at the start");
  REQUIRE(report(" {}") == "\n  header: byte 0: expected '{' at the start");
  REQUIRE(report("{") == "\n  header: byte 1: expected a string");
  REQUIRE(report("{}{}") == "\n  header: byte 2: text after the header");
  REQUIRE(report("[1]") == "\n  header: byte 0: expected '{' at the start");
  REQUIRE(report("NaN") == "\n  header: byte 0: expected '{' at the start");
  REQUIRE(report(R"({"a":NaN})") == "\n  header: byte 5: expected an object");
  REQUIRE(report(R"({"a":null})") == "\n  header: byte 5: expected an object");
  REQUIRE(report(R"({"a":{"dtype":NaN}})") == "\n  header: byte 14: expected a string");
  REQUIRE(report(R"({"a":{"shape":[NaN]}})") == "\n  header: byte 15: expected an unsigned integer");
  REQUIRE(report(R"({"a":{"shape":[-1]}})") == "\n  header: byte 15: expected an unsigned integer");
  REQUIRE(report(R"({"a":{"shape":[1.5]}})") == "\n  header: byte 16: expected an unsigned integer, got a fraction");
  REQUIRE(report(R"({"a":{"data_offsets":[0,Infinity]}})") == "\n  header: byte 24: expected an unsigned integer");
  REQUIRE(report(R"({"a":{"strides":[1]}})") == "\n  header: byte 16: expected dtype, shape or data_offsets, got \"strides\"");
  REQUIRE(report(R"({"a":{}})") == "\n  tensor \"a\": no dtype");
  REQUIRE(report(R"({"a":{"dtype":"F32"}})") == "\n  tensor \"a\": no shape");
  REQUIRE(report(R"({"a":{"dtype":"F32","shape":[]}})") == "\n  tensor \"a\": data_offsets must be two numbers");
  REQUIRE(report(R"({"__metadata__":{"k":1}})") == "\n  header: byte 21: expected a string");
  REQUIRE(report("{\"\xff\":{}}") == "\n  header: byte 2: malformed UTF-8 in a string");
  REQUIRE(report(std::string(100'000, '{')) == "\n  header: byte 1: expected a string");
}

TEST_CASE("one report lists everything, and does not grow with the file", "[io]") {
  REQUIRE(report("{\"a\":" + tensor("F8", "[1]", "[0,1]") + ",\"b\":" + tensor("F32", "[1]", "[9,5]") +
                     ",\"c\":" + tensor("F32", "[9]", "[0,4]") + "}",
                 4) ==
          "\n  tensor \"a\": dtype \"F8\" is not supported"
          "\n  tensor \"b\": data_offsets [9, 5] end before they begin"
          "\n  tensor \"b\": data_offsets [9, 5] end outside the 4 bytes of data"
          "\n  tensor \"c\": shape [9] of F32 takes 36 bytes, data_offsets [0, 4] hold 4");
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":" + tensor("F9", "[1]", "[0,1]");
  const auto header = parse_header(make_file(many + "}", 1));
  REQUIRE(header.problems.size() == 1000);
  const std::string text = header.problems.text();
  REQUIRE(text.substr(text.size() - 15) == "\n  and 900 more");
  REQUIRE(text.size() < 10'000);
}

TEST_CASE("names in reports are fit for a terminal", "[io]") {
  REQUIRE(report(R"({"\u001b[2J\n":{}})") == "\n  tensor \"\\x1b[2J\\x0a\": no dtype");
  const std::string text = report("{\"" + std::string(5000, 'x') + "\":{}}");
  REQUIRE(text == "\n  tensor \"" + std::string(200, 'x') + "...\": no dtype");
}
