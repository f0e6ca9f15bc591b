#include <heddle/reference/attend.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();

/// A bias for every pair of the group, which lies in memory; none for query 2.
struct bias_rows {
  using policy_category = score_mod_tag;
  const float* values = nullptr;  ///< `[heads, queries, keys]`
  template <class Context>
  const float* row(const Context& c, std::size_t q) const {
    return q == 2 ? nullptr : values + (c.head * c.queries + q) * c.keys;
  }
  void check(const attend_call& call) const { require_extent("bias_rows", "keys", 6, call.keys); }
};

/// The same, asked with the context for single elements.
struct bias_elements {
  using policy_category = score_mod_tag;
  const float* values = nullptr;
  template <class Context>
  float operator()(const Context& c, float score, std::size_t q, std::size_t k) const {
    return q == 2 ? score : score + values[(c.head * c.queries + q) * c.keys + k];
  }
};

template <class T>
std::vector<T> converted(const std::vector<float>& x) {
  std::vector<T> y;
  for (const float v : x) y.push_back(static_cast<T>(v));
  return y;
}

/// Elements of sixteen bits give what their floats give, rounded if the output is.
template <class T>
void check_elements() {
  attend_case a(2, 2, 5, {1, 4, 4}, 1);
  const auto small = converted<T>(a.projection);
  for (std::size_t i = 0; i < small.size(); ++i) a.projection[i] = static_cast<float>(small[i]);
  const attention c{window<3>{1, 1}, same_region{}, rotary<>{.dims = 4}};
  a.run<reference>(c);
  const auto x = qkv_views(small.data(), 2, 16, 2, qkv_order::qkv_heads, 5);
  const workspace memory(plan_bytes(c, a.grid, 2) + attend_bytes<T>(reference{}, c, a.grid, 5));
  std::vector<float> wide(a.out.size());
  attend<reference>(c, x.q, x.k, x.v, merged_heads(wide.data(), 2, 16, 2, 5), a.grid, memory);
  CHECK(wide == a.out);
  std::vector<T> narrow(a.out.size());
  attend<reference>(c, x.q, x.k, x.v, merged_heads(narrow.data(), 2, 16, 2, 5), a.grid, memory);
  for (std::size_t i = 0; i < narrow.size(); ++i) CHECK(narrow[i].bits == T(a.out[i]).bits);
}
}  // namespace

TEST_CASE("elements of sixteen bits") {
  check_elements<bfloat16>();
  check_elements<half>();
}

TEST_CASE("biases in rows, and functions that are told the group") {
  attend_case a(1, 2, 4, sequence_grid(6), 2);
  attend_case b = a;
  const auto values = test::normal_vector(72, 3);
  a.run<reference>(attention{bias_rows{values.data()}, causal<>{}});
  b.run<reference>(attention{bias_elements{values.data()}, causal<>{}});
  CHECK(test::worst(b.out, a.out).relative() < 1e-6);
  attend_case wrong(1, 2, 4, sequence_grid(7), 2);
  REQUIRE_THROWS_AS(wrong.run<reference>(attention{bias_rows{values.data()}}), shape_error);
}

TEST_CASE("no tokens and one token") {
  attend_case none(2, 2, 4, sequence_grid(0), 4);
  none.run<reference>(attention<>{});
  attend_case one(1, 2, 4, sequence_grid(1), 5);
  one.run<reference>(attention<logsumexp>{});
  for (std::size_t h = 0; h < 2; ++h)
    for (std::size_t d = 0; d < 4; ++d) CHECK(one.out[h * 4 + d] == Approx(one.at(2, 0, 0, h, d)));
  // Queries without keys.
  const auto x = one.inputs();
  const head_view<const float> empty(x.k.data_handle(), extents<dyn, dyn, dyn, dyn>(1, 2, 0, 4), {24, 4, 24, std::size_t{1}});
  const workspace memory(4096);
  attend<reference>(attention<cross_source, logsumexp>{}, x.q, empty, empty, one.output(), sequence_grid(1), memory,
                    one.logsumexps());
  for (const float y : one.out) CHECK(y == 0.0F);
  for (const float l : one.lse) CHECK(l == -infinity);
}

