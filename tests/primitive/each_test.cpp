// `each` on the host: every number once, whoever runs the parts.
#include <heddle/backend/tags.hpp>
#include <heddle/primitive/each.hpp>

#include <vector>

#include "tests/support/catch.hpp"

using namespace heddle;

namespace {

struct count_one {
  int* calls;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { ++calls[i]; }
};

/// Runs parts backwards, and counts them.
struct backwards {
  std::size_t* parts;
  using serial_type = reference;
  static constexpr reference as_serial() noexcept { return {}; }
  static constexpr std::size_t concurrency() noexcept { return 2; }
  template <class F>
  void parallel_for(std::size_t count, F&& f) const {
    *parts = count;
    for (std::size_t i = count; i-- > 0;) f(i, i % 2);
  }
};

}  // namespace

TEST_CASE("each: every number below the count is called once") {
  for (const std::size_t n : {0U, 1U, 1023U, 1024U, 1025U, 5000U}) {
    std::vector<int> calls(n + 1);
    each(context<reference>{}, n, count_one{calls.data()});
    std::size_t parts = 0;
    each(context<backwards>{backwards{&parts}, {}}, n, count_one{calls.data()});
    for (std::size_t i = 0; i < n; ++i) REQUIRE(calls[i] == 2);
    CHECK(calls[n] == 0);
    CHECK(parts == (n + 1023) / 1024);
  }
}
