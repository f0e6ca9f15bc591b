// Every kind of normalizer on vectors, against the definition.
#include <heddle/simd/attend.hpp>

#include "attention/attend_case.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace heddle;
using test::attend_case;

namespace {

const float logits[3] = {0.5F, -2.0F, 9.0F};

template <class Composition>
void require_like_reference(const Composition& c, std::size_t heads, std::size_t dim, token_grid grid, std::uint64_t seed,
                            double bound = 1e-5) {
  attend_case a(grid.size() > 100 ? 1 : 2, heads, dim, grid, seed);  // the definition takes the square of the tokens
  attend_case b = a;
  a.run<reference>(c);
  b.run<simd>(c);
  INFO("tokens " << grid.size() << ", head_dim " << dim << ": " << test::worst(a.out, b.out).text());
  REQUIRE(test::worst(a.out, b.out).relative() < bound);
  if constexpr (Composition::observer_type::returns_logsumexp) REQUIRE(test::worst(a.lse, b.lse).relative() < bound);
}

/// Short groups, around vectors, and lengths beyond one chunk; with and without a mask. The crossed test has every
/// normalizer with every mask.
template <class Normalizer, class... More>
void everywhere(const Normalizer& n, const More&... more) {
  for (const std::size_t tokens : {1U, 15U, 16U, 17U, 49U, 70U, 800U})
    require_like_reference(attention{n, more...}, 3, tokens % 2 == 0 ? 12 : 9, sequence_grid(tokens), tokens);
  require_like_reference(attention{n, window<>{4, 4, 1, 1}, same_region{}, more...}, 3, 16, {1, 9, 10}, 5);
}

struct halved {
  using policy_category = score_mod_tag;
  template <class T>
  T operator()(T score, std::size_t, T, T) const {
    return score * T(0.5F);
  }
};

/// Not generic in its number type.
struct cube {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::elementwise;
  float weight(float s) const { return s * s * s; }
};

}  // namespace

TEST_CASE("sinks on vectors") {
  everywhere(softmax_sink{logits, 3}, logsumexp{});
  require_like_reference(attention{softmax_sink{logits, 3}, sliding<40>{}}, 3, 8, sequence_grid(900), 6);
  everywhere(softmax_one{}, halved{});
}
TEST_CASE("weights of single scores on vectors") {
  everywhere(sigmoid_weights{-1.0F});
  everywhere(linear_scores{}, halved{});
  everywhere(cube{});
  const auto table = test::normal_vector(13 * 13 * 3, 4);
  require_like_reference(attention{window<7>{}, relative_position_bias<7>{table.data(), 3}, linear_scores{}}, 3, 12,
                         {1, 14, 14}, 8);
}
TEST_CASE("the largest scores on vectors") {
  everywhere(top_k<5>{});
  require_like_reference(attention{top_k<40>{}, halved{}}, 3, 8, sequence_grid(100), 5);
}
TEST_CASE("policies of tokens on vectors") {
  for (const std::size_t tokens : {1U, 33U, 800U}) {
    auto policy = test::normal_vector(2 * tokens, 3);
    for (float& p : policy) p = p > 0.0F ? 1.0F : 0.0F;
    require_like_reference(attention{policy_weighted{policy.data(), 2, tokens}, causal<>{}}, 3, 8, sequence_grid(tokens), 9);
  }
  require_like_reference(attention{smoothed_softmax{}, causal<>{}}, 3, 8, sequence_grid(70), 12);
}
TEST_CASE("parts that are normalised apart on vectors") {
  for (const std::size_t tokens : {12U, 33U, 60U, 900U}) {
    for (const std::size_t first : {std::size_t{5}, std::size_t{0}, tokens - 3}) {
      if (tokens > 60 && first != 5) continue;  // there for the length alone
      const position_range prompts{first, 3};
      require_like_reference(attention{decoupled<share::odds, share::odds>{prompts, {1.25F}, {-0.75F}}, logsumexp{}}, 2, 8,
                             sequence_grid(tokens), tokens);
      require_like_reference(attention{decoupled<share::odds, share::exact>{prompts}, causal<>{}, halved{}, logsumexp{}}, 2, 8,
                             sequence_grid(tokens), tokens + 1);
      require_like_reference(attention{decoupled<share::drop_prompts, share::drop_instances>{prompts}}, 2, 8,
                             sequence_grid(tokens), 2);
    }
  }
}
