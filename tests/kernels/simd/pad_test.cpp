// pad against the reference, also with more padding than there is map.
#include <heddle/reference/pad.hpp>
#include <heddle/simd/pad.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using heddle::dynamic_extents;
using heddle::map_view;

template <class Backend, class Mode>
std::vector<float> padded(const std::vector<float>& x, const dynamic_extents<4>& from, const heddle::pad_sides& s, Mode mode) {
  const dynamic_extents<4> to(from.extent(0), from.extent(1) + s.top + s.bottom, from.extent(2) + s.left + s.right,
                              from.extent(3));
  std::vector<float> y(to.size(), -7.0f);
  heddle::pad(heddle::context<Backend>{}, map_view<const float>(x.data(), from), map_view<float>(y.data(), to), s, mode);
  return y;
}

template <class Mode>
void compare(Mode mode, std::uint64_t seed) {
  heddle::test::generator random(seed);
  for (int i = 0; i < 30; ++i) {
    const dynamic_extents<4> from(random.integer(1, 2), random.integer(1, 5), random.integer(1, 5), random.integer(1, 19));
    const heddle::pad_sides s{random.integer(0, 6), random.integer(0, 6), random.integer(0, 6), random.integer(0, 6)};
    const std::vector<float> x = heddle::test::normal_vector(from.size(), random.bits());
    REQUIRE(padded<heddle::simd>(x, from, s, mode) == padded<heddle::reference>(x, from, s, mode));
  }
}

}  // namespace

TEST_CASE("simd pad equals the reference") {
  compare(heddle::pad_mode::zero{}, 1);
  compare(heddle::pad_mode::edge{}, 2);
  compare(heddle::pad_mode::reflect{}, 3);
  compare(heddle::pad_mode::symmetric{}, 4);
}
