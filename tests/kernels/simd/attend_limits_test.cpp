// Bounded memory, the same bits for every number of workers, and nothing that leaks through a mask.
#include <heddle/simd/attend.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {

/// Runs parts in another order on several worker numbers.
template <std::size_t Workers>
struct shuffled {
  static constexpr std::size_t concurrency() noexcept { return Workers; }
  template <class F>
  void parallel_for(std::size_t count, F&& f) const {
    for (std::size_t i = count; i > 0; --i) f(i - 1, i % Workers);
  }
};

template <std::size_t Workers, class Composition>
attend_case on_workers(attend_case a, const Composition& c) {
  a.run<simd_on<shuffled<Workers>>>(c);
  return a;
}

template <class Composition>
void require_same_bits(const Composition& c, std::size_t heads, std::size_t dim, token_grid grid) {
  const attend_case a(1, heads, dim, grid, 5);
  const attend_case one = on_workers<1>(a, c);
  for (const attend_case& other : {on_workers<2>(a, c), on_workers<5>(a, c)}) {
    CHECK(std::memcmp(one.out.data(), other.out.data(), one.out.size() * sizeof(float)) == 0);
    CHECK(std::memcmp(one.lse.data(), other.lse.data(), one.lse.size() * sizeof(float)) == 0);
  }
}

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

bool finite(const std::vector<float>& x) {
  for (const float f : x)
    if (!std::isfinite(f)) return false;
  return true;
}

/// Key `bad` is poisoned and nobody sees it: the outputs are those of the definition, and finite.
template <class Composition>
void require_no_leak(const Composition& c, std::size_t tokens, std::size_t bad) {
  for (const float poison : {nan_value, infinity, -infinity}) {
    attend_case a(1, 2, 20, sequence_grid(tokens), bad);
    for (std::size_t h = 0; h < 2; ++h) {
      a.at(1, 0, bad, h, 3) = poison;
      a.at(2, 0, bad, h, 19) = poison;
      a.at(2, 0, bad, h, 0) = -poison;
    }
    attend_case b = a;
    a.run<reference>(c);
    b.run<simd>(c);
    REQUIRE(finite(a.out));
    REQUIRE(finite(b.out));
    REQUIRE(test::worst(a.out, b.out).relative() < 1e-5);
  }
}

struct hides {
  using policy_category = mask_tag;
  std::size_t key;
  template <class T>
  constexpr auto operator()(T, T k) const {
    return k != T(static_cast<float>(key));
  }
};

/// Hides by the score alone.
struct hiding_bias {
  using policy_category = score_mod_tag;
  std::size_t key;
  template <class T>
  constexpr T operator()(T score, std::size_t, T, T k) const {
    using math::select;
    return select(k == T(static_cast<float>(key)), T(-std::numeric_limits<float>::infinity()), score);
  }
};

}  // namespace

