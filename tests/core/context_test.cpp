#include <heddle/core/context.hpp>

#include <heddle/backend/tags.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <cstddef>
#include <type_traits>

using heddle::context;
using heddle::workspace;

namespace {

/// A backend that claims three workers and runs in one thread: what the workers get can be looked at.
struct three_workers {
  using serial_type = heddle::reference;
  static constexpr std::size_t concurrency() { return 3; }
  static constexpr serial_type as_serial() { return {}; }
  template <class F>
  void parallel_for(std::size_t count, F&& f) const {
    for (std::size_t i = 0; i < count; ++i) f(i, i % 3);
  }
};

}  // namespace

static_assert(heddle::backend<heddle::reference> && heddle::backend<heddle::simd> && heddle::backend<three_workers>);
static_assert(heddle::executor<heddle::serial> && heddle::executor<heddle::reference>);
static_assert(std::is_same_v<heddle::simd::serial_type, heddle::simd>);

TEST_CASE("workers of a context have scratch of their own", "[core]") {
  const std::size_t bytes = heddle::for_each_bytes(three_workers{}, 100);
  REQUIRE(bytes == 3 * 128);
  const workspace memory(bytes);
  context<three_workers> ctx{{}, memory.scratch()};
  std::array<std::byte*, 6> start{};
  ctx.for_each(6, 100, [&](auto inner, std::size_t i) {
    static_assert(std::is_same_v<decltype(inner), context<heddle::reference>>);
    start[i] = inner.scratch.template take<std::byte>(100);
  });
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(start[i] == start[0] + 128 * i);
    REQUIRE(start[i + 3] == start[i]);
  }
  REQUIRE(ctx.scratch.remaining() == bytes);
  const workspace too_little(bytes - 64);
  context<three_workers> small{{}, too_little.scratch()};
  REQUIRE_THROWS_AS(small.for_each(6, 100, [](auto, std::size_t) {}), heddle::workspace_error);
}
