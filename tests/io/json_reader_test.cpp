#include <heddle/io/json_reader.hpp>

#include "tests/support/catch.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using heddle::io::detail::json_reader;

namespace {

std::string read_string(std::string_view text) {
  json_reader json(text);
  std::string value;
  return json.string(value) && json.end() ? value : "error: " + json.error();
}

std::string read_integer(std::string_view text) {
  json_reader json(text);
  std::uint64_t value = 0;
  return json.integer(value) && json.end() ? std::to_string(value) : "error: " + json.error();
}

/// Members of an object of integers as "key=value,".
std::string read_object(std::string_view text) {
  json_reader json(text);
  std::string all;
  const bool ok = json.object([&](const std::string& key) {
    std::uint64_t value = 0;
    if (!json.integer(value)) return false;
    all += key + "=" + std::to_string(value) + ",";
    return true;
  });
  return ok && json.end() ? all : "error: " + json.error();
}

}  // namespace

TEST_CASE("strings with escapes", "[io]") {
  REQUIRE(read_string(R"("")").empty());
  REQUIRE(read_string(R"("a.b")") == "a.b");
  REQUIRE(read_string(R"(  "\"\\\/\b\f\n\r\t"  )") == "\"\\/\b\f\n\r\t");
  REQUIRE(read_string(R"("\u0041\u00e9\u20AC")") == "A\xc3\xa9\xe2\x82\xac");
  REQUIRE(read_string(R"("\ud83d\ude00")") == "\xf0\x9f\x98\x80");
  REQUIRE(read_string("\"\xf0\x9f\x98\x80\"") == "\xf0\x9f\x98\x80");
  REQUIRE(read_string(R"("\u0000")") == std::string(1, '\0'));
}

TEST_CASE("strings that are refused", "[io]") {
  REQUIRE(read_string("\"abc") == "error: byte 4: string without an end");
  REQUIRE(read_string("\"abc\\") == "error: byte 4: string without an end");
  REQUIRE(read_string("abc") == "error: byte 0: expected a string");
  REQUIRE(read_string("\"a\nb\"") == "error: byte 2: control character in a string");
  REQUIRE(read_string(R"("\x41")") == "error: byte 1: unknown escape in a string");
  REQUIRE(read_string(R"("\u00g0")") == "error: byte 1: \\u needs four hexadecimal digits");
  REQUIRE(read_string(R"("\u00)") == "error: byte 1: \\u needs four hexadecimal digits");
  REQUIRE(read_string(R"("\ud83d")") == "error: byte 7: half of a surrogate pair");
  REQUIRE(read_string(R"("\ude00")") == "error: byte 7: half of a surrogate pair");
  REQUIRE(read_string(R"("\ud83d\u0041")") == "error: byte 13: half of a surrogate pair");
  REQUIRE(read_string("\"\x80\"") == "error: byte 1: malformed UTF-8 in a string");
  REQUIRE(read_string("\"\xc0\xaf\"") == "error: byte 1: malformed UTF-8 in a string");          // overlong
  REQUIRE(read_string("\"\xe0\x80\xaf\"") == "error: byte 1: malformed UTF-8 in a string");      // overlong
  REQUIRE(read_string("\"\xed\xa0\x80\"") == "error: byte 1: malformed UTF-8 in a string");      // a surrogate
  REQUIRE(read_string("\"\xf4\x90\x80\x80\"") == "error: byte 1: malformed UTF-8 in a string");  // above U+10FFFF
  REQUIRE(read_string("\"\xe2\x82\"") == "error: byte 1: malformed UTF-8 in a string");
  REQUIRE(read_string("\"a\" b") == "error: byte 4: text after the header");
}

TEST_CASE("integers", "[io]") {
  REQUIRE(read_integer("0") == "0");
  REQUIRE(read_integer(" 197 ") == "197");
  REQUIRE(read_integer("18446744073709551615") == "18446744073709551615");
  REQUIRE(read_integer("18446744073709551616") == "error: byte 19: number beyond 64 bits");
  REQUIRE(read_integer("99999999999999999999999") == "error: byte 19: number beyond 64 bits");
  REQUIRE(read_integer("-1") == "error: byte 0: expected an unsigned integer");
  REQUIRE(read_integer("+1") == "error: byte 0: expected an unsigned integer");
  REQUIRE(read_integer("NaN") == "error: byte 0: expected an unsigned integer");
  REQUIRE(read_integer("") == "error: byte 0: expected an unsigned integer");
  REQUIRE(read_integer("01") == "error: byte 0: number with a leading zero");
  REQUIRE(read_integer("1.0") == "error: byte 1: expected an unsigned integer, got a fraction");
  REQUIRE(read_integer("1e3") == "error: byte 1: expected an unsigned integer, got a fraction");
}

TEST_CASE("objects and arrays", "[io]") {
  REQUIRE(read_object("{}").empty());
  REQUIRE(read_object(" { \"a\" : 1 , \"b\" : 2 } ") == "a=1,b=2,");
  REQUIRE(read_object("{\"a\":1,}") == "error: byte 7: expected a string");
  REQUIRE(read_object("{\"a\" 1}") == "error: byte 5: expected ':' after a key");
  REQUIRE(read_object("{\"a\":1 \"b\":2}") == "error: byte 7: expected ',' or '}'");
  REQUIRE(read_object("{\"a\":1") == "error: byte 6: expected ',' or '}'");
  REQUIRE(read_object("[]") == "error: byte 0: expected an object");
  REQUIRE(read_object("{{{{") == "error: byte 1: expected a string");

  json_reader json("[1, 2,3 ]");
  std::vector<std::uint64_t> values;
  const auto element = [&] {
    values.emplace_back();
    return json.integer(values.back());
  };
  REQUIRE(json.array(element));
  REQUIRE(values == std::vector<std::uint64_t>{1, 2, 3});
  for (const auto& [text, error] :
       {std::pair{"[1,]", "byte 3: expected an unsigned integer"}, std::pair{"[1", "byte 2: expected ',' or ']'"},
        std::pair{"1", "byte 0: expected an array"}}) {
    json = json_reader(text);
    REQUIRE_FALSE(json.array(element));
    REQUIRE(json.error() == error);
  }
}

TEST_CASE("the first mistake is the one that is reported", "[io]") {
  json_reader json("{");
  std::string value;
  REQUIRE_FALSE(json.string(value));
  REQUIRE_FALSE(json.fail("later"));
  REQUIRE(json.failed());
  REQUIRE(json.error() == "byte 0: expected a string");
}
