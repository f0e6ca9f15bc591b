// Deltas and levels by hand.
#include <heddle/head/box_delta.hpp>
#include <heddle/head/roi_pyramid.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace heddle;

TEST_CASE("apply_box_deltas: centre and sides move as trained, growth is bounded") {
  std::vector<float> boxes{10, 20, 30, 60, 0, 0, 16, 16};
  const std::vector<float> deltas{0.5F, -0.5F, 0.0F, std::log(2.0F), 0, 0, 1000, 0};
  apply_box_deltas(make_matrix(deltas.data(), 2, 4), make_matrix(boxes.data(), 2, 4));
  const double expected[] = {15, -10, 35, 70};  // centre (20 + 5, 40 - 10), 20 x 80
  for (std::size_t i = 0; i < 4; ++i) CHECK(static_cast<double>(boxes[i]) == Approx(expected[i]).margin(1e-4));
  CHECK(static_cast<double>(boxes[6] - boxes[4]) == Approx(100000.0).epsilon(1e-4));  // 16 * 100000 / 16
  REQUIRE_THROWS_AS(apply_box_deltas(make_matrix(deltas.data(), 1, 4), make_matrix(boxes.data(), 2, 4)), shape_error);
}

TEST_CASE("roi_level: boxes of the canonical size lie on level 4") {
  const roi_pyramid_options o;
  CHECK(roi_level(224.0F, 224.0F, 4, o) == 2);
  CHECK(roi_level(223.0F, 223.0F, 4, o) == 1);
  CHECK(roi_level(448.0F, 448.0F, 4, o) == 3);
  CHECK(roi_level(5000.0F, 5000.0F, 4, o) == 3);
  CHECK(roi_level(1.0F, 1.0F, 4, o) == 0);
  CHECK(roi_level(0.0F, 10.0F, 4, o) == 0);
  CHECK(roi_level(-5.0F, 10.0F, 4, o) == 0);  // no length: not a number
  CHECK(roi_level(std::numeric_limits<float>::infinity(), 1.0F, 4, o) == 3);
}
