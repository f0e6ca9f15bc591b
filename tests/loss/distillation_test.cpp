// The distillation losses: divergence and marginals by hand, the sums of their parts, the schedule of pruning.
#include "heddle/loss/distillation.hpp"

#include <cmath>
#include <vector>

#include "heddle/head/edge_distribution.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

matrix_view<const float> rows(const std::vector<float>& v, std::size_t count) {
  return make_matrix(v.data(), count, v.size() / count);
}

bool near(double a, double b) { return std::abs(a - b) < 1e-6 * (1.0 + std::abs(b)); }

}  // namespace

TEST_CASE("the divergence of a distribution from itself is 0") {
  const std::vector<float> logits = test::normal_vector(3 * 9, 1);
  std::vector<float> p(logits.size());
  for (std::size_t r = 0; r < 3; ++r) edge_probabilities({logits.data() + 9 * r, 9}, {p.data() + 9 * r, 9});
  CHECK(std::abs(kl_divergence(rows(p, 3), rows(logits, 3))) < 1e-6);
}

TEST_CASE("the divergence by hand, zeros of the teacher cost nothing") {
  const std::vector<float> teacher{0.5F, 0.5F, 0.0F, 0.0F};
  const std::vector<float> logits{0.0F, 0.0F, 0.0F, 0.0F};  // a quarter each
  CHECK(near(kl_divergence(rows(teacher, 1), rows(logits, 1)), std::log(2.0)));
  const std::vector<float> two{0.5F, 0.5F, 0.0F, 0.0F, 0.25F, 0.25F, 0.25F, 0.25F};
  const std::vector<float> more(8, 7.0F);
  CHECK(near(kl_divergence(rows(two, 2), rows(more, 2)), 0.5 * std::log(2.0)));
  REQUIRE_THROWS_AS(kl_divergence(rows(two, 2), rows(logits, 1)), shape_error);
  REQUIRE_THROWS_AS(kl_divergence(make_matrix<const float>(nullptr, 0, 4), make_matrix<const float>(nullptr, 0, 4)),
                    shape_error);
}

TEST_CASE("marginals of corner maps") {
  // Rows are y: the top-left corner is certain in cell (row 1, column 2), the other one half in (2, 0), half in (0, 1).
  std::vector<float> top_left(9, 0.0F);
  std::vector<float> bottom_right(9, 0.0F);
  top_left[1 * 3 + 2] = 1.0F;
  bottom_right[2 * 3 + 0] = 0.5F;
  bottom_right[0 * 3 + 1] = 0.5F;
  std::vector<float> edges(12, -1.0F);
  edges_of_corners(rows(top_left, 1), rows(bottom_right, 1), make_matrix(edges.data(), 4, 3));
  const std::vector<float> expected{0, 0, 1, 0.5F, 0.5F, 0, 0, 1, 0, 0.5F, 0, 0.5F};  // left, right, top, bottom
  CHECK(edges == expected);
  REQUIRE_THROWS_AS(edges_of_corners(rows(top_left, 1), rows(bottom_right, 1), make_matrix(edges.data(), 6, 2)), shape_error);
}

TEST_CASE("a loss is the weighted sum of its parts") {
  const std::vector<float> predicted{0.5F, 0.5F, 0.4F, 0.2F};
  const std::vector<float> truth{0.3F, 0.4F, 0.4F, 0.2F};  // the same box by its corner
  const std::vector<float> logits = test::normal_vector(4 * 5, 1);
  const std::vector<float> teacher(4 * 5, 0.2F);
  const distillation_loss one = dense_to_sparse_loss(rows(predicted, 1), rows(logits, 4), rows(teacher, 4), rows(truth, 1));
  CHECK(one.ciou < 1e-6);
  CHECK(one.l1 < 1e-6);
  CHECK(near(one.edges, kl_divergence(rows(teacher, 4), rows(logits, 4))));
  CHECK(near(one.total, 5.0 * one.edges + 2.0 * one.ciou + 5.0 * one.l1));

  const std::vector<float> a = test::normal_vector(12, 2);
  std::vector<float> b = a;
  for (float& v : b) v += 0.5F;
  const matched_layers layers[] = {{rows(a, 3), rows(a, 3)}, {rows(a, 3), rows(b, 3)}};
  const distillation_loss two =
      deep_to_shallow_loss(rows(predicted, 1), rows(logits, 4), rows(teacher, 4), rows(truth, 1), layers);
  CHECK(near(two.features, 0.125));  // the mean of 0 and 0.25
  CHECK(near(two.total, one.total + 0.2 * 0.125));
  REQUIRE_THROWS_AS(dense_to_sparse_loss(rows(predicted, 1), rows(logits, 2), rows(teacher, 4), rows(truth, 1)), shape_error);
}

TEST_CASE("the true box is clamped to the crop, the predicted one is not") {
  const std::vector<float> predicted{1.0F, 0.5F, 1.0F, 0.5F};  // 0.5 to 1.5
  const std::vector<float> truth{0.5F, 0.25F, 1.0F, 0.5F};     // 0.5 to 1.5, clamped to 1
  const std::vector<float> logits(4 * 2, 0.0F);
  const std::vector<float> teacher(4 * 2, 0.5F);
  const distillation_loss loss = dense_to_sparse_loss(rows(predicted, 1), rows(logits, 4), rows(teacher, 4), rows(truth, 1));
  CHECK(near(loss.l1, 0.5 / 4));
  CHECK(std::abs(loss.edges) < 1e-6);
}

TEST_CASE("the gain of pruning falls to 0 one epoch before the end") {
  CHECK(near(pruning_gain(1), 0.5 * (1 + std::cos(std::acos(-1.0) * 2 / 40))));
  CHECK(near(pruning_gain(19), 0.5));
  CHECK(pruning_gain(39) == 0.0);
  CHECK(pruning_gain(45) == 0.0);
  for (std::size_t e = 1; e < 39; ++e) CHECK(pruning_gain(e) > pruning_gain(e + 1));
  REQUIRE_THROWS_AS(pruning_gain(1, 0), shape_error);
}
