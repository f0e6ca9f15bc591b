// Masks and scores on every partition, against the definition.
#include <heddle/simd/attend.hpp>

#include <string>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;

namespace {

/// A partition chosen at run time: the kernels only see its map, and one type serves all.
struct any_partition {
  using policy_category = partition_tag;
  strided_groups<> chosen{};
  strided_groups<> map(const token_grid&) const { return chosen; }
};

struct gaussian_distance {
  using policy_category = score_mod_tag;
  float inverse_two_sigma_squared;
  template <class T>
  constexpr T operator()(T score, std::size_t, T query, T key) const noexcept {
    const T d = query - key;
    return score - d * d * inverse_two_sigma_squared;
  }
};

/// Not generic in its number type, and different for each head.
struct lifted_slope {
  using policy_category = score_mod_tag;
  float operator()(float score, std::size_t head, std::size_t q, std::size_t k) const noexcept {
    const float distance = q > k ? static_cast<float>(q - k) : static_cast<float>(k - q);
    return score - 0.05F * static_cast<float>(head + 1) * distance;
  }
};

/// Turns -inf into a finite number: padding must be hidden after it, not before.
struct hard_cap {
  using policy_category = score_mod_tag;
  template <class T>
  T operator()(T score, std::size_t, T, T) const noexcept {
    using math::max;
    using math::min;
    return min(max(score, T(-2.0F)), T(2.0F));
  }
};

struct shape {
  token_grid grid;
  strided_groups<> map;
};

std::vector<shape> partitions() {
  return {
      {sequence_grid(1), global{}.map(sequence_grid(1))},
      {sequence_grid(33), global{}.map(sequence_grid(33))},
      {{1, 5, 7}, global{}.map({1, 5, 7})},
      {{1, 14, 14}, window<>{7, 7, 3, 3}.map({1, 14, 14})},
      {{1, 9, 11}, window<>{4, 5, 1, 2}.map({1, 9, 11})},
      {{2, 8, 6}, block<>{4, 3}.map({2, 8, 6})},
      {{1, 12, 8}, grid<>{4, 4}.map({1, 12, 8})},
      {{1, 16, 9}, adaptive_block{}.map({1, 16, 9})},
      {{1, 16, 9}, adaptive_grid{}.map({1, 16, 9})},
  };
}

template <class Composition>
void require_like_reference(const Composition& composition, const shape& s, std::size_t heads, std::size_t dim,
                            std::uint64_t seed) {
  test::attend_case a(2, heads, dim, s.grid, seed);
  test::attend_case b = a;
  a.run<reference>(composition);
  b.run<simd>(composition);
  INFO("grid " << s.grid.frames << " x " << s.grid.height << " x " << s.grid.width << ", window " << s.map.window().height
               << " x " << s.map.window().width << ", head_dim " << dim);
  const auto out = test::worst(a.out, b.out);
  const auto lse = test::worst(a.lse, b.lse);
  INFO(out.text() << "; logsumexp " << lse.text());
  REQUIRE(out.relative() < 1e-5);
  REQUIRE(lse.relative() < 1e-5);
}

/// `mask` and the modifiers on every partition; tables are made for its window.
template <class Mask, class Make>
void cross(const Mask& mask, Make make) {
  constexpr std::size_t heads = 3;
  const std::size_t dims[] = {12, 16, 5};
  std::uint64_t seed = 1;
  for (const shape& s : partitions()) {
    const window_extents w = s.map.window();
    const auto table = test::normal_vector((2 * w.height - 1) * (2 * w.width - 1) * heads, seed);
    make(table.data(), heads, [&](auto... modifiers) {
      require_like_reference(attention{any_partition{s.map}, mask, logsumexp{}, modifiers...}, s, heads, dims[seed % 3], seed);
    });
    ++seed;
  }
}

using bias = relative_position_bias<>;

}  // namespace

// Each mask and each set of scores once; every pair of a mask and a score, with everything else, is in the crossed test
// (tests/attention/crossed), where masks are chosen at run time. Here they are of their own types.
TEST_CASE("full, no modifier") {
  cross(full{}, [](const float*, std::size_t, auto run) { run(); });
}
TEST_CASE("causal, a bias") {
  cross(causal<>{}, [](const float* t, std::size_t heads, auto run) { run(bias{t, heads}); });
}
TEST_CASE("same_region, two resized biases") {
  const auto one = test::normal_vector(7 * 5 * 3, 50);
  const auto two = test::normal_vector(15 * 15 * 3, 51);
  cross(same_region{}, [&](const float*, std::size_t heads, auto run) {
    run(resized_position_bias<4, 3>{one.data(), heads},
        resized_position_bias<8, 8, table_layout::key_minus_query>{two.data(), heads});
  });
}
TEST_CASE("lengths and a predicate, functions of both forms") {
  static constexpr std::int32_t n[2] = {11, 3};
  cross(all_of{lengths{n}, visible_if{[](auto q, auto k) { return (q - k) * (q - k) <= 100.0F; }}},
        [](const float*, std::size_t, auto run) { run(gaussian_distance{0.01F}, lifted_slope{}); });
}
TEST_CASE("any_of with a predicate on indices, a bias, a cap and another bias") {
  const auto other = test::normal_vector(7 * 5 * 3, 52);
  cross(
      any_of{causal<alignment::bottom_right>{}, visible_if{[](std::size_t q, std::size_t k) { return (q * 7 + k) % 5 == 0; }}},
      [&](const float* t, std::size_t heads, auto run) {
        run(bias{t, heads}, hard_cap{}, resized_position_bias<4, 3>{other.data(), heads});
      });
}
