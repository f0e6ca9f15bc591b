#include <heddle/attention/head_view.hpp>
#include <heddle/primitive/overlap.hpp>

#include <cstdint>
#include <set>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

using namespace heddle;

namespace {
/// By listing every element.
bool overlap_by_list(const head_view<float>& a, const head_view<float>& b) {
  std::set<const float*> all;
  for (std::size_t i = 0; i < a.extent(0); ++i)
    for (std::size_t h = 0; h < a.extent(1); ++h)
      for (std::size_t t = 0; t < a.extent(2); ++t)
        for (std::size_t d = 0; d < a.extent(3); ++d) all.insert(&a(i, h, t, d));
  for (std::size_t i = 0; i < b.extent(0); ++i)
    for (std::size_t h = 0; h < b.extent(1); ++h)
      for (std::size_t t = 0; t < b.extent(2); ++t)
        for (std::size_t d = 0; d < b.extent(3); ++d)
          if (all.count(&b(i, h, t, d)) != 0) return true;
  return false;
}
}  // namespace

TEST_CASE("parts of one projection do not overlap, parts moved by less than a row do") {
  std::vector<float> memory(2 * 5 * 3 * 4 * 8);
  for (const qkv_order order : {qkv_order::qkv_heads, qkv_order::heads_qkv}) {
    const auto x = qkv_views(memory.data(), 2, 5, 4, order, 8);
    CHECK_FALSE(detail::overlap(x.q, x.k));
    CHECK_FALSE(detail::overlap(x.v, x.q));
    CHECK(detail::overlap(x.q, x.q));
    CHECK(detail::same_elements(x.q, x.q));
    CHECK_FALSE(detail::same_elements(x.q, x.k));
  }
  const auto a = merged_heads(memory.data(), 1, 5, 4, 8);
  CHECK(detail::overlap(a, merged_heads(memory.data() + 8 * 4 * 4 + 31, 1, 5, 4, 8)));
  CHECK_FALSE(detail::overlap(a, merged_heads(memory.data() + 8 * 4 * 5, 1, 5, 4, 8)));
}

TEST_CASE("overlap is exact for any strides") {
  std::vector<float> memory(4096);
  test::generator random(1);
  std::size_t found = 0;
  for (std::size_t i = 0; i < 4000; ++i) {
    const auto view_of = [&](const std::array<std::size_t, 4>* strides) {
      const auto n = [&](std::size_t most) {
        return static_cast<std::size_t>(random.uniform(0.0, 1.0) * static_cast<double>(most));
      };
      const extents<dyn, dyn, dyn, dyn> e(1 + n(3), 1 + n(3), 1 + n(4), 1 + n(4));
      const std::array<std::size_t, 4> s = strides != nullptr ? *strides : std::array<std::size_t, 4>{n(200), n(60), n(40), 1};
      return head_view<float>(memory.data() + n(200), e, s);
    };
    const auto a = view_of(nullptr);
    const std::array<std::size_t, 4> same{a.stride(0), a.stride(1), a.stride(2), 1};
    const auto b = view_of(i % 2 == 0 ? &same : nullptr);
    const bool expected = overlap_by_list(a, b);
    found += expected ? 1 : 0;
    REQUIRE(detail::overlap(a, b) == expected);
  }
  CHECK(found > 200);
  CHECK(found < 3800);
}
