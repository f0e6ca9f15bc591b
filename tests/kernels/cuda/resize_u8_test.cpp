// resize_u8 of the device gives the bytes of its definition.
#include <heddle/cuda/resize_u8.cuh>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using extents3 = dynamic_extents<3>;

template <class Rule>
void compare(const extents3& from, const extents3& to, Rule rule) {
  test::generator random(from.size() + to.size());
  std::vector<std::uint8_t> x(from.size());
  for (auto& byte : x) byte = static_cast<std::uint8_t>(random.integer(0, 255));
  std::vector<std::uint8_t> expected(to.size());
  resize_u8(context<reference>{}, image_u8_view<const std::uint8_t>(x.data(), from),
            image_u8_view<std::uint8_t>(expected.data(), to), rule);
  test::on_device<std::uint8_t> a(x), y(std::vector<std::uint8_t>(to.size()));
  resize_u8(test::device_scratch().ctx(), image_u8_view<const std::uint8_t>(a.data(), from),
            image_u8_view<std::uint8_t>(y.data(), to), rule);
  CHECK(y.to_host() == expected);
}

template <class Rule>
void compare(Rule rule) {
  compare({7, 11, 3}, {13, 9, 3}, rule);
  compare({31, 40, 3}, {7, 10, 3}, rule);
  compare({30, 20, 1}, {10, 10, 1}, rule);
  compare({5, 6, 4}, {15, 17, 4}, rule);
  compare({1, 1, 2}, {3, 5, 2}, rule);
}

}  // namespace

TEST_CASE("bytes resized by a device", "[resize_u8]") {
  compare(u8_rule::bilinear{});
  compare(u8_rule::bicubic{});
  compare(u8_rule::area{});
}
