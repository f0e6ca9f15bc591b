// Losses of boxes against cases worked out by hand.
#include "heddle/loss/box.hpp"

#include <array>
#include <cmath>

#include "tests/support/catch.hpp"

namespace {

using namespace heddle;
using box_d = corner_box<double>;

constexpr box_d unit{0, 0, 1, 1};
constexpr box_d shifted{0.5, 0, 1.5, 1};
constexpr box_d apart{2, 0, 3, 1};
constexpr box_d inverted{1, 1, 0, 0};

static_assert(intersection_over_union(unit, unit) == 1);
static_assert(intersection_over_union(unit, apart) == 0);
static_assert(intersection_over_union(unit, inverted) == 0);
static_assert(intersection_over_union(inverted, inverted) == 0);
static_assert(generalized_iou(unit, unit) == 1);
static_assert(to_centre(shifted) == centre_box<double>{1, 0.5, 1, 1});
static_assert(to_corners(to_centre(shifted)) == shifted);

bool near(double a, double b) { return std::abs(a - b) < 1e-12; }

matrix_view<const float> rows(const std::array<float, 8>& v) { return make_matrix(v.data(), 2, 4); }

}  // namespace

TEST_CASE("Overlap of boxes", "[box]") {
  CHECK(near(intersection_over_union(unit, shifted), 0.5 / 1.5));
  CHECK(near(generalized_iou(unit, shifted), 0.5 / 1.5));  // the hull is the union
  CHECK(near(generalized_iou(unit, apart), -1.0 / 3));     // hull 3, union 2
  CHECK(near(complete_iou(unit, unit), 1));
  CHECK(near(complete_iou(unit, shifted), 0.5 / 1.5 - 0.25 / (1.5 * 1.5 + 1)));
  CHECK(near(complete_iou(unit, apart), -4.0 / 10));
}

TEST_CASE("The aspect term of the complete IoU counts where boxes overlap by half", "[box]") {
  const box_d flat{0, 0.125, 1, 0.875};  // iou 0.75 with the unit, same centre
  const double angle = std::atan(1 / 0.75) - std::atan(1.0);
  const double v = 4 / (std::acos(-1.0) * std::acos(-1.0)) * angle * angle;
  CHECK(near(complete_iou(unit, flat), 0.75 - v / (0.25 + v) * v));
  const box_d thin{0, 0.3, 1, 0.7};  // iou 0.4: no such term
  CHECK(near(complete_iou(unit, thin), 0.4));
}

TEST_CASE("Losses are means over boxes", "[box]") {
  const std::array<float, 8> predicted{0, 0, 1, 1, 0, 0, 1, 1};
  const std::array<float, 8> target{0, 0, 1, 1, 2, 0, 3, 1};
  CHECK(near(iou_loss(rows(predicted), rows(target)), 0.5));
  CHECK(near(generalized_iou_loss(rows(predicted), rows(target)), (0 + 4.0 / 3) / 2));
  CHECK(near(complete_iou_loss(rows(predicted), rows(target)), (0 + 1.4) / 2));
  CHECK(near(box_l1_loss(rows(predicted), rows(target)), 0.5));
  CHECK(iou_loss(matrix_view<const float>(nullptr, extents<dyn, dyn>(0, 4), {4, 1}),
                 matrix_view<const float>(nullptr, extents<dyn, dyn>(0, 4), {4, 1})) == 0);
}

TEST_CASE("Box losses refuse other shapes", "[box]") {
  const std::array<float, 8> v{};
  REQUIRE_THROWS_AS(iou_loss(make_matrix(v.data(), 2, 4), make_matrix(v.data(), 1, 4)), shape_error);
  REQUIRE_THROWS_AS(iou_loss(make_matrix(v.data(), 2, 3), make_matrix(v.data(), 2, 4)), shape_error);
}
