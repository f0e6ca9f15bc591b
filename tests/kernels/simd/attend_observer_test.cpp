// Observers of weights on vectors, against the definition.
#include <heddle/simd/attend.hpp>

#include <cstring>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {

struct results {
  std::vector<float> importance;
  std::vector<float> class_rows;
  std::vector<float> probability;
  std::vector<float> weights;
  attend_outputs outputs{};

  template <class Composition>
  results(const attend_case& a, const Composition& c, bool weighted) {
    const auto map = c.partition().map(a.grid);
    const std::size_t size = map.group_size();
    const std::size_t t = a.tokens();
    importance.assign(a.batch * a.heads * t, 0.25F);  // added to
    class_rows.assign(importance.size(), 55.0F);
    probability.assign(a.batch * a.heads * map.groups() * size * size, 55.0F);
    weights = test::normal_vector(importance.size(), 77);
    const extents<dyn, dyn, dyn> e(a.batch, a.heads, t);
    const std::array<std::size_t, 3> s{a.heads * t, t, std::size_t{1}};
    outputs.importance = head_rows<float>(importance.data(), e, s);
    outputs.class_row = head_rows<float>(class_rows.data(), e, s);
    if (weighted) outputs.row_weights = head_rows<const float>(weights.data(), e, s);
    const std::size_t h = a.heads * map.groups();
    outputs.probabilities = head_view<float>(probability.data(), extents<dyn, dyn, dyn, dyn>(a.batch, h, size, size),
                                             {h * size * size, size * size, size, std::size_t{1}});
  }
};

template <class... Ps>
void require_like_reference(std::size_t dim, token_grid grid, std::uint64_t seed, bool weighted, const Ps&... policies) {
  const attention c{observe<logsumexp, key_importance, class_row, probabilities>{}, policies...};
  attend_case a(2, 2, dim, grid, seed);
  attend_case b = a;
  results expected(a, c, weighted);
  results actual(a, c, weighted);
  a.run<reference>(c, {}, expected.outputs);
  b.run<simd>(c, {}, actual.outputs);
  INFO("tokens " << grid.size() << ", head_dim " << dim);
  CHECK(test::worst(a.out, b.out).relative() < 1e-5);
  CHECK(test::worst(a.lse, b.lse).relative() < 1e-5);
  CHECK(test::worst(expected.importance, actual.importance).relative() < 1e-5);
  CHECK(test::worst(expected.class_rows, actual.class_rows).relative() < 1e-5);
  CHECK(test::worst(expected.probability, actual.probability).relative() < 1e-5);
}

}  // namespace

TEST_CASE("what observers of weights return on vectors") {
  for (const std::size_t n : {1U, 7U, 16U, 33U, 65U}) {
    require_like_reference(12, sequence_grid(n), n, n % 2 == 0);
    require_like_reference(8, sequence_grid(n), n, n % 2 == 1, causal<>{});
  }
  require_like_reference(8, {1, 9, 7}, 3, false, window<4>{1, 2}, same_region{});
  require_like_reference(8, sequence_grid(50), 4, true, softmax_one{});
}

TEST_CASE("observers of weights where keys come in chunks or parts") {
  require_like_reference(4, sequence_grid(900), 5, true);
  require_like_reference(4, sequence_grid(900), 6, false, sliding<30>{});
  require_like_reference(4, sequence_grid(60), 7, false,
                         decoupled<share::odds, share::odds>{position_range{50, 8}, {1.0F}, {2.0F}});
}

TEST_CASE("importance of weights that no softmax made") {
  const attention c{observe<key_importance, class_row, probabilities>{}, top_k<4>{}};
  for (const std::size_t n : {20U, 800U}) {
    attend_case a(1, 2, 4, sequence_grid(n), 8);
    attend_case b = a;
    results expected(a, c, true);
    results actual(a, c, true);
    a.run<reference>(c, {}, expected.outputs);
    b.run<simd>(c, {}, actual.outputs);
    CHECK(test::worst(a.out, b.out).relative() < 1e-5);
    CHECK(test::worst(expected.importance, actual.importance).relative() < 1e-5);
    CHECK(test::worst(expected.probability, actual.probability).relative() < 1e-5);
  }
}
