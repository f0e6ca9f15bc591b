#include <heddle/core/workspace.hpp>

#include "tests/support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

using heddle::arena;
using heddle::memory_alignment;
using heddle::scratch_bytes;
using heddle::workspace;

static_assert(scratch_bytes<float>(1) == 64 && scratch_bytes<float>(16) == 64 && scratch_bytes<float>(17) == 128 &&
              scratch_bytes<char>(0) == 0);

TEST_CASE("an arena hands out aligned parts one after the other", "[core]") {
  const workspace memory(256);
  arena scratch = memory.scratch();
  REQUIRE(scratch.remaining() == 256);
  float* first = scratch.take<float>(3);
  double* second = scratch.take<double>(8);
  REQUIRE(reinterpret_cast<std::uintptr_t>(first) % memory_alignment == 0);
  REQUIRE(reinterpret_cast<std::byte*>(second) - reinterpret_cast<std::byte*>(first) == 64);
  REQUIRE(scratch.remaining() == 128);
}

TEST_CASE("what a copy of an arena takes is free again without it", "[core]") {
  const workspace memory(128);
  arena scratch = memory.scratch();
  float* inner = nullptr;
  {
    arena copy = scratch;
    inner = copy.take<float>(32);
    REQUIRE(copy.remaining() == 0);
  }
  REQUIRE(scratch.remaining() == 128);
  REQUIRE(scratch.take<float>(1) == inner);
}

TEST_CASE("parts for workers do not overlap", "[core]") {
  const workspace memory(256);
  arena scratch = memory.scratch();
  arena first = scratch.split(100);
  arena second = scratch.split(100);
  REQUIRE(first.remaining() == 128);
  REQUIRE(second.take<std::byte>(1) - first.take<std::byte>(1) == 128);
  REQUIRE(scratch.remaining() == 0);
}

TEST_CASE("a workspace that is too small is refused before anything is taken", "[core]") {
  const workspace memory(128);
  arena scratch = memory.scratch();
  REQUIRE_THROWS_WITH(scratch.take<float>(33),
                      "workspace: 192 bytes are needed, 128 are left; ask workspace_bytes for the size");
  REQUIRE_THROWS_AS(scratch.take<float>(33), heddle::workspace_error);
  REQUIRE(scratch.remaining() == 128);
  arena none;
  REQUIRE_THROWS_AS(none.take<float>(1), heddle::workspace_error);
  REQUIRE(workspace(0).scratch().remaining() == 0);
}

TEST_CASE("memory of the caller must be aligned", "[core]") {
  const workspace memory(128);
  std::byte* start = memory.scratch().take<std::byte>(1);
  REQUIRE(arena(std::span(start, 128)).remaining() == 128);
  REQUIRE_THROWS_WITH(arena(std::span(start + 4, 64)), "workspace: the memory must be aligned to 64 bytes");
}
