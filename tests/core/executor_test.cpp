#include <heddle/core/executor.hpp>

#include "tests/support/catch.hpp"

#include <cstddef>
#include <vector>

namespace {

/// Runs every index once on a valid worker, none of them twice at a time.
template <class Executor>
void check(const Executor& executor) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{100}}) {
    std::vector<int> calls(count);
    std::vector<char> valid(count);
    executor.parallel_for(count, [&](std::size_t index, std::size_t worker) {
      ++calls[index];
      valid[index] = worker < executor.concurrency();
    });
    REQUIRE(calls == std::vector<int>(count, 1));
    REQUIRE(valid == std::vector<char>(count, 1));
  }
}

}  // namespace

TEST_CASE("serial runs everything here", "[core]") { check(heddle::serial{}); }

#if defined(_OPENMP)
TEST_CASE("openmp runs every index once", "[core]") {
  check(heddle::openmp{});
  check(heddle::openmp{3});
  REQUIRE(heddle::openmp{0}.concurrency() == 1);
}
#endif
