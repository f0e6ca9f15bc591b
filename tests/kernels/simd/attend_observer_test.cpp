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
  results(const attend_case& a, const Composition& c, bool weighted)
      : results(a, c.partition().map(a.grid).groups(), a.tokens(), c.partition().map(a.grid).group_size(),
                c.partition().map(a.grid).group_size(), weighted) {}

  /// `key_tokens` in all; of each group `queries` and `keys`.
  results(const attend_case& a, std::size_t groups, std::size_t key_tokens, std::size_t queries, std::size_t keys,
          bool weighted) {
    importance.assign(a.batch * a.heads * key_tokens, 0.25F);  // added to
    class_rows.assign(importance.size(), 55.0F);
    probability.assign(a.batch * a.heads * groups * queries * keys, 55.0F);
    weights = test::normal_vector(a.batch * a.heads * a.tokens(), 77);
    const auto rows_of = [&](auto* data, std::size_t n) {
      return head_rows<std::remove_pointer_t<decltype(data)>>(data, extents<dyn, dyn, dyn>(a.batch, a.heads, n),
                                                              {a.heads * n, n, std::size_t{1}});
    };
    outputs.importance = rows_of(importance.data(), key_tokens);
    outputs.class_row = rows_of(class_rows.data(), key_tokens);
    if (weighted) outputs.row_weights = rows_of(static_cast<const float*>(weights.data()), a.tokens());
    const std::size_t h = a.heads * groups;
    outputs.probabilities = head_view<float>(probability.data(), extents<dyn, dyn, dyn, dyn>(a.batch, h, queries, keys),
                                             {h * queries * keys, queries * keys, keys, std::size_t{1}});
  }
};

void require_equal(const attend_case& a, const attend_case& b, const results& expected, const results& actual) {
  CHECK(test::worst(a.out, b.out).relative() < 1e-5);
  CHECK(test::worst(a.lse, b.lse).relative() < 1e-5);
  CHECK(test::worst(expected.importance, actual.importance).relative() < 1e-5);
  CHECK(test::worst(expected.class_rows, actual.class_rows).relative() < 1e-5);
  CHECK(test::worst(expected.probability, actual.probability).relative() < 1e-5);
}

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
  require_equal(a, b, expected, actual);
}

/// `a` asks the keys and values of `other`.
template <class Backend, class Composition>
void run_across(attend_case& a, const attend_case& other, const Composition& c, attend_outputs outputs) {
  const workspace memory(plan_bytes(c, a.grid, other.grid, a.heads) +
                         attend_bytes<float>(Backend{}, c, a.grid, other.grid, a.dim));
  outputs.logsumexp = a.logsumexps();
  const auto x = other.inputs();
  attend(context<Backend>{Backend{}, memory.scratch()}, c, a.inputs().q, x.k, x.v, a.output(), a.grid, outputs);
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

// Up to 8192 keys are packed at once where weights are observed. Of more, the scores of a chunk are made a second time once
// the sums of the rows are known: for blocks of queries, and for so few that keys are read in place.
TEST_CASE("observers of weights of more keys than are packed at once") {
  const attention c{observe<logsumexp, key_importance, class_row, probabilities>{}, cross_source{}};
  constexpr std::size_t keys = 8193;
  const attend_case other(1, 2, 4, sequence_grid(keys), 9);
  for (const std::size_t queries : {3U, 45U}) {
    attend_case a(1, 2, 4, sequence_grid(queries), 10);
    attend_case b = a;
    results expected(a, 1, keys, queries, keys, queries == 3);
    results actual(a, 1, keys, queries, keys, queries == 3);
    run_across<reference>(a, other, c, expected.outputs);
    run_across<simd>(b, other, c, actual.outputs);
    INFO(queries << " queries");
    require_equal(a, b, expected, actual);
  }
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
