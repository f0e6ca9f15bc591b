#include <heddle/reference/attend.hpp>

#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;

namespace {
/// Rows `[batch, tokens, heads, dim]`.
struct rows {
  std::size_t batch;
  std::size_t tokens;
  std::size_t heads;
  std::size_t dim;
  std::vector<float> values;

  rows(std::size_t b, std::size_t t, std::size_t h, std::size_t d, std::uint64_t seed)
      : batch(b), tokens(t), heads(h), dim(d), values(test::normal_vector(b * t * h * d, seed)) {}

  head_view<const float> view(std::size_t first, std::size_t count) const {
    return {values.data() + first * heads * dim,
            extents<dyn, dyn, dyn, dyn>(batch, heads, count, dim),
            {tokens * heads * dim, dim, heads * dim, std::size_t{1}}};
  }
  head_view<const float> view() const { return view(0, tokens); }
  head_view<float> target() { return merged_heads(values.data(), batch, tokens, heads, dim); }
};

template <class Composition, class K>
rows attended(const Composition& c, const rows& q, const K& k, const K& v) {
  rows out(q.batch, q.tokens, q.heads, q.dim, 99);
  const token_grid grid = sequence_grid(q.tokens);
  const token_grid key_grid = sequence_grid(k.extent(2));
  const workspace memory(plan_bytes(c, grid, key_grid, q.heads) + attend_bytes(reference{}, c, grid, key_grid, q.dim));
  attend<reference>(c, q.view(), k, v, out.target(), grid, memory);
  return out;
}
}  // namespace

TEST_CASE("views one after the other are the keys of one view") {
  const rows q(2, 4, 2, 3, 1);
  const rows k(2, 9, 2, 3, 2);
  const rows v(2, 9, 2, 3, 3);
  const rows expected = attended(attention<cross_source>{}, q, k.view(), v.view());
  const joined_heads<float, dyn, 3> keys{{k.view(0, 2), k.view(2, 0), k.view(2, 7)}};
  const joined_heads<float, dyn, 3> values{{v.view(0, 2), v.view(2, 0), v.view(2, 7)}};
  CHECK(keys.extent(2) == 9);
  CHECK(attended(attention<cross_source>{}, q, keys, values).values == expected.values);
}

TEST_CASE("a ring begins anywhere") {
  const rows q(1, 3, 2, 3, 4);
  const rows k(1, 6, 2, 3, 5);
  rows turned = k;  // slot (i + 4) % 6
  for (std::size_t i = 0; i < 36; ++i) turned.values[(i + 24) % 36] = k.values[i];
  const rows expected = attended(attention<cross_source>{}, q, k.view(0, 5), k.view(0, 5));
  const ring_heads<float> ring{turned.view(), 4, 5};
  CHECK(attended(attention<cross_source>{}, q, ring, ring).values == expected.values);
}

TEST_CASE("heads of queries share heads of keys") {
  const rows q(2, 5, 6, 4, 6);
  const rows k(2, 5, 2, 4, 7);
  const rows v(2, 5, 2, 4, 8);
  rows wide_k(2, 5, 6, 4, 9);
  rows wide_v = wide_k;
  for (std::size_t t = 0; t < 10; ++t)
    for (std::size_t h = 0; h < 6; ++h)
      for (std::size_t d = 0; d < 4; ++d) {
        wide_k.values[(t * 6 + h) * 4 + d] = k.values[(t * 2 + h / 3) * 4 + d];
        wide_v.values[(t * 6 + h) * 4 + d] = v.values[(t * 2 + h / 3) * 4 + d];
      }
  const rows expected = attended(attention<causal<>>{}, q, wide_k.view(), wide_v.view());
  CHECK(attended(attention<causal<>, grouped<3>>{}, q, k.view(), v.view()).values == expected.values);
  CHECK(attended(attention<causal<>, grouped<>>{}, q, k.view(), v.view()).values == expected.values);
  CHECK(attended(attention<causal<>, grouped<0, cross_source>>{}, q, k.view(), v.view()).values == expected.values);
  const rows one(2, 5, 1, 4, 10);
  rows wide(2, 5, 6, 4, 11);
  for (std::size_t i = 0; i < wide.values.size(); ++i) wide.values[i] = one.values[i / 24 * 4 + i % 4];
  CHECK(attended(attention<multi_query<>>{}, q, one.view(), one.view()).values ==
        attended(attention<>{}, q, wide.view(), wide.view()).values);
}

TEST_CASE("numbers of heads are checked") {
  const rows q(1, 5, 6, 4, 12);
  const rows two(1, 5, 2, 4, 13);
  const rows four(1, 5, 4, 4, 14);
  REQUIRE_THROWS_AS(attended(attention<>{}, q, two.view(), two.view()), shape_error);
  REQUIRE_THROWS_AS(attended(attention<grouped<2>>{}, q, two.view(), two.view()), shape_error);
  REQUIRE_THROWS_AS(attended(attention<grouped<4>>{}, q, two.view(), two.view()), shape_error);
  REQUIRE_THROWS_AS(attended(attention<grouped<>>{}, q, four.view(), four.view()), shape_error);
  REQUIRE_THROWS_AS(attended(attention<multi_query<>>{}, q, two.view(), two.view()), shape_error);
  REQUIRE_THROWS_AS(attended(attention<grouped<>>{}, q, two.view(), q.view()), shape_error);  // k and v
}
