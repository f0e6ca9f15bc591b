#include <heddle/reference/attend.hpp>

#include <cmath>
#include <limits>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct doubled {
  using policy_category = score_mod_tag;
  template <class T>
  T operator()(T score, std::size_t, T, T) const {
    return score + score;
  }
};

/// The same case with the tokens of one frame in another order: token i of the result is token order[i].
attend_case reordered(const attend_case& x, const std::vector<std::size_t>& order) {
  attend_case y = x;
  const std::size_t row = 3 * x.heads * x.dim;
  for (std::size_t b = 0; b < x.batch; ++b)
    for (std::size_t i = 0; i < order.size(); ++i)
      for (std::size_t c = 0; c < row; ++c)
        y.projection[(b * x.tokens() + i) * row + c] = x.projection[(b * x.tokens() + order[i]) * row + c];
  return y;
}

std::vector<float> rows_in_order(const attend_case& x, const std::vector<std::size_t>& order) {
  std::vector<float> y(x.out.size());
  const std::size_t row = x.heads * x.dim;
  for (std::size_t b = 0; b < x.batch; ++b)
    for (std::size_t i = 0; i < order.size(); ++i)
      for (std::size_t c = 0; c < row; ++c) y[(b * x.tokens() + i) * row + c] = x.out[(b * x.tokens() + order[i]) * row + c];
  return y;
}
}  // namespace

TEST_CASE("two tokens by hand") {
  // q = 1, 2; k = ln 2, 0; v = 3, 6; one head of one element, scale 1: weights (2/3, 1/3) and (4/5, 1/5).
  const float projection[6] = {1.0F, std::log(2.0F), 3.0F, 2.0F, 0.0F, 6.0F};
  float out[2] = {};
  float lse[2] = {};
  const auto x = qkv_views(projection, 1, 2, 1, qkv_order::qkv_heads, 1);
  const workspace memory(4096);
  const head_rows<float> lse_view(lse, extents<dyn, dyn, dyn>(1, 1, 2), {2, 2, 1});
  attend<reference>(attention<logsumexp>{}, x.q, x.k, x.v, merged_heads(out, 1, 2, 1, 1), sequence_grid(2), memory, lse_view);
  CHECK(out[0] == Approx(4.0));
  CHECK(out[1] == Approx(3.6));
  CHECK(lse[0] == Approx(std::log(3.0)));
  CHECK(lse[1] == Approx(std::log(5.0)));
}

TEST_CASE("a modifier and a bias by hand") {
  // All scores 0; the bias makes them b, the function doubles: weights exp(2 b).
  const float projection[6] = {0.0F, 0.0F, 1.0F, 0.0F, 0.0F, 4.0F};
  const float table[3] = {0.0F, 0.0F, std::log(2.0F)};  // query - key = 1: ln 2
  float out[2] = {};
  const auto x = qkv_views(projection, 1, 2, 1, qkv_order::qkv_heads, 1);
  const workspace memory(65536);
  const attention a{relative_position_bias<1, 2>{table, 1}, doubled{}};
  attend<reference>(a, x.q, x.k, x.v, merged_heads(out, 1, 2, 1, 1), sequence_grid(2), memory);
  CHECK(out[0] == Approx(2.5));
  CHECK(out[1] == Approx((4.0 * 1.0 + 1.0 * 4.0) / 5.0));
}

TEST_CASE("a window as large as the map is global") {
  attend_case a(2, 3, 5, {1, 4, 6}, 1);
  attend_case b = a;
  a.run<reference>(attention<global>{});
  b.run<reference>(attention<window<4, 6>>{});
  CHECK(a.out == b.out);
}

TEST_CASE("grid is block on transposed tokens") {
  // Order the tokens so that lattices become neighbours.
  attend_case a(1, 2, 4, {1, 6, 8}, 2);
  const auto lattice = grid<3, 4>{}.map(a.grid);
  const auto blocks = block<3, 4>{}.map(a.grid);
  std::vector<std::size_t> order(a.tokens());
  std::vector<std::size_t> back(a.tokens());
  for (std::size_t g = 0; g < lattice.groups(); ++g)
    for (std::size_t i = 0; i < lattice.group_size(); ++i) {
      const auto from = static_cast<std::size_t>(lattice.token(g, i));
      const auto to = static_cast<std::size_t>(blocks.token(g, i));
      order[to] = from;
      back[from] = to;
    }
  attend_case b = reordered(a, order);
  a.run<reference>(attention<grid<3, 4>>{});
  b.run<reference>(attention<block<3, 4>>{});
  CHECK(a.out == rows_in_order(b, back));
}

