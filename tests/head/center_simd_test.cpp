// The centre head on vectors against the plain loops, on maps of odd sizes.
#include <heddle/head/center.hpp>

#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;
using head_type = center_head<12, center_channels{9, 8, 5, 3}>;

template <class Backend>
std::vector<float> maps_of(head_type head, const map_extents& e, const std::vector<float>& x) {
  prepare<Backend>(head);
  const std::size_t cells = e.extent(0) * e.extent(1) * e.extent(2);
  std::vector<float> y(5 * cells);
  const auto map = [&](std::size_t first, std::size_t channels) {
    return map_view<float>(y.data() + first * cells, map_extents(e.extent(0), e.extent(1), e.extent(2), channels));
  };
  const workspace scratch(head_type::scratch_bytes(Backend{}, e));
  head.forward(context<Backend>{Backend{}, scratch.scratch()}, map_view<const float>(x.data(), e),
               {map(0, 1), map(1, 2), map(3, 2)});
  return y;
}

}  // namespace

TEST_CASE("center_head: simd agrees with reference") {
  head_type head;
  test::bind_random_weights(head, 5);
  for (const map_extents& e : {map_extents(1, 1, 1, 12), map_extents(2, 5, 7, 12), map_extents(1, 16, 3, 12)}) {
    const std::vector<float> x = test::normal_vector(e.size(), 6);
    CHECK(test::worst(maps_of<reference>(head, e, x), maps_of<simd>(head, e, x)).relative() < 1e-5);
  }
}
