#include <heddle/attention/source/kv_cache.hpp>
#include <heddle/reference/attend.hpp>

#include <cmath>
#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr std::size_t heads = 2;
constexpr std::size_t dim = 4;

/// Memory of a cache of `[1, heads, capacity, dim]`.
template <class T>
struct slots {
  std::vector<T> keys;
  std::vector<T> values;
  explicit slots(std::size_t capacity) : keys(capacity * heads * dim), values(keys.size()) {}
  template <cache_mode Mode = cache_mode::fixed>
  kv_cache<T, dyn, Mode> cache() {
    const std::size_t capacity = keys.size() / heads / dim;
    return {merged_heads(keys.data(), 1, capacity, heads, dim), merged_heads(values.data(), 1, capacity, heads, dim)};
  }
};

head_view<const float> part(const head_view<const float>& x, std::size_t first, std::size_t count) {
  return {x.data_handle() + first * x.stride(2),
          extents<dyn, dyn, dyn, dyn>(x.extent(0), x.extent(1), count, x.extent(3)),
          {x.stride(0), x.stride(1), x.stride(2), x.stride(3)}};
}

/// Rows `[first, first + count)` of a sequence against what the cache holds.
template <class Composition, class Cache>
void step(const Composition& c, attend_case& a, const Cache& cache, std::size_t first, std::size_t count) {
  const auto x = a.inputs();
  const token_grid grid = sequence_grid(count);
  const token_grid keys = sequence_grid(cache.size());
  const workspace memory(plan_bytes(c, grid, keys, heads) + attend_bytes(reference{}, c, grid, keys, dim));
  attend<reference>(c, part(x.q, first, count), cache.keys(), cache.values(),
                    merged_heads(a.out.data() + first * heads * dim, 1, count, heads, dim), grid, memory);
}
}  // namespace

TEST_CASE("decoding token by token is causal attention") {
  attend_case whole(1, heads, dim, sequence_grid(9), 1);
  attend_case a = whole;
  whole.run<reference>(attention{causal<>{}, rotary<>{}});
  slots<float> memory(10);
  auto cache = memory.cache();
  const auto x = a.inputs();
  cache.append(part(x.k, 0, 4), part(x.v, 0, 4));  // a prompt of four, then one by one
  step(attention{cross_source{}, causal<alignment::bottom_right>{}, rotary<>{}}, a, cache, 0, 4);
  for (std::size_t t = 4; t < 9; ++t) {
    cache.append(part(x.k, t, 1), part(x.v, t, 1));
    step(attention{cross_source{}, rotary<>{.query_offset = t, .key_offset = cache.first_position()}}, a, cache, t, 1);
  }
  CHECK(cache.size() == 9);
  CHECK(cache.first_position() == 0);
  CHECK(test::worst(whole.out, a.out).relative() < 1e-6);
}

TEST_CASE("a ring keeps the last tokens") {
  attend_case whole(1, heads, dim, sequence_grid(11), 2);
  attend_case a = whole;
  whole.run<reference>(attention{visible_if{[](std::size_t q, std::size_t k) { return k <= q && q < k + 5; }}, rotary<>{}});
  slots<float> memory(5);
  auto cache = memory.cache<cache_mode::ring>();
  const auto x = a.inputs();
  for (std::size_t t = 0; t < 11; ++t) {
    cache.append(part(x.k, t, 1), part(x.v, t, 1));
    step(attention{cross_source{}, rotary<>{.query_offset = t, .key_offset = cache.first_position()}}, a, cache, t, 1);
  }
  CHECK(cache.size() == 5);
  CHECK(cache.first_position() == 6);
  CHECK(test::worst(whole.out, a.out).relative() < 1e-5);
  auto at_once = slots<float>(5);
  auto other = at_once.cache<cache_mode::ring>();
  other.append(x.k, x.v);  // more than it holds
  CHECK(other.first_position() == 6);
  for (std::size_t i = 0; i < 5; ++i) CHECK(*other.keys().row(0, 1, i) == *cache.keys().row(0, 1, i));
}

TEST_CASE("storage of sixteen bits is rounded once") {
  attend_case whole(1, heads, dim, sequence_grid(6), 3);
  attend_case a = whole;
  for (std::size_t t = 0; t < 6; ++t)
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t d = 0; d < dim; ++d)
        for (const std::size_t p : {0U, 1U, 2U}) a.at(p, 0, t, h, d) = static_cast<float>(bfloat16(a.at(p, 0, t, h, d)));
  attend_case expected = a;
  expected.run<reference>(attention<>{});
  slots<bfloat16> memory(6);
  auto cache = memory.cache();
  const auto x = a.inputs();
  cache.append(x.k, x.v);
  std::vector<bfloat16> q(6 * heads * dim);
  for (std::size_t t = 0; t < 6; ++t)
    for (std::size_t i = 0; i < heads * dim; ++i) q[t * heads * dim + i] = bfloat16(a.at(0, 0, t, i / dim, i % dim));
  const workspace scratch(65536);
  attend<reference>(attention<cross_source>{}, merged_heads(q.data(), 1, 6, heads, dim), cache.keys(), cache.values(),
                    a.output(), sequence_grid(6), scratch);
  CHECK(a.out == expected.out);
}

TEST_CASE("more than the capacity is refused before anything is written") {
  slots<float> memory(4);
  auto cache = memory.cache();
  attend_case a(1, heads, dim, sequence_grid(5), 4);
  const auto x = a.inputs();
  cache.append(part(x.k, 0, 3), part(x.v, 0, 3));
  const std::vector<float> before = memory.keys;
#if HEDDLE_HAS_EXCEPTIONS
  REQUIRE_THROWS_WITH(cache.append(part(x.k, 3, 2), part(x.v, 3, 2)),
                      "kv_cache: append: expected at most 1 tokens (capacity 4), got 2");
#endif
  REQUIRE_THROWS_AS(cache.append(part(x.k, 3, 1), part(x.v, 3, 2)), shape_error);
  CHECK(memory.keys == before);
  CHECK(cache.size() == 3);
  cache.clear();
  CHECK(cache.size() == 0);
  cache.append(part(x.k, 0, 4), part(x.v, 0, 4));
  CHECK(cache.size() == 4);
}
