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

template <std::size_t D, class Composition>
void require_like_reference(const Composition& c, std::size_t batch, std::size_t heads, std::size_t dim, token_grid grid,
                            std::uint64_t seed) {
  attend_case a(batch, heads, dim, grid, seed);
  attend_case b = a;
  a.run<reference, D>(c);
  b.run<simd, D>(c);
  INFO("tokens " << grid.size() << ", head_dim " << dim << ": " << test::worst(a.out, b.out).text());
  REQUIRE(test::worst(a.out, b.out).relative() < 1e-5);
  if constexpr (Composition::observer_type::returns_logsumexp) REQUIRE(test::worst(a.lse, b.lse).relative() < 1e-5);
}

/// Rotates pairs of elements by an angle that grows with the token.
struct turning {
  using policy_category = position_tag;
  void operator()(float* row, std::size_t head_dim, std::size_t head, std::size_t token) const {
    const float angle = 0.1F * static_cast<float>(token) + static_cast<float>(head);
    for (std::size_t d = 0; d + 1 < head_dim; d += 2) {
      const float x = row[d];
      const float y = row[d + 1];
      row[d] = x * std::cos(angle) - y * std::sin(angle);
      row[d + 1] = x * std::sin(angle) + y * std::cos(angle);
    }
  }
};

/// A partition chosen at run time: the kernels only see its map.
struct any_partition {
  using policy_category = partition_tag;
  strided_groups<> chosen{};
  strided_groups<> map(const token_grid&) const { return chosen; }
};

/// A narrow band that leaves most tiles out.
struct band {
  using policy_category = mask_tag;
  float reach;
  template <class Context>
  constexpr tile classify(const Context&, std::size_t q0, std::size_t q1, std::size_t k0, std::size_t k1) const {
    const auto width = static_cast<std::size_t>(reach);
    if (k1 + width <= q0 || q1 + width <= k0) return tile::skip;
    return k1 <= q0 + width + 1 && q1 <= k0 + width + 1 ? tile::full : tile::partial;
  }
  template <class T>
  constexpr auto operator()(T q, T k) const {
    return (q - k) * (q - k) <= T(reach * reach);
  }
};

/// Without optimisation the definition takes most of the time: then one item of a batch, and numbers around vectors.
#if defined(__OPTIMIZE__)
constexpr bool thorough = true;
#else
constexpr bool thorough = false;
#endif

}  // namespace

TEST_CASE("every number of tokens around vectors and tiles") {
  for (std::size_t n = 1; n <= 70; ++n) require_like_reference<dyn>(attention<logsumexp>{}, 1, 2, 12, sequence_grid(n), n);
  for (const std::size_t n : {100U, 127U, 128U, 129U, 255U, 300U})
    require_like_reference<dyn>(attention<causal<>>{}, 1, 1, 20, sequence_grid(n), n);
}

TEST_CASE("every head_dim, known to the type or not") {
  for (std::size_t d = 1; d <= 40; ++d) require_like_reference<dyn>(attention<>{}, 1, 2, d, sequence_grid(19), d);
  for (const std::size_t d : {64U, 80U, 96U, 130U, 512U})
    require_like_reference<dyn>(attention<>{}, 1, 1, d, sequence_grid(33), d);
  require_like_reference<16>(attention<causal<>>{}, 2, 4, 16, sequence_grid(77), 2);
  require_like_reference<64>(attention<logsumexp>{}, 1, 2, 64, sequence_grid(197), 4);
}

