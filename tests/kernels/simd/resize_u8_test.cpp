// The row-by-row resize_u8 gives the bits of the reference.
#include <heddle/simd/resize_u8.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using heddle::dynamic_extents;

template <class Rule, class Backend>
std::vector<std::uint8_t> resized(const std::vector<std::uint8_t>& x, const dynamic_extents<3>& from,
                                  const dynamic_extents<3>& to) {
  std::vector<std::uint8_t> y(to.size());
  heddle::workspace scratch(heddle::resize_u8_bytes(Backend{}, from, to));
  heddle::resize_u8(heddle::context<Backend>{{}, scratch.scratch()}, heddle::image_u8_view<const std::uint8_t>(x.data(), from),
                    heddle::image_u8_view<std::uint8_t>(y.data(), to), Rule{});
  return y;
}

template <class Rule>
void compare(std::uint64_t seed) {
  heddle::test::generator random(seed);
  for (int i = 0; i < 30; ++i) {
    const dynamic_extents<3> from(random.integer(1, 20), random.integer(1, 20), random.integer(1, 5));
    const dynamic_extents<3> to(random.integer(1, 20), random.integer(1, 20), from.extent(2));
    std::vector<std::uint8_t> x(from.size());
    for (auto& b : x) b = static_cast<std::uint8_t>(random.integer(0, 255));
    REQUIRE(resized<Rule, heddle::simd>(x, from, to) == resized<Rule, heddle::reference>(x, from, to));
  }
}

}  // namespace

TEST_CASE("simd resize_u8 equals the reference") {
  compare<heddle::u8_rule::bilinear>(1);
  compare<heddle::u8_rule::bicubic>(2);
  compare<heddle::u8_rule::area>(3);
}