TEST_CASE("a shifted window is a window on the rolled map") {
  attend_case a(1, 1, 3, {1, 6, 8}, 3);
  std::vector<std::size_t> order(48);
  std::vector<std::size_t> back(48);
  for (std::size_t y = 0; y < 6; ++y)
    for (std::size_t x = 0; x < 8; ++x) {
      const std::size_t from = (y + 1) % 6 * 8 + (x + 2) % 8;
      order[y * 8 + x] = from;
      back[from] = y * 8 + x;
    }
  attend_case b = reordered(a, order);
  a.run<reference>(attention{window<3, 4>{1, 2}});
  b.run<reference>(attention{window<3, 4>{}});
  CHECK(a.out == rows_in_order(b, back));
}

TEST_CASE("same_region leaves the tokens of one region to themselves") {
  // A roll of a one-dimensional sequence: the last window holds the last 2 tokens and the first 2.
  attend_case a(1, 1, 4, {1, 1, 8}, 4);
  attend_case b = a;
  a.run<reference>(attention{window<1, 4>{0, 2}, same_region{}});
  b.run<reference>(attention{visible_if{[](std::size_t q, std::size_t k) { return (q + 2) / 4 == (k + 2) / 4; }}});
  CHECK(test::worst(b.out, a.out).relative() < 1e-6);
}

TEST_CASE("adaptive blocks are blocks of the root") {
  attend_case a(1, 2, 3, {1, 9, 16}, 5);
  attend_case b = a;
  a.run<reference>(attention<adaptive_block>{});
  b.run<reference>(attention<block<3, 4>>{});
  CHECK(a.out == b.out);
  a.run<reference>(attention<adaptive_grid>{});
  b.run<reference>(attention<grid<3, 4>>{});
  CHECK(a.out == b.out);
}

TEST_CASE("halves merged by logsumexp are the whole") {
  attend_case whole(1, 2, 8, sequence_grid(20), 6);
  attend_case low = whole;
  attend_case high = whole;
  whole.run<reference>(attention<logsumexp>{});
  low.run<reference>(attention{logsumexp{}, visible_if{[](std::size_t, std::size_t k) { return k < 7; }}});
  high.run<reference>(attention{logsumexp{}, visible_if{[](std::size_t, std::size_t k) { return k >= 7; }}});
  for (std::size_t h = 0; h < 2; ++h)
    for (std::size_t t = 0; t < 20; ++t) {
      const double l1 = static_cast<double>(low.lse[h * 20 + t]);
      const double l2 = static_cast<double>(high.lse[h * 20 + t]);
      const double w = 1.0 / (1.0 + std::exp(l2 - l1));
      CHECK(static_cast<double>(whole.lse[h * 20 + t]) == Approx(std::log(std::exp(l1) + std::exp(l2))));
      for (std::size_t d = 0; d < 8; ++d) {
        const std::size_t i = (t * 2 + h) * 8 + d;
        CHECK(static_cast<double>(whole.out[i]) ==
              Approx(w * static_cast<double>(low.out[i]) + (1.0 - w) * static_cast<double>(high.out[i])).margin(1e-6));
      }
    }
}

TEST_CASE("padded positions take no part") {
  // 3 x 5 in windows of 2 x 3: the windows at the border are smaller problems.
  attend_case a(1, 1, 4, {1, 3, 5}, 7);
  attend_case b = a;
  a.run<reference>(attention<window<2, 3>>{});
  b.run<reference>(
      attention{visible_if{[](std::size_t q, std::size_t k) { return q / 5 / 2 == k / 5 / 2 && q % 5 / 3 == k % 5 / 3; }}});
  CHECK(test::worst(b.out, a.out).relative() < 1e-6);
}

TEST_CASE("a query that sees nothing gets zeros") {
  attend_case a(2, 1, 3, sequence_grid(4), 8);
  const std::int32_t n[2] = {0, 2};
  a.run<reference>(attention{lengths{n}, logsumexp{}});
  for (std::size_t i = 0; i < 12; ++i) CHECK(a.out[i] == 0.0F);
  for (std::size_t i = 0; i < 4; ++i) CHECK(a.lse[i] == -infinity);
  for (std::size_t i = 12; i < 24; ++i) CHECK(std::isfinite(a.out[i]));
}