TEST_CASE("the output may be the queries, and nothing else that is read") {
  attend_case a(1, 2, 4, sequence_grid(6), 6);
  attend_case expected = a;
  expected.run<reference>(attention<>{});
  const auto x = qkv_views(a.projection.data(), 1, 6, 2, qkv_order::qkv_heads, 4);
  const workspace memory(4096);
  const attention<> c;
  const auto refuse = [&](const head_view<float>& out, const char* sentence) {
    const std::vector<float> before = a.projection;
#if HEDDLE_HAS_EXCEPTIONS
    REQUIRE_THROWS_WITH(attend<reference>(c, x.q, x.k, x.v, out, sequence_grid(6), memory), sentence);
#else
    static_cast<void>(out);
    static_cast<void>(sentence);
#endif
    REQUIRE(a.projection == before);
  };
  refuse(x.k, "attend: out: overlaps k; expected memory of its own");
  refuse(x.v, "attend: out: overlaps v; expected memory of its own");
  const head_view<float> moved(x.q.data_handle() + 24, extents<dyn, dyn, dyn, dyn>(1, 2, 5, 4), {144, 4, 24, std::size_t{1}});
  const head_view<float> tight(x.q.data_handle(), extents<dyn, dyn, dyn, dyn>(1, 2, 6, 4), {144, 4, 4, std::size_t{1}});
  refuse(moved, "attend: out: expected 6 tokens, got 5");
  refuse(tight, "attend: out: overlaps k; expected memory of its own");
  const head_view<float> shifted(x.q.data_handle() + 2, extents<dyn, dyn, dyn, dyn>(1, 1, 6, 4), {144, 4, 24, std::size_t{1}});
  const head_view<float> first(x.q.data_handle(), extents<dyn, dyn, dyn, dyn>(1, 1, 6, 4), {144, 4, 24, std::size_t{1}});
  const head_view<float> second(x.k.data_handle(), extents<dyn, dyn, dyn, dyn>(1, 1, 6, 4), {144, 4, 24, std::size_t{1}});
#if HEDDLE_HAS_EXCEPTIONS
  REQUIRE_THROWS_WITH(attend<reference>(c, first, second, second, shifted, sequence_grid(6), memory),
                      "attend: out: overlaps q; expected memory of its own or exactly the view q");
#else
  static_cast<void>(shifted);
#endif
  attend<reference>(c, x.q, x.k, x.v, x.q, sequence_grid(6), memory);
  for (std::size_t t = 0; t < 6; ++t)
    for (std::size_t i = 0; i < 8; ++i) CHECK(a.projection[t * 24 + i] == expected.out[t * 8 + i]);
}

TEST_CASE("every wrong argument is named") {
#if HEDDLE_HAS_EXCEPTIONS
  attend_case a(1, 2, 4, sequence_grid(6), 7);
  const auto x = a.inputs();
  const workspace memory(4096);
  const attention<> c;
  const auto view_of = [&](std::size_t batch, std::size_t heads, std::size_t tokens, std::size_t dim) {
    return head_view<const float>(x.k.data_handle(), extents<dyn, dyn, dyn, dyn>(batch, heads, tokens, dim),
                                  {144, 4, 24, std::size_t{1}});
  };
  const auto attempt = [&](const auto& q, const auto& k, const auto& v) {
    attend<reference>(c, q, k, v, a.output(), sequence_grid(6), memory);
  };
  REQUIRE_THROWS_WITH(attempt(view_of(1, 2, 5, 4), x.k, x.v), "attend: q: expected 6 tokens, got 5");
  REQUIRE_THROWS_WITH(attempt(x.q, view_of(1, 2, 7, 4), x.v), "attend: k: expected 6 tokens, got 7");
  REQUIRE_THROWS_WITH(attempt(x.q, x.k, view_of(1, 2, 7, 4)), "attend: v: expected 6 tokens, got 7");
  REQUIRE_THROWS_WITH(attempt(x.q, view_of(1, 1, 6, 4), x.v), "attend: k: expected 2 heads, got 1");
  REQUIRE_THROWS_WITH(attempt(x.q, view_of(2, 2, 6, 4), x.v), "attend: k: expected 1 batch items, got 2");
  REQUIRE_THROWS_WITH(attempt(x.q, view_of(1, 2, 6, 3), x.v), "attend: k: expected 4 elements of a head, got 3");
  const head_view<const float> spread(x.k.data_handle(), extents<dyn, dyn, dyn, dyn>(1, 2, 6, 4), {144, 4, 24, std::size_t{2}});
  REQUIRE_THROWS_WITH(attempt(x.q, spread, x.v), "attend: k: expected 1 as the stride of the elements of a head, got 2");
  const auto* odd = reinterpret_cast<const float*>(reinterpret_cast<const char*>(x.k.data_handle()) + 2);
  const head_view<const float> misaligned(odd, extents<dyn, dyn, dyn, dyn>(1, 2, 6, 4), {144, 4, 24, std::size_t{1}});
  REQUIRE_THROWS_WITH(attempt(x.q, x.k, misaligned), "attend: v: the memory must be aligned to its elements of 4 bytes");
  const head_view<const float> nothing(nullptr, extents<dyn, dyn, dyn, dyn>(1, 2, 6, 4), {144, 4, 24, std::size_t{1}});
  REQUIRE_THROWS_WITH(attempt(nothing, x.k, x.v), "attend: q: expected elements, got a view of nothing");
  const std::size_t bytes = plan_bytes(c, a.grid, 2) + attend_bytes(reference{}, c, a.grid, 4);
  const workspace room(bytes);
  arena whole = room.scratch();
  whole.take<std::byte>(1);  // one line short
  REQUIRE_THROWS_AS(attend(context<reference>{reference{}, whole}, c, x.q, x.k, x.v, a.output(), a.grid), workspace_error);
  for (const float y : a.out) REQUIRE(y == 77.0F);
#endif
}
