// pad of the device against the reference, also with more padding than there is map.
#include <heddle/cuda/pad.cuh>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

template <class Mode>
void compare(Mode mode, std::uint64_t seed) {
  test::generator random(seed);
  for (int i = 0; i < 16; ++i) {
    const std::size_t channels = i % 2 == 0 ? random.integer(1, 19) : 4 * random.integer(1, 80);
    const dynamic_extents<4> from(random.integer(1, 2), random.integer(1, 5), random.integer(1, 5), channels);
    const pad_sides s{random.integer(0, 6), random.integer(0, 6), random.integer(0, 6), random.integer(0, 6)};
    const dynamic_extents<4> to(from.extent(0), from.extent(1) + s.top + s.bottom, from.extent(2) + s.left + s.right, channels);
    const std::vector<float> x = test::normal_vector(from.size(), random.bits());
    std::vector<float> expected(to.size());
    pad(context<reference>{}, map_view<const float>(x.data(), from), map_view<float>(expected.data(), to), s, mode);
    test::on_device<float> a(x, i % 4 == 3 ? 1 : 0), y(std::vector<float>(to.size(), -7.0F));
    pad(test::device_scratch().ctx(), map_view<const float>(a.data(), from), map_view<float>(y.data(), to), s, mode);
    REQUIRE(y.to_host() == expected);
  }
}

}  // namespace

TEST_CASE("pad of a device equals the reference", "[pad]") {
  compare(pad_mode::zero{}, 1);
  compare(pad_mode::edge{}, 2);
  compare(pad_mode::reflect{}, 3);
  compare(pad_mode::symmetric{}, 4);
}
