// Matching against every permutation, and the set losses against numbers by hand.
#include <heddle/loss/matching.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

std::vector<std::int32_t> match(const std::vector<float>& cost, std::size_t predictions, std::size_t targets) {
  std::vector<std::int32_t> m(targets, -7);
  const workspace memory(matching_bytes(predictions, targets));
  match_lowest_cost(make_matrix(cost.data(), predictions, targets), m, memory.scratch());
  return m;
}

/// The lowest sum over all ways to give the smaller side partners.
double lowest(const std::vector<float>& cost, std::size_t predictions, std::size_t targets) {
  std::vector<std::size_t> order(std::max(predictions, targets));
  std::iota(order.begin(), order.end(), std::size_t{0});
  double best = 1e30;
  do {
    double sum = 0;
    for (std::size_t i = 0; i < std::min(predictions, targets); ++i)
      sum += static_cast<double>(targets <= predictions ? cost[order[i] * targets + i] : cost[i * targets + order[i]]);
    best = std::min(best, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

}  // namespace

TEST_CASE("matching: as cheap as the cheapest of all permutations") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    test::generator random(seed);
    const std::size_t p = random.integer(1, 6);
    const std::size_t t = random.integer(1, 6);
    std::vector<float> cost(p * t);
    for (float& c : cost) c = static_cast<float>(seed % 3 == 0 ? static_cast<double>(random.integer(0, 3)) : random.normal());
    const auto m = match(cost, p, t);
    double sum = 0;
    std::vector<std::int32_t> used;
    for (std::size_t i = 0; i < t; ++i)
      if (m[i] >= 0) {
        sum += static_cast<double>(cost[static_cast<std::size_t>(m[i]) * t + i]);
        used.push_back(m[i]);
      }
    std::sort(used.begin(), used.end());
    REQUIRE(std::adjacent_find(used.begin(), used.end()) == used.end());
    REQUIRE(used.size() == std::min(p, t));
    REQUIRE(sum == Approx(lowest(cost, p, t)).margin(1e-6));
  }
}

TEST_CASE("matching: no targets, no predictions, costs that are no numbers") {
  CHECK(match({}, 3, 0).empty());
  CHECK(match({}, 0, 2) == std::vector<std::int32_t>{-1, -1});
  std::vector<float> cost{0.0F, NAN, 1.0F, 2.0F};
  REQUIRE_THROWS_AS(match(cost, 2, 2), shape_error);
}

TEST_CASE("set loss: numbers by hand") {
  const float logits[] = {2.0F, 0.0F, 0.0F, 1.0F, 0.5F, 0.5F};
  const float boxes[] = {0, 0, 10, 10, 20, 20, 40, 40, 0, 0, 5, 5};
  const float targets[] = {0, 0, 10, 20};
  const set_problem p{make_matrix(logits, 3, 2), make_matrix(boxes, 3, 4), make_matrix(targets, 1, 4), 100.0F, 50.0F};
  std::vector<float> cost(3);
  set_cost(p, {}, make_matrix(cost.data(), 3, 1));
  const double object = 1.0 / (1.0 + std::exp(-2.0));
  CHECK(static_cast<double>(cost[0]) == Approx(-2.0 * object + 5.0 * (10.0 / 50.0) - 2.0 * 0.5).margin(1e-6));
  CHECK(match(cost, 3, 1) == std::vector<std::int32_t>{0});
  const std::int32_t matched[] = {0};
  const set_losses l = set_loss(p, matched, {});
  const double entropy = std::log1p(std::exp(-2.0)) + 0.1 * (std::log1p(std::exp(-1.0)) + std::log(2.0));
  CHECK(l.cross_entropy == Approx(entropy));
  CHECK(l.cross_entropy_weight == Approx(1.2));
  CHECK(l.l1 == Approx(0.2));
  CHECK(l.generalized_iou == Approx(0.5));
  CHECK(l.total({}) == Approx(2.0 * entropy / 1.2 + 5.0 * 0.2 + 2.0 * 0.5));
}

TEST_CASE("action loss: mean binary cross-entropy of matched persons") {
  const float logits[] = {0.0F, 3.0F, -1.0F, 2.0F};
  const float targets[] = {1.0F, 0.0F, 0.0F, 1.0F};
  const std::int32_t matches[] = {1, -1};
  const double expected = (std::log1p(std::exp(-1.0)) + 1.0 + std::log1p(std::exp(-2.0)) + 2.0) / 2.0;
  CHECK(action_loss(make_matrix(logits, 2, 2), make_matrix(targets, 2, 2), matches) == Approx(expected));
  const std::int32_t none[] = {-1, -1};
  CHECK(action_loss(make_matrix(logits, 2, 2), make_matrix(targets, 2, 2), none) == 0.0);
}
