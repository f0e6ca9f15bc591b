// Lesson 1: attention as a composition, with a policy of one's own, on two backends.
//
// Attention here is `softmax(mask(modifiers(scale * Q K^T))) V`, and every word of it is a policy: a small type that says which
// slot it fills. This program puts together attention inside 8x8 windows whose scores fall with the distance in the sequence,
// runs it by vector kernels and by plain loops, and checks that both agree.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <heddle/backend/reference.hpp>
#include <heddle/heddle.hpp>

#if __has_include(<xsimd/xsimd.hpp>)
#include <heddle/backend/simd.hpp>
using fast = heddle::simd;
#else
using fast = heddle::reference;
#endif

// A new policy is a struct. `policy_category` names its slot: this one changes scores. It is a template in its number type, so
// the kernels call it with whole vectors of scores and positions.
struct gaussian_distance {
  using policy_category = heddle::score_mod_tag;
  float inverse_two_sigma_squared;

  template <class T>
  constexpr T operator()(T score, std::size_t /*head*/, T query, T key) const noexcept {
    const T d = query - key;
    return score - d * d * inverse_two_sigma_squared;
  }
};

int main() {
  constexpr std::size_t heads = 4;
  constexpr std::size_t head_dim = 16;
  constexpr std::size_t channels = heads * head_dim;
  constexpr heddle::token_grid grid{.height = 32, .width = 24};

  // Policies in any order; the slots that nobody fills take their defaults (softmax, scaled dot product, everything visible).
  constexpr heddle::attention local{heddle::window<8>{}, gaussian_distance{0.002f}};

  // What a projection leaves behind: for every token a row of queries, keys and values. Views name the parts; nothing is copied.
  std::vector<float> projection(grid.size() * 3 * channels);
  for (std::size_t i = 0; i < projection.size(); ++i) projection[i] = std::sin(0.37f * static_cast<float>(i % 1009));
  const auto [q, k, v] = heddle::qkv_views<head_dim>(projection.data(), 1, grid.size(), heads);

  // The caller owns all memory: results, and scratch of a size that is known before anything runs.
  std::vector<float> by_vectors(grid.size() * channels);
  std::vector<float> by_loops(grid.size() * channels);
  const auto scratch_for = [&](auto backend) {
    return heddle::workspace{heddle::plan_bytes(local, grid, heads) + heddle::attend_bytes(backend, local, grid, head_dim)};
  };
  heddle::attend<fast>(local, q, k, v, heddle::merged_heads<head_dim>(by_vectors.data(), 1, grid.size(), heads), grid,
                       scratch_for(fast{}));
  heddle::attend<heddle::reference>(local, q, k, v, heddle::merged_heads<head_dim>(by_loops.data(), 1, grid.size(), heads),
                                    grid, scratch_for(heddle::reference{}));

  float difference = 0;
  float largest = 0;
  for (std::size_t i = 0; i < by_loops.size(); ++i) {
    difference = std::max(difference, std::abs(by_vectors[i] - by_loops[i]));
    largest = std::max(largest, std::abs(by_loops[i]));
  }
  const auto map = local.partition().map(grid);
  std::printf("%zu windows of %zu tokens; largest difference %.1e of %.2f\n", map.groups(), map.group_size(),
              static_cast<double>(difference), static_cast<double>(largest));
  return difference <= 1e-5f * largest ? EXIT_SUCCESS : EXIT_FAILURE;
}