TEST_CASE("short groups with a known head_dim: every number of tokens, with and without a bias") {
  for (std::size_t n = 1; n <= 70; ++n) {
    if (!thorough && n % 8 > 1 && n % 8 < 7) continue;
    require_like_reference<12>(attention<logsumexp>{}, 1, 2, 12, sequence_grid(n), n);
    const auto table = test::normal_vector((2 * n - 1) * 2, n);
    require_like_reference<16>(attention{relative_position_bias<>{table.data(), 2}, logsumexp{}}, 1, 2, 16, sequence_grid(n),
                               n);
  }
  const auto on = [](const auto& partition, std::size_t batch, token_grid grid, std::uint64_t seed) {
    require_like_reference<12>(attention{any_partition{partition.map(grid)}, logsumexp{}}, thorough ? batch : 1, 2, 12, grid,
                               seed);
  };
  on(adaptive_block{}, 2, {1, 36, 36}, 71);
  on(adaptive_grid{}, 1, {1, 49, 25}, 72);
  on(window<>{16, 16}, 1, {1, 32, 16}, 73);
  on(window<>{8, 8}, 2, {1, 16, 24}, 1);
  on(window<>{7, 7}, 1, {1, 14, 21}, 3);
  const auto table = test::normal_vector(15 * 15 * 2, 74);
  const resized_position_bias<8> bias{table.data(), 2};
  const auto biased = [&](const auto& partition, std::size_t batch, token_grid grid, std::uint64_t seed) {
    require_like_reference<12>(attention{any_partition{partition.map(grid)}, same_region{}, bias, logsumexp{}},
                               thorough ? batch : 1, 2, 12, grid, seed);
  };
  biased(adaptive_grid{}, 2, {1, 81, 36}, 75);
  require_like_reference<32>(attention{window<7>{3, 3}, same_region{}, relative_position_bias<>{table.data(), 2}, logsumexp{}},
                             1, 2, 32, {1, 21, 14}, 76);
  biased(window<>{8, 8, 4, 4}, 1, {1, 20, 30}, 77);  // padded
  require_like_reference<12>(attention<turning, logsumexp>{}, 1, 2, 12, sequence_grid(40), 78);
}

TEST_CASE("long sequences are computed in chunks") {
  require_like_reference<dyn>(attention<logsumexp>{}, 1, 1, 16, sequence_grid(1100), 6);
  if (!thorough) return;
  require_like_reference<dyn>(attention<causal<>, logsumexp>{}, 1, 1, 8, sequence_grid(1300), 7);
  require_like_reference<dyn>(attention{band{40.0F}, logsumexp{}}, 1, 1, 8, sequence_grid(1700), 8);
  // Maxima that rise from chunk to chunk, and fall.
  for (const float slope : {0.2F, -0.2F}) {
    attend_case a(1, 1, 4, sequence_grid(1600), 9);
    for (std::size_t t = 0; t < 1600; ++t)
      for (std::size_t d = 0; d < 4; ++d) {
        a.at(0, 0, t, 0, d) = 1.0F;
        a.at(1, 0, t, 0, d) += slope * static_cast<float>(t) / 4.0F;
      }
    attend_case b = a;
    a.run<reference>(attention<logsumexp>{});
    b.run<simd>(attention<logsumexp>{});
    CHECK(test::worst(a.out, b.out).relative() < 1e-5);
    CHECK(test::worst(a.lse, b.lse).relative() < 1e-5);
  }
}

TEST_CASE("a bias that is too large for a matrix is made row by row") {
  const auto table = test::normal_vector(57 * 57, 10);
  require_like_reference<dyn>(attention{relative_position_bias<>{table.data(), 1}, logsumexp{}}, 1, 1, 8, {1, 29, 29}, 11);
}

TEST_CASE("a network of log coordinates") {
  const auto w1 = test::normal_vector(64, 12);
  const auto b1 = test::normal_vector(32, 13);
  const auto w2 = test::normal_vector(3 * 32, 14);
  const auto b2 = test::normal_vector(3, 15);
  const log_coordinate_bias bias{32, 3, w1.data(), b1.data(), w2.data(), b2.data()};
  require_like_reference<dyn>(attention{block<6, 7>{}, bias}, 1, 3, 12, {1, 12, 14}, 16);
}

TEST_CASE("a position policy works on copies") {
  attend_case a(1, 2, 12, sequence_grid(40), 17);
  const auto before = a.projection;
  attend_case b = a;
  a.run<reference, 12>(attention<turning, logsumexp>{});
  b.run<simd, 12>(attention<turning, logsumexp>{});
  CHECK(test::worst(a.out, b.out).relative() < 1e-5);
  CHECK(a.projection == before);
}

