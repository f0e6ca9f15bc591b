// Boxes from the distributions of their edges, and the score of prediction tokens.
#include "heddle/head/edge_distribution.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/head/token_score.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {
using namespace heddle;
}

TEST_CASE("an edge is the expectation of its distribution, bins at their left ends") {
  const std::vector<float> even(8, 3.0F);
  CHECK(std::abs(expected_edge(even) - 3.5F / 8.0F) < 1e-7F);
  std::vector<float> certain(8, -200.0F);
  certain[7] = 500.0F;
  CHECK(expected_edge(certain) == 7.0F / 8.0F);
  certain.assign(8, -1e30F);
  certain[0] = 1e30F;
  CHECK(expected_edge(certain) == 0.0F);
  REQUIRE_THROWS_AS(expected_edge({}), shape_error);
}

TEST_CASE("probabilities of an edge do not change with a shift") {
  std::vector<float> logits{1.0F, -2.0F, 0.5F};
  std::vector<float> p(3);
  std::vector<float> shifted{1001.0F, 998.0F, 1000.5F};
  edge_probabilities(logits, p);
  edge_probabilities(shifted, shifted);  // in place
  CHECK(std::abs(std::accumulate(p.begin(), p.end(), 0.0F) - 1.0F) < 1e-6F);
  CHECK(test::worst(p, shifted).relative() < 1e-6);
  CHECK(std::abs(p[0] / p[1] - std::exp(3.0F)) < 1e-4F);
  REQUIRE_THROWS_AS(edge_probabilities(logits, std::span<float>(p).first(2)), shape_error);
}

TEST_CASE("the tokens stand for left, right, top, bottom") {
  std::vector<float> logits(4 * 10, -100.0F);
  const std::size_t bins[] = {2, 8, 1, 4};  // of left, right, top, bottom
  for (std::size_t e = 0; e < 4; ++e) logits[e * 10 + bins[e]] = 100.0F;
  const edge_box box = expected_box(make_matrix<const float>(logits.data(), 4, 10));
  CHECK(std::abs(box.left - 0.2F) < 1e-6F);
  CHECK(std::abs(box.right - 0.8F) < 1e-6F);
  CHECK(std::abs(box.top - 0.1F) < 1e-6F);
  CHECK(std::abs(box.bottom - 0.4F) < 1e-6F);
  CHECK(std::abs(box.centre_x() - 0.5F) < 1e-6F);
  CHECK(std::abs(box.width() - 0.6F) < 1e-6F);
  REQUIRE_THROWS_AS(expected_box(make_matrix<const float>(logits.data(), 5, 8)), shape_error);
}

TEST_CASE("the second norm of the head works on the logits") {
  using head = edge_distribution_head<12, 7>;
  STATIC_REQUIRE(parameters<head> == 12 * 12 + 12 + 24 + 7 * 12 + 7 + 14);
  head m;
  test::bind_random_weights(m, 1);
  prepare<reference>(m);
  for (auto* norm : {&m.norm2}) {  // no gain and no shift: every row of logits has mean 0 and variance 1
    static const std::vector<float> ones(7, 1.0F);
    static const std::vector<float> zeros(7, 0.0F);
    norm->weight.bind(ones.data());
    norm->bias.bind(zeros.data());
  }
  const std::vector<float> x = test::normal_vector(5 * 12, 3);
  std::vector<float> y(5 * 7);
  const workspace scratch(head::row_scratch_bytes(reference{}, 5));
  m.forward_rows(context<reference>{reference{}, scratch.scratch()}, make_matrix<const float>(x.data(), 5, 12),
                 make_matrix(y.data(), 5, 7));
  for (std::size_t r = 0; r < 5; ++r) {
    double sum = 0;
    double squares = 0;
    for (std::size_t c = 0; c < 7; ++c) {
      sum += static_cast<double>(y[r * 7 + c]);
      squares += static_cast<double>(y[r * 7 + c]) * static_cast<double>(y[r * 7 + c]);
    }
    CHECK(std::abs(sum) < 1e-4);
    CHECK(std::abs(squares / 7 - 1.0) < 1e-2);
  }
}

TEST_CASE("the score is the mean over an item's tokens") {
  using head = token_score_head<6>;
  STATIC_REQUIRE(parameters<head> == 6 * 6 + 6 + 6 + 1);
  head m;
  test::bind_random_weights(m, 1);
  prepare<reference>(m);
  const std::vector<float> x = test::normal_vector(8 * 6, 3);
  const workspace scratch(head::scratch_bytes(reference{}, 8));
  const context<reference> ctx{reference{}, scratch.scratch()};
  std::vector<float> each(8);
  std::vector<float> both(2);
  m.forward(ctx, make_matrix<const float>(x.data(), 8, 6), each);
  m.forward(ctx, make_matrix<const float>(x.data(), 8, 6), both);
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(std::abs(both[i] - 0.25F * std::accumulate(each.begin() + 4 * static_cast<std::ptrdiff_t>(i),
                                                     each.begin() + 4 * static_cast<std::ptrdiff_t>(i + 1), 0.0F)) < 1e-6F);
  std::vector<float> three(3);
  REQUIRE_THROWS_AS(m.forward(ctx, make_matrix<const float>(x.data(), 8, 6), three), shape_error);
}
