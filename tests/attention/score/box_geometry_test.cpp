#include <heddle/attention/score/box_geometry.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "attention/mask/mask_check.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

std::vector<float> random_boxes(std::size_t count, std::uint64_t seed) {
  test::generator random(seed);
  std::vector<float> boxes;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = random.uniform(0.0, 50.0);
    const double y = random.uniform(0.0, 50.0);
    for (const double v : {x, y, x + random.uniform(0.0, 40.0), y + random.uniform(0.0, 40.0)})
      boxes.push_back(static_cast<float>(v));
  }
  return boxes;
}

/// ln of the part of box a that lies in box b.
double log_inside(const float* a, const float* b) {
  const auto d = [](float x) { return static_cast<double>(x); };
  const double w = std::max(0.0, std::min(d(a[2]), d(b[2])) - std::max(d(a[0]), d(b[0])));
  const double h = std::max(0.0, std::min(d(a[3]), d(b[3])) - std::max(d(a[1]), d(b[1])));
  return std::log(w * h / std::max((d(a[2]) - d(a[0])) * (d(a[3]) - d(a[1])), 1e-6) + 1e-7);
}

}  // namespace

TEST_CASE("how much of the query's box lies in the key's") {
  const std::vector<float> tau{0.5F, 2.0F};
  auto boxes = random_boxes(2 * 9, 4);
  std::copy_n(boxes.begin(), 4, boxes.begin() + 8);  // twins: all of it
  boxes[14] = boxes[12];                             // a box without area
  const box_geometry bias{tau.data(), 2, boxes.data(), 9, 2};
  for (std::size_t item = 0; item < 2; ++item) {
    const auto c = test::problem(9, 9, item, 1);
    for (std::size_t q = 0; q < 9; ++q)
      for (std::size_t k = 0; k < 9; ++k) {
        const float score = bias(c, 1.0F, static_cast<float>(q), static_cast<float>(k));
        const double expected = 1.0 + 2.0 * log_inside(&boxes[(item * 9 + q) * 4], &boxes[(item * 9 + k) * 4]);
        CHECK(static_cast<double>(score) == Approx(expected).epsilon(1e-4).margin(1e-5));
        const auto four = bias(c, test::four(1.0F), test::four(static_cast<float>(q)),
                               batch_traits<test::four>::positions(static_cast<float>(k)));
        CHECK(four.lane[0] == score);
      }
  }
  const auto first = test::problem(9, 9);
  CHECK(static_cast<double>(bias(first, 0.0F, 0.0F, 2.0F)) == Approx(0.0).margin(1e-5));
}

TEST_CASE("keys with boxes of their own") {
  const std::vector<float> tau{1.0F};
  const auto queries = random_boxes(3, 1);
  const auto keys = random_boxes(6, 2);
  const box_geometry bias{tau.data(), 1, queries.data(), 3, 1, keys.data(), 6};
  const auto c = test::problem(3, 6);
  for (std::size_t q = 0; q < 3; ++q)
    for (std::size_t k = 0; k < 6; ++k)
      CHECK(static_cast<double>(bias(c, 0.0F, static_cast<float>(q), static_cast<float>(k))) ==
            Approx(log_inside(&queries[q * 4], &keys[k * 4])).epsilon(1e-4).margin(1e-5));
  REQUIRE_NOTHROW(bias.check({5, 1, 1, 3, 6, 3, 6, 8}));
  REQUIRE_THROWS_WITH(bias.check({5, 1, 1, 3, 5, 3, 5, 8}), "box_geometry: expected 5 boxes of keys, got 6");
  REQUIRE_THROWS_AS(bias.check({5, 2, 1, 3, 6, 3, 6, 8}), shape_error);
  REQUIRE_THROWS_AS((box_geometry{nullptr, 1, queries.data(), 3}.check({5, 1, 1, 3, 3, 3, 3, 8})), weight_error);
}
