// pixel_shuffle and pixel_unshuffle of the device against the reference, with tiles of a part of a row and of the channels.
#include <heddle/cuda/pixel_shuffle.cuh>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

template <std::size_t R>
void compare(std::size_t b, std::size_t h, std::size_t w, std::size_t c) {
  const dynamic_extents<4> coarse(b, h, w, c * R * R);
  const dynamic_extents<4> fine(b, h * R, w * R, c);
  const std::vector<float> x = test::normal_vector(coarse.size(), c);
  std::vector<float> expected(x.size());
  pixel_shuffle<R>(context<reference>{}, map_view<const float>(x.data(), coarse), map_view<float>(expected.data(), fine));
  INFO(b << ' ' << h << ' ' << w << ' ' << c);
  test::in_both_orders([&] {
    const test::device_scratch none;
    test::on_device<float> from(x), to(std::vector<float>(x.size())), back(std::vector<float>(x.size()));
    pixel_shuffle<R>(none.ctx(), map_view<const float>(from.data(), coarse), map_view<float>(to.data(), fine));
    CHECK(to.to_host() == expected);
    pixel_unshuffle<R>(none.ctx(), map_view<const float>(to.data(), fine), map_view<float>(back.data(), coarse));
    CHECK(back.to_host() == x);
  });
}

}  // namespace

TEST_CASE("pixel_shuffle of a device equals the reference, pixel_unshuffle undoes it", "[pixel_shuffle]") {
  compare<1>(2, 3, 5, 7);
  compare<2>(1, 2, 37, 3);
  compare<2>(2, 3, 400, 3);
  compare<2>(1, 1, 3, 1500);
  compare<3>(2, 2, 11, 5);
  compare<4>(1, 2, 70, 4);
}
