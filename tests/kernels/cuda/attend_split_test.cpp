// Few queries to many keys on the emulated device against the definition: parts of the keys and their merge, heads that share
// keys, caches, masks. Lanes run in order and in random order and must be free of races.
#include <heddle/cuda/attend_split.cuh>

#include <limits>

#include "tests/kernels/cuda/attend_way.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

constexpr double bf16_rounding = 0.008;
constexpr std::size_t dim = 16;

template <class Arguments>
struct split_way : detail::attend_split_way<Arguments> {
  using base = detail::attend_split_way<Arguments>;
  static void run(const detail::attend_parameters<Arguments>& p, const arena& memory) { base::run({}, p, memory); }
};

template <std::size_t D, class T = float, class Out = T, class Composition>
void check_inputs(const Composition& c, const way_case& s, const way_inputs<T>& x, double bound, double rounding) {
  INFO("queries " << s.grid.size() << ", keys " << s.key_grid.size() << ", batch " << s.batch);
  const auto expected = by_definition<D>(c, s, x);
  const auto keys = [&](const T* p) { return merged_heads<D>(p, s.batch, s.key_grid.size(), s.key_heads); };
  in_both_orders([&] { require_close(expected, by_way<split_way, D, Out>(c, s, x, keys), true, bound, rounding); });
}

template <std::size_t D, class T = float, class Out = T, class Composition>
void check(const Composition& c, const way_case& s, double bound = 1e-5, double rounding = 0.0) {
  check_inputs<D, T, Out>(c, s, random_inputs<D, T>(s), bound, rounding);
}

way_case few(std::size_t queries, std::size_t keys, std::size_t heads, std::size_t key_heads, std::size_t batch,
             std::uint64_t seed) {
  return {sequence_grid(queries), sequence_grid(keys), heads, key_heads, batch, 0, seed};
}

}  // namespace

TEST_CASE("attend cuda split: the cut depends on shapes alone and covers all keys") {
  using detail::split_cut;
  for (const std::size_t keys : {256U, 257U, 4096U, 32768U, 1000000U}) {
    for (const std::size_t problems : {1U, 7U, 300U, 2000U}) {
      const split_cut c = split_cut::of(problems, 1, 8, keys, 64);
      CHECK(c.parts >= 1);
      CHECK(c.parts * c.span >= keys);
      CHECK((c.parts - 1) * c.span < keys);
      CHECK((c.parts == 1 || c.parts * c.problems <= split_cut::most_parts));
    }
  }
}

TEST_CASE("attend cuda split: one query, heads that share keys") {
  const attention c{grouped<4, cross_source>{}, logsumexp{}};
  check<dim, bfloat16>(c, few(1, 1100, 8, 2, 1, 1), 2e-3, bf16_rounding);
  check<dim, bfloat16>(c, few(1, 300, 8, 2, 2, 2), 2e-3, bf16_rounding);
  check<dim, bfloat16>(c, few(5, 513, 8, 2, 1, 3), 2e-3, bf16_rounding);  // 20 rows
}

TEST_CASE("attend cuda split: floats, causal, poisoned keys") {
  const attention c{cross_source{}, causal<alignment::bottom_right>{}, softmax_one{}, logsumexp{}};
  const way_case s = few(4, 700, 2, 2, 1, 4);
  check<dim>(c, s);
  auto x = random_inputs<dim, float>(s);
  x.k[697 * 2 * dim + 3] = std::numeric_limits<float>::quiet_NaN();
  x.v[698 * 2 * dim + 2] = std::numeric_limits<float>::infinity();
  check_inputs<dim>(c, s, x, 1e-5, 0.0);
}

TEST_CASE("attend cuda split: a window that leaves parts unseen") {
  check<dim>(attention{cross_source{}, sliding<40, band_side::past, alignment::bottom_right>{}, logsumexp{}},
             few(1, 900, 2, 2, 1, 5));
}
