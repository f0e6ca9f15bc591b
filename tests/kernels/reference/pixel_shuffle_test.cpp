// The order of channels of pixel_shuffle, and that pixel_unshuffle undoes it.
#include <heddle/reference/pixel_shuffle.hpp>

#include <numeric>
#include <vector>

#include "support/catch.hpp"

namespace {
using heddle::dynamic_extents;
using heddle::map_view;
using context = heddle::context<heddle::reference>;
}  // namespace

TEST_CASE("pixel_shuffle: channel c r r + a r + b becomes row a, column b of channel c") {
  std::vector<float> x(8);
  std::iota(x.begin(), x.end(), 0.0f);
  std::vector<float> y(8);
  heddle::pixel_shuffle<2>(context{}, map_view<const float>(x.data(), dynamic_extents<4>(1, 1, 1, 8)),
                           map_view<float>(y.data(), dynamic_extents<4>(1, 2, 2, 2)));
  REQUIRE(y == std::vector<float>{0, 4, 1, 5, 2, 6, 3, 7});
}

TEST_CASE("pixel_unshuffle undoes pixel_shuffle") {
  std::vector<float> x(2 * 3 * 4 * 45);
  std::iota(x.begin(), x.end(), 0.0f);
  std::vector<float> fine(x.size());
  std::vector<float> back(x.size());
  const dynamic_extents<4> coarse_extents(2, 3, 4, 45);
  const dynamic_extents<4> fine_extents(2, 9, 12, 5);
  heddle::pixel_shuffle<3>(context{}, map_view<const float>(x.data(), coarse_extents),
                           map_view<float>(fine.data(), fine_extents));
  heddle::pixel_unshuffle<3>(context{}, map_view<const float>(fine.data(), fine_extents),
                             map_view<float>(back.data(), coarse_extents));
  REQUIRE(back == x);
}

TEST_CASE("pixel_shuffle: wrong shapes are refused") {
  std::vector<float> x(8);
  std::vector<float> y(8);
  const map_view<const float> from(x.data(), dynamic_extents<4>(1, 1, 1, 8));
  CHECK_THROWS_AS(heddle::pixel_shuffle<2>(context{}, from, map_view<float>(y.data(), dynamic_extents<4>(1, 2, 4, 1))),
                  heddle::shape_error);
  CHECK_THROWS_AS(heddle::pixel_shuffle<2>(context{}, from, map_view<float>(y.data(), dynamic_extents<4>(1, 2, 2, 1))),
                  heddle::shape_error);
}
