#include "../../../examples/common/atomic_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "../../../examples/common/png_writer.hpp"
#include "../../support/catch.hpp"
#include "picture_files.hpp"

using namespace examples_test;
using Catch::Matchers::Contains;
using examples::atomic_file;
using examples::user_error;
using names = std::vector<std::string>;

TEST_CASE("nothing is there before commit and all of it after") {
  const scratch_folder folder;
  atomic_file file(folder / "a");
  std::fputs("whole", file.stream());
  CHECK(::access((folder / "a").c_str(), F_OK) != 0);
  file.commit();
  CHECK(folder.entries() == names{"a"});
  CHECK(read_bytes(folder / "a") == std::vector<std::uint8_t>{'w', 'h', 'o', 'l', 'e'});
}

TEST_CASE("an abandoned file leaves the older one as it was") {
  const scratch_folder folder;
  write_bytes(folder / "a", {'o', 'l', 'd'});
  {
    atomic_file file(folder / "a");
    std::fputs("new", file.stream());
  }
  CHECK(folder.entries() == names{"a"});
  CHECK(read_bytes(folder / "a") == std::vector<std::uint8_t>{'o', 'l', 'd'});
}

TEST_CASE("a replaced file keeps its permissions, and a link stays a link") {
  const scratch_folder folder;
  write_bytes(folder / "a", {'o', 'l', 'd'});
  ::chmod((folder / "a").c_str(), 0640);
  REQUIRE(::symlink("a", (folder / "link").c_str()) == 0);
  atomic_file file(folder / "link");
  std::fputs("new", file.stream());
  file.commit();
  struct stat status{};
  REQUIRE(::lstat((folder / "link").c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  REQUIRE(::stat((folder / "a").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640U);
  CHECK(read_bytes(folder / "a") == std::vector<std::uint8_t>{'n', 'e', 'w'});
}

TEST_CASE("a link to what does not exist yet stays a link too") {
  const scratch_folder folder;
  REQUIRE(::symlink("later", (folder / "link").c_str()) == 0);
  REQUIRE(::symlink((folder / "link").c_str(), (folder / "far").c_str()) == 0);
  atomic_file file(folder / "far");
  std::fputs("new", file.stream());
  file.commit();
  CHECK(folder.entries().size() == 3);
  CHECK(read_bytes(folder / "later") == std::vector<std::uint8_t>{'n', 'e', 'w'});
  REQUIRE(::symlink("circle", (folder / "circle").c_str()) == 0);
  CHECK_THROWS_WITH(atomic_file(folder / "circle"), Contains("Too many levels"));
}

TEST_CASE("targets that cannot be written are refused at once") {
  const scratch_folder folder;
  write_bytes(folder / "file", {});
  CHECK_THROWS_WITH(atomic_file(folder / "missing/a"), Contains("cannot write") && Contains("No such file"));
  CHECK_THROWS_WITH(atomic_file(folder / "file/a"), Contains("Not a directory"));
  CHECK_THROWS_WITH(atomic_file(folder.path()), Contains("not a regular file"));
  CHECK_THROWS_WITH(atomic_file("/dev/null"), Contains("not a regular file"));
}

TEST_CASE("a PNG that was not finished is not there") {
  const scratch_folder folder;
  {
    examples::png_writer writer(folder / "a.png", 2, 3, 3);
    const std::uint8_t row[9] = {};
    writer.write_row(row);
  }
  CHECK(folder.entries().empty());
}