TEST_CASE("NaN does not come out of what is masked, and does of what is seen") {
  attend_case clean(1, 2, 4, sequence_grid(9), 9);
  attend_case dirty = clean;
  for (std::size_t d = 0; d < 4; ++d) {
    dirty.at(1, 0, 6, 0, d) = not_a_number;
    dirty.at(2, 0, 6, 0, d) = not_a_number;
  }
  clean.run<reference>(attention<causal<>>{});
  dirty.run<reference>(attention<causal<>>{});
  for (std::size_t t = 0; t < 9; ++t)
    for (std::size_t d = 0; d < 4; ++d) {
      CHECK(std::isnan(dirty.out[(t * 2 + 0) * 4 + d]) == (t >= 6));
      if (t < 6) CHECK(dirty.out[(t * 2 + 0) * 4 + d] == clean.out[(t * 2 + 0) * 4 + d]);
      CHECK(dirty.out[(t * 2 + 1) * 4 + d] == clean.out[(t * 2 + 1) * 4 + d]);
    }
}

TEST_CASE("cross attention reads other tokens") {
  const auto q = test::normal_vector(2 * 3 * 4, 10);  // [1, heads 2, tokens 3, 4] as [tokens, heads, dim]
  const auto kv = test::normal_vector(5 * 2 * 4, 11);
  std::vector<float> out(24);
  const workspace memory(65536);
  const auto queries = merged_heads(q.data(), 1, 3, 2, 4);
  const auto keys = merged_heads(kv.data(), 1, 5, 2, 4);
  attend<reference>(attention<cross_source>{}, queries, keys, keys, merged_heads(out.data(), 1, 3, 2, 4), sequence_grid(3),
                    memory);
  double weights[5];
  double sum = 0.0;
  for (std::size_t k = 0; k < 5; ++k) {
    double s = 0.0;
    for (std::size_t d = 0; d < 4; ++d)
      s += static_cast<double>(q[(2 * 2 + 1) * 4 + d]) * static_cast<double>(kv[(k * 2 + 1) * 4 + d]);
    weights[k] = std::exp(0.5 * s);
    sum += weights[k];
  }
  double expected = 0.0;
  for (std::size_t k = 0; k < 5; ++k) expected += weights[k] / sum * static_cast<double>(kv[(k * 2 + 1) * 4 + 2]);
  CHECK(static_cast<double>(out[(2 * 2 + 1) * 4 + 2]) == Approx(expected).epsilon(1e-5));
}

TEST_CASE("one group on gathered rows is that group of the whole") {
  attend_case a(2, 2, 4, {1, 6, 7}, 12);
  const attention composition{window<3, 4>{1, 1}, same_region{}};
  a.run<reference>(composition);
  const workspace memory(plan_bytes(composition, a.grid, 2) + attend_group_bytes(reference{}, composition, a.grid, 4));
  arena block = memory.scratch();
  const auto plan = plan_attention(composition, a.grid, 2, block);
  const std::size_t group = 3;
  std::vector<std::int32_t> tokens(12);
  plan.map().tokens(group, tokens.data());
  std::vector<float> rows(12 * 24, not_a_number);
  std::vector<float> out(12 * 8, 77.0F);
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t c = 0; c < 24 && tokens[i] >= 0; ++c)
      rows[i * 24 + c] = a.projection[(42 + static_cast<std::size_t>(tokens[i])) * 24 + c];
  const auto x = qkv_views<4>(rows.data(), 1, 12, 2);
  attend_group(context<reference>{reference{}, block}, plan, 1, group, x.q, x.k, x.v, merged_heads<4>(out.data(), 1, 12, 2));
  for (std::size_t i = 0; i < 12; ++i)
    for (std::size_t c = 0; c < 8; ++c)
      CHECK(out[i * 8 + c] == (tokens[i] < 0 ? 77.0F : a.out[(42 + static_cast<std::size_t>(tokens[i])) * 8 + c]));
}

TEST_CASE("shapes and scratch are checked before anything is written") {
  attend_case a(1, 2, 4, sequence_grid(6), 13);
  const auto x = a.inputs();
  const workspace memory(65536);
  const attention<> c;
  auto out = a.output();
  REQUIRE_THROWS_AS(attend<reference>(c, x.q, x.k, x.v, out, sequence_grid(7), memory), shape_error);
  const auto wrong = merged_heads(a.out.data(), 1, 6, 1, 8);
  REQUIRE_THROWS_AS(attend<reference>(c, x.q, x.k, x.v, wrong, sequence_grid(6), memory), shape_error);
  const workspace small(64);
  REQUIRE_THROWS_AS(attend<reference>(c, x.q, x.k, x.v, out, sequence_grid(6), small), workspace_error);
  REQUIRE_THROWS_AS(attend<reference>(attention<lengths>{}, x.q, x.k, x.v, out, sequence_grid(6), memory), shape_error);
  REQUIRE_THROWS_AS(attend<reference>(attention<logsumexp>{}, x.q, x.k, x.v, out, sequence_grid(6), memory), shape_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