TEST_CASE("views with any strides, and nothing outside them is written") {
  // Rows [heads, 3, dim] with a gap behind every row; outputs likewise.
  constexpr std::size_t tokens = 30, heads = 2, dim = 12, in_pitch = 3 * heads * dim + 5, out_pitch = heads * dim + 7;
  const auto rows = test::normal_vector(tokens * in_pitch, 18);
  std::vector<float> expected(tokens * out_pitch, 77.0F);
  std::vector<float> actual = expected;
  const auto x = qkv_views<dim>(rows.data(), 1, tokens, heads, qkv_order::heads_qkv, dim, in_pitch);
  const workspace memory(1 << 20);
  const token_grid grid{1, 5, 6};
  const attention c{window<3, 4>{}};
  attend<reference>(c, x.q, x.k, x.v, merged_heads<dim>(expected.data(), 1, tokens, heads, dim, out_pitch), grid, memory);
  attend<simd>(c, x.q, x.k, x.v, merged_heads<dim>(actual.data(), 1, tokens, heads, dim, out_pitch), grid, memory);
  CHECK(test::worst(expected, actual).relative() < 1e-5);
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t i = heads * dim; i < out_pitch; ++i) CHECK(actual[t * out_pitch + i] == 77.0F);
}

TEST_CASE("cross attention") {
  for (const std::size_t keys : {1U, 5U, 40U, 1000U}) {
    const auto q = test::normal_vector(23 * 2 * 12, 19);
    const auto kv = test::normal_vector(keys * 3 * 2 * 12, 20);
    std::vector<float> expected(23 * 24), actual(23 * 24);
    const auto x = qkv_views(kv.data(), 1, keys, 2, qkv_order::qkv_heads, 12);
    const auto queries = merged_heads(q.data(), 1, 23, 2, 12);
    const workspace memory(1 << 20);
    const attention<cross_source, causal<alignment::bottom_right>> c;
    attend<reference>(c, queries, x.k, x.v, merged_heads(expected.data(), 1, 23, 2, 12), sequence_grid(23), memory);
    attend<simd>(c, queries, x.k, x.v, merged_heads(actual.data(), 1, 23, 2, 12), sequence_grid(23), memory);
    CHECK(test::worst(expected, actual).relative() < 1e-5);
  }
}

TEST_CASE("one group on gathered rows has the bits of the whole") {
  attend_case a(2, 4, 12, {1, 16, 16}, 21);
  const auto table = test::normal_vector(15 * 15 * 4, 22);
  const attention composition{window<8>{4, 4}, same_region{}, relative_position_bias<8>{table.data(), 4}};
  a.run<simd, 12>(composition);
  const workspace memory(plan_bytes(composition, a.grid, 4) + attend_group_bytes(simd{}, composition, a.grid, 12));
  arena block = memory.scratch();
  const auto plan = plan_attention(composition, a.grid, 4, block);
  std::vector<std::int32_t> tokens(64);
  std::vector<float> rows(64 * 144);
  std::vector<float> out(64 * 48);
  for (std::size_t batch = 0; batch < 2; ++batch)
    for (std::size_t group = 0; group < 4; ++group) {
      plan.map().tokens(group, tokens.data());
      for (std::size_t i = 0; i < 64; ++i)
        std::memcpy(&rows[i * 144], &a.projection[(batch * 256 + static_cast<std::size_t>(tokens[i])) * 144],
                    144 * sizeof(float));
      const auto x = qkv_views<12>(rows.data(), 1, 64, 4);
      attend_group(context<simd>{simd{}, block}, plan, batch, group, x.q, x.k, x.v, merged_heads<12>(out.data(), 1, 64, 4));
      for (std::size_t i = 0; i < 64; ++i)
        REQUIRE(std::memcmp(&out[i * 48], &a.out[(batch * 256 + static_cast<std::size_t>(tokens[i])) * 48],
                            48 * sizeof(float)) == 0);
    }
}

TEST_CASE("padded positions of gathered rows are neither read nor written") {
  attend_case a(1, 2, 12, {1, 6, 7}, 23);
  const attention composition{window<4>{1, 1}};
  a.run<reference>(composition);
  const workspace memory(plan_bytes(composition, a.grid, 2) + attend_group_bytes(simd{}, composition, a.grid, 12));
  arena block = memory.scratch();
  const auto plan = plan_attention(composition, a.grid, 2, block);
  std::vector<std::int32_t> tokens(16);
  for (std::size_t group = 0; group < plan.map().groups(); ++group) {
    plan.map().tokens(group, tokens.data());
    std::vector<float> rows(16 * 72, std::numeric_limits<float>::quiet_NaN());
    std::vector<float> out(16 * 24, 77.0F);
    for (std::size_t i = 0; i < 16; ++i)
      if (tokens[i] >= 0)
        std::memcpy(&rows[i * 72], &a.projection[static_cast<std::size_t>(tokens[i]) * 72], 72 * sizeof(float));
    const auto x = qkv_views<12>(rows.data(), 1, 16, 2);
    attend_group(context<simd>{simd{}, block}, plan, 0, group, x.q, x.k, x.v, merged_heads<12>(out.data(), 1, 16, 2));
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t c = 0; c < 24; ++c) {
        const float expected = tokens[i] < 0 ? 77.0F : a.out[static_cast<std::size_t>(tokens[i]) * 24 + c];
        REQUIRE(std::abs(out[i * 24 + c] - expected) < 1e-5F);
      }
  }
}

