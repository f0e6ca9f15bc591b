// Rows of keys wherever they lie, shared heads, element types and few queries on vectors, against the definition.
#include <heddle/simd/attend.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {

template <class T>
std::vector<T> numbers(std::size_t n, std::uint64_t seed) {
  std::vector<T> x;
  for (const float f : test::normal_vector(n, seed)) x.push_back(T(f));
  return x;
}

template <class T, std::size_t D = dyn>
head_view<T, D> separate(T* data, std::size_t batch, std::size_t heads, std::size_t tokens, std::size_t dim) {
  return head_view<T, D>(data, extents<dyn, dyn, dyn, D>(batch, heads, tokens, dim),
                         {heads * tokens * dim, tokens * dim, dim, std::size_t{1}});
}

struct sizes {
  std::size_t heads;
  std::size_t key_heads;
  std::size_t queries;
  std::size_t keys;
  std::size_t dim;
};

/// One call on both backends; `keys(data)` makes the view of keys and values from stored rows.
template <class T, class Out, class Composition, class Keys>
void require_like_reference(const Composition& c, const sizes& s, Keys keys, double bound) {
  const auto q = numbers<T>(2 * s.heads * s.queries * s.dim, 1);
  const auto k = numbers<T>(2 * s.key_heads * s.keys * s.dim, 2);
  const auto v = numbers<T>(2 * s.key_heads * s.keys * s.dim, 3);
  const token_grid grid = sequence_grid(s.queries);
  const auto run = [&](auto backend) {
    std::vector<Out> out(2 * s.heads * s.queries * s.dim, Out(77.0F));
    const token_grid key_grid = sequence_grid(keys(k.data()).extent(2));
    const workspace memory(plan_bytes(c, grid, key_grid, s.heads) + attend_bytes<T>(backend, c, grid, key_grid, s.dim));
    attend(context<decltype(backend)>{backend, memory.scratch()}, c, separate<const T>(q.data(), 2, s.heads, s.queries, s.dim),
           keys(k.data()), keys(v.data()), separate<Out>(out.data(), 2, s.heads, s.queries, s.dim), grid);
    return std::vector<float>(out.begin(), out.end());
  };
  const auto expected = run(reference{});
  const auto actual = run(simd{});
  INFO(s.heads << " heads on " << s.key_heads << ", " << s.queries << " queries, " << s.keys << " keys, head_dim " << s.dim
               << ": " << test::worst(expected, actual).text());
  REQUIRE(test::worst(expected, actual).relative() < bound);
}

template <class T, class Out = T, class Composition>
void plain(const Composition& c, const sizes& s, double bound = 1e-5) {
  require_like_reference<T, Out>(c, s, [&](const T* p) { return separate<const T>(p, 2, s.key_heads, s.keys, s.dim); }, bound);
}

using shared_cross = grouped<0, cross_source>;
using last = causal<alignment::bottom_right>;

}  // namespace

TEST_CASE("heads that share keys on vectors") {
  for (const std::size_t queries : {1U, 3U, 20U, 130U})
    for (const std::size_t keys : {1U, 17U, 90U, 700U}) {
      if (queries == 130 && keys == 700) continue;  // both are long below
      plain<float>(attention<shared_cross>{}, {6, 2, queries, keys, 12});
      plain<float>(attention<shared_cross, last>{}, {8, 8, queries, keys, 16});
      plain<float>(attention<multi_query<cross_source>>{}, {5, 1, queries, keys, 20});
    }
  plain<float>(attention<shared_cross>{}, {4, 1, 600, 900, 8});
  plain<float>(attention<multi_query<cross_source>>{}, {40, 1, 30, 40, 8});
  plain<float>(attention<multi_query<cross_source>>{}, {40, 1, 1, 40, 8});
}

TEST_CASE("few queries read keys in place") {
  for (std::size_t queries = 1; queries <= 9; ++queries)
    for (const std::size_t dim : {1U, 15U, 16U, 40U, 64U, 130U, 512U})
      plain<float>(attention<cross_source>{}, {2, 2, queries, 37, dim});
  plain<float>(attention<cross_source, last>{}, {2, 2, 4, 1500, 64});
  plain<float>(attention<multi_query<cross_source>>{}, {16, 1, 1, 70, 512});
  plain<float>(attention{cross_source{}, softmax_one{}}, {2, 2, 1, 1500, 8});
  plain<float>(attention{cross_source{}, sigmoid_weights{}}, {2, 2, 2, 900, 8});
  plain<float>(attention{cross_source{}, top_k<3>{}}, {2, 2, 2, 900, 8});
}

TEST_CASE("no keys, and a single one") {
  for (const std::size_t queries : {1U, 40U}) {
    plain<float>(attention<cross_source>{}, {2, 2, queries, 0, 8});
    plain<float>(attention<cross_source, softmax_one>{}, {2, 2, queries, 0, 8});
    plain<float>(attention<cross_source, top_k<3>>{}, {2, 2, queries, 0, 8});
    plain<float>(attention<cross_source>{}, {2, 2, queries, 1, 8});
  }
}

TEST_CASE("16-bit elements are widened, and rounded once") {
  for (const std::size_t queries : {2U, 50U}) {
    for (const std::size_t dim : {1U, 13U, 16U, 40U, 64U}) {
      const sizes s{2, 2, queries, 75, dim};
      plain<half>(attention<cross_source>{}, s, 2e-3);
      plain<half, float>(attention<cross_source>{}, s, 1e-5);
      plain<bfloat16>(attention<cross_source>{}, s, 1.6e-2);
      plain<bfloat16, float>(attention<cross_source, last>{}, s, 1e-2);
    }
  }
}

TEST_CASE("keys in several places, and in a ring") {
  for (const std::size_t queries : {1U, 45U}) {
    const sizes s{2, 2, queries, 61, 12};
    require_like_reference<float, float>(
        attention<cross_source, last>{}, s,
        [&](const float* p) {
          const auto all = separate<const float>(p, 2, 2, 61, 12);
          const auto part = [&](std::size_t first, std::size_t n) {
            return head_view<const float>(p + first * 12, extents<dyn, dyn, dyn, dyn>(2, 2, n, 12),
                                          {all.stride(0), all.stride(1), 12, 1});
          };
          return joined_heads<float, dyn, 3>{{part(40, 21), part(0, 9), part(9, 31)}};
        },
        1e-5);
    require_like_reference<float, float>(
        attention<cross_source, sliding<30, band_side::past, alignment::bottom_right>>{}, s,
        [&](const float* p) { return ring_heads<float>{separate<const float>(p, 2, 2, 61, 12), 23, 50}; }, 1e-5);
  }
}
