// The modes of pad on rows worked out by hand, and the order of its sides.
#include <heddle/reference/pad.hpp>

#include <vector>

#include "support/catch.hpp"

namespace {

using heddle::dynamic_extents;
using heddle::map_view;
namespace mode = heddle::pad_mode;
using context = heddle::context<heddle::reference>;

template <class Mode>
std::vector<float> row(const std::vector<float>& x, std::size_t left, std::size_t right, Mode m) {
  std::vector<float> y(left + x.size() + right, -1.0f);
  heddle::pad(context{}, map_view<const float>(x.data(), dynamic_extents<4>(1, 1, x.size(), 1)),
              map_view<float>(y.data(), dynamic_extents<4>(1, 1, y.size(), 1)), {0, left, 0, right}, m);
  return y;
}

using values = std::vector<float>;

}  // namespace

TEST_CASE("pad: each mode on a row") {
  const values x{1, 2, 3};
  REQUIRE(row(x, 2, 1, mode::zero{}) == values{0, 0, 1, 2, 3, 0});
  REQUIRE(row(x, 2, 1, mode::edge{}) == values{1, 1, 1, 2, 3, 3});
  REQUIRE(row(x, 2, 2, mode::reflect{}) == values{3, 2, 1, 2, 3, 2, 1});
  REQUIRE(row(x, 2, 2, mode::symmetric{}) == values{2, 1, 1, 2, 3, 3, 2});
}

TEST_CASE("pad: sides shorter than the padding are clamped") {
  REQUIRE(row({1, 2}, 0, 2, mode::reflect{}) == values{1, 2, 1, 1});
  REQUIRE(row({1, 2, 3}, 0, 4, mode::reflect{}) == values{1, 2, 3, 2, 1, 1, 1});
  REQUIRE(row({5}, 2, 2, mode::reflect{}) == values{5, 5, 5, 5, 5});
  REQUIRE(row({5}, 1, 2, mode::symmetric{}) == values{5, 5, 5, 5});
  REQUIRE(row({1, 2}, 3, 0, mode::symmetric{}) == values{2, 2, 1, 1, 2});
}

TEST_CASE("pad: top, left, bottom, right") {
  const values x{1, 2};  // one row, one column, two channels
  values y(2 * 3 * 4);
  heddle::pad(context{}, map_view<const float>(x.data(), dynamic_extents<4>(1, 1, 1, 2)),
              map_view<float>(y.data(), dynamic_extents<4>(1, 3, 4, 2)), {2, 1, 0, 2});
  for (std::size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == (i == 18 ? 1.0f : i == 19 ? 2.0f : 0.0f));
}

TEST_CASE("pad: wrong shapes are refused") {
  const values x(4);
  values y(9);
  const map_view<const float> from(x.data(), dynamic_extents<4>(1, 2, 2, 1));
  const map_view<float> to(y.data(), dynamic_extents<4>(1, 3, 3, 1));
  CHECK_THROWS_AS(heddle::pad(context{}, from, to, {1, 0, 1, 1}), heddle::shape_error);
  CHECK_THROWS_AS(heddle::pad(context{}, map_view<const float>(x.data(), dynamic_extents<4>(1, 0, 2, 1)), to, {3, 1, 0, 0}),
                  heddle::shape_error);
}
