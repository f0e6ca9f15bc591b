#include <heddle/reference/attend.hpp>

#include <limits>
#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Memory for every observer of a case.
struct results {
  std::vector<float> importance;
  std::vector<float> class_rows;
  std::vector<float> probability;
  attend_outputs outputs{};

  template <class Composition>
  results(const attend_case& a, const Composition& c) {
    const auto map = c.partition().map(a.grid);
    const std::size_t size = map.group_size();
    const std::size_t t = a.tokens();
    importance.assign(a.batch * a.heads * t, 0.0F);
    class_rows.assign(importance.size(), not_a_number);
    probability.assign(a.batch * a.heads * map.groups() * size * size, not_a_number);
    const extents<dyn, dyn, dyn> e(a.batch, a.heads, t);
    outputs.importance = head_rows<float>(importance.data(), e, {a.heads * t, t, std::size_t{1}});
    outputs.class_row = head_rows<float>(class_rows.data(), e, {a.heads * t, t, std::size_t{1}});
    const std::size_t h = a.heads * map.groups();
    outputs.probabilities = head_view<float>(probability.data(), extents<dyn, dyn, dyn, dyn>(a.batch, h, size, size),
                                             {h * size * size, size * size, size, std::size_t{1}});
  }
};

using all_observers = observe<logsumexp, key_importance, class_row, probabilities>;
}  // namespace

TEST_CASE("probabilities are the weights of the output, and the others follow from them") {
  attend_case a(2, 2, 4, {1, 3, 5}, 1);
  const attention c{window<2, 3>{1, 0}, causal<>{}, all_observers{}};  // with padding
  results r(a, c);
  a.run<reference>(c, {}, r.outputs);
  const auto map = c.partition().map(a.grid);
  const std::size_t groups = map.groups();
  std::vector<double> importance(r.importance.size(), 0.0);
  std::vector<float> out(a.out.size(), 0.0F);
  std::vector<float> rows(r.class_rows.size(), 0.0F);
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t h = 0; h < 2; ++h)
      for (std::size_t g = 0; g < groups; ++g) {
        double present = 0.0;
        for (std::size_t q = 0; q < 6; ++q) present += map.token(g, q) >= 0 ? 1.0 : 0.0;
        for (std::size_t q = 0; q < 6; ++q)
          for (std::size_t k = 0; k < 6; ++k) {
            const float p = r.outputs.probabilities(b, h * groups + g, q, k);
            if (map.token(g, q) < 0 || map.token(g, k) < 0 || k > q) {
              REQUIRE(p == 0.0F);
              continue;
            }
            const auto query = static_cast<std::size_t>(map.token(g, q));
            const auto key = static_cast<std::size_t>(map.token(g, k));
            importance[(b * 2 + h) * 15 + key] += static_cast<double>(p) / present;
            if (q == 0) rows[(b * 2 + h) * 15 + key] = p;
            for (std::size_t d = 0; d < 4; ++d) out[((b * 15 + query) * 2 + h) * 4 + d] += p * a.at(2, b, key, h, d);
          }
      }
  CHECK(test::worst(out, a.out).relative() < 1e-6);
  CHECK(test::worst(importance, std::vector<double>(r.importance.begin(), r.importance.end())).relative() < 1e-6);
  CHECK(r.class_rows == rows);
  attend_case b(2, 2, 4, {1, 3, 5}, 1);
  b.run<reference>(attention{window<2, 3>{1, 0}, causal<>{}, logsumexp{}});
  CHECK(a.lse == b.lse);
  CHECK(a.out == b.out);
}

TEST_CASE("importance is added, and rows may be weighted") {
  attend_case a(1, 1, 4, sequence_grid(4), 2);
  const attention c{key_importance{}};
  results r(a, c);
  const std::vector<float> weights{0.0F, 2.0F, 0.0F, -1.0F};
  r.outputs.row_weights = head_rows<const float>(weights.data(), extents<dyn, dyn, dyn>(1, 1, 4), {4, 4, std::size_t{1}});
  r.importance.assign(4, 5.0F);
  a.run<reference>(c, {}, r.outputs);
  results p(a, attention{probabilities{}});
  a.run<reference>(attention{probabilities{}}, {}, p.outputs);
  for (std::size_t k = 0; k < 4; ++k)
    CHECK(r.importance[k] == Approx(5.0F + 2.0F * p.probability[4 + k] - p.probability[12 + k]));
}

TEST_CASE("weights of other normalizers are observed as they are used") {
  attend_case a(1, 1, 4, sequence_grid(5), 3);
  const auto observed = [&](const auto& normalizer) {
    const attention c{normalizer, probabilities{}};
    results r(a, c);
    a.run<reference>(c, {}, r.outputs);
    for (std::size_t q = 0; q < 5; ++q)
      for (std::size_t d = 0; d < 4; ++d) {
        float sum = 0.0F;
        for (std::size_t k = 0; k < 5; ++k) sum += r.probability[q * 5 + k] * a.at(2, 0, k, 0, d);
        CHECK(a.out[q * 4 + d] == Approx(sum).margin(1e-6));
      }
  };
  observed(softmax_one{});
  observed(sigmoid_weights{});
  observed(top_k<2>{});
  observed(decoupled<share::constant, share::odds>{{1, 2}, {0.25F}, {1.0F}});
}

TEST_CASE("a missing or wrong output is refused with its name") {
  attend_case a(1, 2, 4, sequence_grid(5), 4);
  const attention c{all_observers{}};
  const auto with = [&](auto change) {
    results r(a, c);
    change(r.outputs);
    a.run<reference>(c, {}, r.outputs);
  };
  REQUIRE_THROWS_AS(with([](attend_outputs& o) { o.importance = {}; }), shape_error);
  REQUIRE_THROWS_AS(with([](attend_outputs& o) { o.class_row = {}; }), shape_error);
  REQUIRE_THROWS_AS(with([](attend_outputs& o) { o.probabilities = {}; }), shape_error);
  float one = 0.0F;
  const head_rows<const float> wrong(&one, extents<dyn, dyn, dyn>(1, 1, 1), {1, 1, std::size_t{1}});
  REQUIRE_THROWS_AS(with([&](attend_outputs& o) { o.row_weights = wrong; }), shape_error);
#if HEDDLE_HAS_EXCEPTIONS
  REQUIRE_THROWS_WITH(with([](attend_outputs& o) { o.importance = {}; }), "attend: importance: expected 1 batch items, got 0");
#endif
  for (const float y : a.out) REQUIRE(y == 77.0F);
}
