// Blocks after a kept prefix: the same numbers as one pass over all tokens in which the prefix sees itself alone. Branch
// gains: 1 changes nothing, 0 takes a block out, and in between the branches are scaled.
#include "heddle/layer/stored_prefix.hpp"

#include <cstring>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/layer/branch_gain.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

constexpr std::size_t C = 36;
constexpr std::size_t before = 13;
constexpr std::size_t present = 22;
constexpr std::size_t asking = 3;
constexpr map_extents all_tokens(1, 1, before + present, C);

template <precision Products, class Scale = no_scale>
using block_of = encoder_block<layer_norm<C>,
                               self_attention<C, 3, mixed<segments<before, present>, sees<0>, sees<0, 1>>,
                                              attention_options<self_attention_options{.products = Products}>>,
                               mlp<C, 2 * C, gelu, linear_options{.products = Products}>, Scale>;

template <class Block, class Backend>
Block random_block() {
  Block b;
  test::bind_random_weights(b, 5);
  prepare<Backend>(b);
  return b;
}

template <class Block, class Backend>
std::vector<float> together(const Block& block, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  const workspace scratch(workspace_bytes<Block, Backend>(all_tokens));
  run<Backend>(block, map_view<const float>(x.data(), all_tokens), map_view<float>(y.data(), all_tokens), scratch);
  return y;
}

/// The prefix first, then the others; `last` of them only where it is not 0.
template <class Block, class Backend>
std::vector<float> apart(const Block& block, std::vector<float> x, std::size_t last) {
  using attention_type = decltype(Block::attn);
  using element = typename attention_type::element;
  tensor<element, dynamic_extents<2>> kept(dynamic_extents<2>(before, 2 * C));
  const auto rows = make_matrix(kept.data(), before, 2 * C);
  const std::size_t bytes =
      std::max(prefix_bytes<Block>(Backend{}, before, 0), prefix_bytes<Block>(Backend{}, present, before));
  const workspace scratch(bytes);
  const context<Backend> ctx{Backend{}, scratch.scratch()};
  const auto after = make_matrix(x.data() + before * C, present, C);
  const std::vector<float> untouched = x;
  forward_and_keep(ctx, block, make_matrix(x.data(), before, C), rows);
  if (last == 0) {
    forward_after_prefix(ctx, block, after, as_const(rows));
  } else {
    split_projection<attention_type> split;
    split.prepare_from(Backend{}, block.attn.qkv);
    keep_last(ctx, block, split, make_matrix<const float>(untouched.data(), before, C), rows);  // the same keys and values
    forward_last_after_prefix(ctx, block, split, after, last, as_const(rows));
  }
  return x;
}

template <class Block, class Backend>
void check(double tolerance) {
  const Block block = random_block<Block, Backend>();
  const std::vector<float> x = test::normal_vector(all_tokens.size(), 6);
  const std::vector<float> expected = together<Block, Backend>(block, x);
  CHECK(test::worst(expected, apart<Block, Backend>(block, x, 0)).relative() <= tolerance);
  const std::vector<float> last = apart<Block, Backend>(block, x, asking);
  const auto tail = [](const std::vector<float>& v) {
    return std::vector<float>(v.end() - static_cast<std::ptrdiff_t>(asking * C), v.end());
  };
  CHECK(test::worst(tail(expected), tail(last)).relative() <= tolerance);
  CHECK(std::memcmp(last.data() + before * C, x.data() + before * C, (present - asking) * C * sizeof(float)) ==
        0);  // not touched
}

}  // namespace

TEST_CASE("a kept prefix changes no number", "[simd]") {
  check<block_of<precision::f32>, reference>(1e-6);
  check<block_of<precision::f32>, simd>(2e-6);
}

TEST_CASE("a kept prefix of bfloat16", "[simd]") { check<block_of<precision::bf16>, simd>(1.0 / 64); }

TEST_CASE("a kept prefix has the shape of the block", "[simd]") {
  using block_type = block_of<precision::f32>;
  const block_type block = random_block<block_type, reference>();
  std::vector<float> x(present * C);
  std::vector<float> kept(before * 2 * C);
  [[maybe_unused]] const context<reference> ctx{};
  [[maybe_unused]] const auto rows = make_matrix(x.data(), present, C);
  REQUIRE_THROWS_AS(forward_and_keep(ctx, block, rows, make_matrix(kept.data(), before, 2 * C)), shape_error);
  REQUIRE_THROWS_AS(forward_after_prefix(ctx, block, rows, as_const(make_matrix(kept.data(), before, C))), shape_error);
  split_projection<decltype(block_type::attn)> split;
  REQUIRE_THROWS_AS(
      forward_last_after_prefix(ctx, block, split, rows, present + 1, as_const(make_matrix(kept.data(), before, 2 * C))),
      shape_error);
}

TEST_CASE("the gain of branches", "[simd]") {
  using plain = block_of<precision::f32>;
  using gained = block_of<precision::f32, branch_gain<C>>;
  STATIC_REQUIRE(parameters<gained> == parameters<plain>);
  const std::vector<float> x = test::normal_vector(all_tokens.size(), 6);
  const std::vector<float> full = together<plain, simd>(random_block<plain, simd>(), x);
  gained block = random_block<gained, simd>();
  CHECK(block.ls1.get() == 1.0F);
  CHECK(together<gained, simd>(block, x) == full);

  set_branch_gain(block, 0.0F);
  prepare<simd>(block);
  CHECK(together<gained, simd>(block, x) == x);

  // With a feed-forward part of zeros the gain of the attention is a straight line between the two.
  set_branch_gain(block, 1.0F);
  block.ls2.set(0.0F);
  prepare<simd>(block);
  const std::vector<float> attended = together<gained, simd>(block, x);
  block.ls1.set(0.25F);
  prepare<simd>(block);
  std::vector<float> expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] = x[i] + 0.25F * (attended[i] - x[i]);
  CHECK(test::worst(expected, together<gained, simd>(block, x)).relative() < 1e-6);
}
