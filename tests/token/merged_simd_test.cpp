#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>
#include <heddle/token/merged.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"
#include "support/random_weights.hpp"

using namespace heddle;

namespace {

using vit_block = encoder_block<layer_norm<24>, self_attention<24, 3>, mlp<24, 40>>;
using merging_block = merged<vit_block, token_merging<4, protected_tokens::class_token>>;
using plain_keys = merged<vit_block, token_merging<dyn, protected_tokens::class_token>, proportional_attention::off>;

static_assert(parameters<merging_block> == parameters<vit_block>);
static_assert(merging_block::output_extents(map_extents(2, 1, 19, 24)).extent(2) == 15);
static_assert(multiply_adds<merging_block>(map_extents(1, 1, 19, 24)) ==
              multiply_adds<vit_block>(map_extents(1, 1, 19, 24)) - 4 * 2 * 24 * 40);

template <class Backend>
std::vector<float> run_one(const std::vector<float>& x, std::size_t batch, std::size_t tokens) {
  merging_block m;
  test::bind_random_weights(m, 5);
  prepare<Backend>(m);
  const map_extents e(batch, 1, tokens, 24);
  const map_extents f = output_extents<merging_block>(e);
  std::vector<float> y(f.size());
  const workspace memory(workspace_bytes<merging_block, Backend>(e));
  run<Backend>(m, map_view<const float>(x.data(), e), map_view<float>(y.data(), f), memory);
  return y;
}

}  // namespace

TEST_CASE("a merging block does on vectors what it does in plain loops") {
  for (const std::size_t tokens : {5U, 18U, 19U}) {
    const std::vector<float> x = test::normal_vector(2 * tokens * 24, tokens);
    CHECK(test::worst(run_one<reference>(x, 2, tokens), run_one<simd>(x, 2, tokens)).relative() < 1e-5);
  }
}

TEST_CASE("a block that merges nothing is the block itself") {
  vit_block plain;
  plain_keys merging;
  test::bind_random_weights(plain, 5);
  test::bind_random_weights(merging, 5);
  prepare<simd>(plain);
  prepare<simd>(merging);
  const map_extents e(2, 1, 17, 24);
  const std::vector<float> x = test::normal_vector(e.size(), 1);
  std::vector<float> expected(e.size());
  std::vector<float> got(e.size());
  const workspace memory(workspace_bytes<vit_block, simd>(e) + plain_keys::scratch_bytes(simd{}, e) + token_state_bytes(2, 17));
  run<simd>(plain, map_view<const float>(x.data(), e), map_view<float>(expected.data(), e), memory);
  context<simd> ctx{simd{}, memory.scratch()};
  token_state state = start_tokens(ctx.scratch, 2, 17);
  merging.forward_tokens(ctx, make_matrix(x.data(), 34, 24), make_matrix(got.data(), 34, 24), state);
  CHECK(state.tokens == 17);
  CHECK(test::worst(expected, got).relative() < 1e-6);
}

TEST_CASE("equal tokens that merge count as often as they were") {
  // the class token and 8 tokens that come in equal pairs (one even, one odd place): merging all pairs changes no output
  merged<vit_block, token_merging<dyn, protected_tokens::class_token>> merging[2];
  test::bind_random_weights(merging[0], 5);
  test::bind_random_weights(merging[1], 6);
  prepare<simd>(merging[0]);
  prepare<simd>(merging[1]);
  std::vector<float> x = test::normal_vector(9 * 24, 2);
  for (std::size_t p = 0; p < 4; ++p) std::copy_n(&x[(1 + 2 * p) * 24], 24, &x[(2 + 2 * p) * 24]);
  const map_extents e(1, 1, 9, 24);
  const workspace memory(merging[0].scratch_bytes(simd{}, e) + token_state_bytes(1, 9));
  const auto class_row = [&](std::size_t r) {
    merging[0].operation.match.r = r;
    context<simd> ctx{simd{}, memory.scratch()};
    token_state state = start_tokens(ctx.scratch, 1, 9);
    std::vector<float> y((9 - r) * 24);
    std::vector<float> z((9 - r) * 24);
    merging[0].forward_tokens(ctx, make_matrix(x.data(), 9, 24), make_matrix(y.data(), 9 - r, 24), state);
    merging[1].forward_tokens(ctx, make_matrix<const float>(y.data(), 9 - r, 24), make_matrix(z.data(), 9 - r, 24), state);
    z.resize(24);
    return z;
  };
  CHECK(test::worst(class_row(0), class_row(4)).relative() < 1e-5);
}
