#include <heddle/io/file_bytes.hpp>

#include "tests/io/files.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

using heddle::test::temporary_file;

TEST_CASE("mapped and read bytes are the file's, and outlive its name", "[io]") {
  std::vector<std::byte> content(10'000);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i % 251);
  heddle::io::detail::shared_bytes mapped, read;
  {
    const temporary_file file("bytes", content);
    mapped = heddle::io::detail::map_file(file.path());
    read = heddle::io::detail::read_file(file.path());
  }
  REQUIRE(std::ranges::equal(mapped.bytes, content));
  REQUIRE(std::ranges::equal(read.bytes, content));
  REQUIRE(reinterpret_cast<std::uintptr_t>(mapped.bytes.data()) % heddle::memory_alignment == 0);
  REQUIRE(reinterpret_cast<std::uintptr_t>(read.bytes.data()) % heddle::memory_alignment == 0);
}

TEST_CASE("an empty file has no bytes", "[io]") {
  const temporary_file file("empty", {});
  REQUIRE(heddle::io::detail::map_file(file.path()).bytes.empty());
  REQUIRE(heddle::io::detail::read_file(file.path()).bytes.empty());
}

TEST_CASE("what is no file is refused", "[io]") {
  const temporary_file file("absent");
  REQUIRE_THROWS_AS(heddle::io::detail::map_file(file.path()), heddle::file_error);
  REQUIRE_THROWS_AS(heddle::io::detail::read_file(file.path()), heddle::file_error);
}