TEST_CASE("a query that sees nothing gets zeros, alone and in company") {
  attend_case a(2, 1, 12, sequence_grid(40), 24);
  const std::int32_t n[2] = {0, 40};
  a.run<simd>(attention{lengths{n}, logsumexp{}});
  for (std::size_t i = 0; i < 40 * 12; ++i) REQUIRE(a.out[i] == 0.0F);
  for (std::size_t i = 0; i < 40; ++i) REQUIRE(a.lse[i] == -std::numeric_limits<float>::infinity());
  a.run<simd>(attention{visible_if{[](auto q, auto k) { return (k <= q) & (q >= 7.0F); }}, logsumexp{}});
  for (std::size_t t = 0; t < 40; ++t)
    for (std::size_t d = 0; d < 12; ++d) {
      REQUIRE((a.out[t * 12 + d] == 0.0F) == (t < 7));
      REQUIRE(std::isinf(a.lse[t]) == (t < 7));
    }
}

TEST_CASE("NaN does not come out of what is masked, and does of what is seen") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const std::size_t part : {0U, 1U, 2U}) {
      attend_case clean(1, 2, 12, sequence_grid(50), 25);
      attend_case dirty = clean;
      for (std::size_t d = 0; d < 12; d += 5) dirty.at(part, 0, 20, 0, d) = bad;
      attend_case definition = dirty;
      clean.run<simd>(attention<causal<>>{});
      dirty.run<simd>(attention<causal<>>{});
      definition.run<reference>(attention<causal<>>{});
      for (std::size_t t = 0; t < 50; ++t)
        for (std::size_t h = 0; h < 2; ++h)
          for (std::size_t d = 0; d < 12; ++d) {
            const std::size_t i = (t * 2 + h) * 12 + d;
            const bool seen = h == 0 && (part == 0 ? t == 20 : t >= 20);
            if (!seen) REQUIRE(std::abs(dirty.out[i] - clean.out[i]) < 1e-5F);
            if (seen && std::isnan(bad)) REQUIRE(std::isnan(dirty.out[i]) == std::isnan(definition.out[i]));
          }
    }
}

TEST_CASE("scores as large as floats allow") {
  attend_case a(1, 1, 12, sequence_grid(33), 26, 1e4);
  attend_case b = a;
  a.run<reference>(attention<logsumexp>{});
  b.run<simd>(attention<logsumexp>{});
  for (const float y : b.out) REQUIRE(std::isfinite(y));
  CHECK(test::worst(a.lse, b.lse).relative() < 1e-5);
}

#if defined(_OPENMP)
TEST_CASE("the same bits for every number of threads") {
  const auto table = test::normal_vector(15 * 15 * 4, 27);
  const auto check = [](const auto& composition, attend_case a) {
    attend_case b = a;
    a.run<simd, 12>(composition);
    for (const std::size_t threads : {1U, 2U, 3U, 7U}) {
      b.run<simd_on<openmp>, 12>(composition, simd_on<openmp>{openmp{threads}});
      REQUIRE(std::memcmp(a.out.data(), b.out.data(), a.out.size() * sizeof(float)) == 0);
    }
  };
  check(attention{window<8>{4, 4}, same_region{}, relative_position_bias<8>{table.data(), 4}},
        attend_case(2, 4, 12, {1, 24, 24}, 28));
  check(attention<causal<>>{}, attend_case(1, 2, 12, sequence_grid(900), 29));
  check(attention<>{}, attend_case(1, 3, 12, {1, 12, 16}, 30));
}
#endif
