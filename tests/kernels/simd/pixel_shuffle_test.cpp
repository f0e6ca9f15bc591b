// pixel_shuffle and pixel_unshuffle against the reference.
#include <heddle/reference/pixel_shuffle.hpp>
#include <heddle/simd/pixel_shuffle.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using heddle::context;
using heddle::dynamic_extents;
using heddle::map_view;

template <std::size_t R>
void compare(std::uint64_t seed) {
  heddle::test::generator random(seed);
  for (int i = 0; i < 20; ++i) {
    const std::size_t b = random.integer(1, 2), h = random.integer(1, 5), w = random.integer(1, 5), c = random.integer(1, 9);
    const dynamic_extents<4> coarse(b, h, w, c * R * R);
    const dynamic_extents<4> fine(b, h * R, w * R, c);
    const std::vector<float> x = heddle::test::normal_vector(coarse.size(), random.bits());
    std::vector<float> expected(x.size()), got(x.size());
    heddle::pixel_shuffle<R>(context<heddle::reference>{}, map_view<const float>(x.data(), coarse),
                             map_view<float>(expected.data(), fine));
    heddle::pixel_shuffle<R>(context<heddle::simd>{}, map_view<const float>(x.data(), coarse),
                             map_view<float>(got.data(), fine));
    REQUIRE(got == expected);
    heddle::pixel_unshuffle<R>(context<heddle::simd>{}, map_view<const float>(expected.data(), fine),
                               map_view<float>(got.data(), coarse));
    REQUIRE(got == x);
  }
}

}  // namespace

TEST_CASE("simd pixel_shuffle equals the reference, pixel_unshuffle undoes it") {
  compare<1>(1);
  compare<2>(2);
  compare<3>(3);
  compare<4>(4);
}