TEST_CASE("a million tokens that see their neighbours need a few megabytes") {
#if defined(__OPTIMIZE__)
  constexpr std::size_t n = 1'000'000;
#else
  constexpr std::size_t n = 100'000;  // slow programs
#endif
  constexpr std::size_t dim = 2;
  const attention c{sliding<20>{}};
  const std::size_t bytes = attend_bytes(simd{}, c, sequence_grid(n), dim);
  CHECK(bytes < (std::size_t{2} << 20U));
  CHECK(attend_bytes(simd{}, c, sequence_grid(n), 64) < (std::size_t{4} << 20U));
  CHECK(bytes == attend_bytes(simd{}, c, sequence_grid(100'000), dim));
  attend_case a(1, 1, dim, sequence_grid(n), 1);
  a.run<simd>(c);
  // The last rows are those of a short sequence.
  constexpr std::size_t tail = 300;
  attend_case b(1, 1, dim, sequence_grid(tail), 2);
  std::memcpy(b.projection.data(), a.projection.data() + (n - tail) * 3 * dim, b.projection.size() * sizeof(float));
  b.run<reference>(c);
  for (std::size_t t = 40; t < tail; ++t)
    for (std::size_t d = 0; d < dim; ++d) REQUIRE(std::fabs(b.out[t * dim + d] - a.out[(n - tail + t) * dim + d]) < 1e-5F);
}

TEST_CASE("long groups are listed piece by piece") {
  attend_case a(1, 1, 4, {1, 75, 120}, 3);
  attend_case b = a;
  const attention c{window<>{75, 60, 3, 7}, sliding<30>{}, logsumexp{}};
  a.run<reference>(c);
  b.run<simd>(c);
  CHECK(test::worst(a.out, b.out).relative() < 1e-5);
  CHECK(test::worst(a.lse, b.lse).relative() < 1e-5);
}

TEST_CASE("the same bits for every number of workers") {
  require_same_bits(attention<logsumexp>{}, 2, 16, sequence_grid(1300));
  require_same_bits(attention<causal<>, logsumexp>{}, 1, 8, sequence_grid(1700));
  require_same_bits(attention<window<7>, logsumexp>{}, 3, 12, {1, 21, 14});
  require_same_bits(attention<window<7>, softmax_one, logsumexp>{}, 3, 12, {1, 7, 7});
}

TEST_CASE("importance has the same bits for every number of workers") {
  attend_case a(1, 3, 4, sequence_grid(700), 6);
  const attention c{key_importance{}};
  const auto run = [&]<class Backend>(Backend) {
    std::vector<float> importance(3 * 700, 0.0F);
    attend_outputs o;
    o.importance = head_rows<float>(importance.data(), extents<dyn, dyn, dyn>(1, 3, 700), {2100, 700, 1});
    attend_case copy = a;
    copy.run<Backend>(c, {}, o);
    return importance;
  };
  const auto one = run(simd{});
  CHECK(one == run(simd_on<shuffled<2>>{}));
  CHECK(one == run(simd_on<shuffled<5>>{}));
}

TEST_CASE("what nobody sees never reaches an output") {
  for (const std::size_t tokens : {5U, 40U, 49U}) {
    for (const std::size_t bad : {std::size_t{0}, tokens / 2, tokens - 1}) {
      require_no_leak(attention{hides{bad}}, tokens, bad);
      require_no_leak(attention{hides{bad}, sigmoid_weights{}}, tokens, bad);
      require_no_leak(attention{hides{bad}, top_k<3>{}}, tokens, bad);
    }
  }
  require_no_leak(attention{hides{30}, softmax_one{}}, 600, 30);
  require_no_leak(attention{hides{790}}, 800, 790);
  require_no_leak(attention{decoupled<share::drop_prompts, share::drop_prompts>{position_range{10, 4}}}, 40, 12);
}

TEST_CASE("values behind weights of zero: scores of minus infinity hide like a mask") {
  for (const std::size_t bad : {0U, 17U, 39U}) {
    attend_case a(1, 1, 8, sequence_grid(40), bad);
    a.at(2, 0, bad, 0, 2) = nan_value;
    attend_case b = a;
    a.run<reference>(attention{hiding_bias{bad}});
    b.run<simd>(attention{hiding_bias{bad}});
    REQUIRE(finite(b.out));
    CHECK(test::worst(a.out, b.out).relative() < 1e-5);
  }
}

TEST_CASE("what is visible does reach the output") {
  for (const std::size_t tokens : {20U, 40U, 900U}) {
    attend_case a(1, 1, 20, sequence_grid(tokens), 8);
    a.at(2, 0, 3, 0, 4) = nan_value;
    a.at(2, 0, 5, 0, 6) = infinity;
    attend_case b = a;
    a.run<reference>(attention<causal<>>{});
    b.run<simd>(attention<causal<>>{});
    for (std::size_t t = 0; t < tokens; ++t) {
      CHECK(std::isnan(b.out[t * 20 + 4]) == (t >= 3));
      CHECK(std::isinf(b.out[t * 20 + 6]) == (t >= 5));
      CHECK(std::isfinite(b.out[t * 20 + 5]));
    }
  }
}

TEST_CASE("neighborhoods: keys that are not the queries of their group") {
  for (const std::uint64_t seed : {1U, 2U}) {
    attend_case a(1, 2, 12, {1, 19, 23}, seed);
    attend_case b = a;
    const auto compare = [&](const auto& c) {
      a.run<reference>(c);
      b.run<simd>(c);
      CHECK(test::worst(a.out, b.out).relative() < 1e-5);
    };
    compare(attention{neighborhood<7>{}});
    compare(attention{neighborhood<5, 3>{2, 1}, softmax_one{}});
    compare(attention{neighborhood<7>{}, visible_if{[](auto q, auto k) { return q + k >= 9.0F; }}});
  }
}

TEST_CASE("policies are asked about keys of the group only") {
  static std::size_t largest;
  largest = 0;
  attend_case a(1, 1, 8, sequence_grid(37), 1);
  a.run<simd>(attention{visible_if{[](std::size_t q, std::size_t k) {
    largest = k > largest ? k : largest;
    return q + k != 5;
  }}});
  CHECK(largest == 36);
}
