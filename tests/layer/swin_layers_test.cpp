// Patch merging, pooling, and residual branches that end with a norm.
#include <heddle/layer/learned_cosine.hpp>
#include <heddle/layer/max_pool.hpp>
#include <heddle/layer/patch_merging.hpp>
#include <heddle/layer/res_post_norm.hpp>

#include <heddle/backend/reference.hpp>

#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

namespace {

using namespace heddle;

template <class Module>
std::vector<float> output_of(const Module& m, const std::vector<float>& x, const map_extents& e) {
  const map_extents shape = output_extents<Module>(e);
  std::vector<float> y(shape.size());
  const workspace scratch(workspace_bytes<Module, reference>(e));
  run<reference>(m, map_view<const float>(x.data(), e), map_view<float>(y.data(), shape), scratch);
  return y;
}

template <class Module>
Module random_module(unsigned seed) {
  Module m;
  test::bind_random_weights(m, seed);
  prepare<reference>(m);
  return m;
}

}  // namespace

TEST_CASE("patch_merging: the four tokens of a cell in the order of the model") {
  const map_extents e(1, 2, 4, 1);
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8};  // rows 1 2 3 4, 5 6 7 8
  const std::vector<float> identity{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  const std::vector<float> one(4, 1.0F);
  const std::vector<float> zero(4, 0.0F);
  const auto merged = [&](auto m) {
    m.reduction.weight.bind(identity.data());
    m.norm.weight.bind(one.data());
    m.norm.bias.bind(zero.data());
    prepare<reference>(m);
    return output_of(m, x, e);
  };
  const auto swin = merged(patch_merging<1, 4>{});
  const auto swin_v2 = merged(patch_merging<1, 4, patch_merging_options{.norm = merging_norm::after}>{});
  const auto rows_first = merged(patch_merging<1, 4, patch_merging_options{.order = cell_order::row_major}>{});
  REQUIRE(swin.size() == 8);
  CHECK(test::worst(swin, swin_v2).relative() < 1e-6);  // an identity: the norm may stand on either side
  // 1 5 2 6 has mean 3.5 and variance 4.25
  CHECK(static_cast<double>(swin[1]) == Approx(1.5 / std::sqrt(4.25 + 1e-5)));
  CHECK(static_cast<double>(rows_first[1]) == Approx(-1.5 / std::sqrt(4.25 + 1e-5)));
  CHECK_THROWS_AS((patch_merging<1, 4>::output_extents(map_extents(1, 3, 4, 1))), shape_error);
}

TEST_CASE("max_pool: the largest of a cell, into columns of wider rows") {
  const std::vector<float> x{1, -2, 3, 4, 5, -6, 0, 8, 1, 1, 1, 1};  // the third row is left out
  std::vector<float> y(4, 9.0F);
  const auto rows = make_matrix(y.data(), 2, 2);
  max_pool(context<reference>{}, map_view<const float>(x.data(), map_extents(1, 3, 4, 1)), column_range(rows, 1, 1));
  CHECK(y == std::vector<float>{9, 5, 9, 8});
}

TEST_CASE("res_post_norm: the norm acts on the branch alone") {
  using module_type = res_post_norm<layer_norm<6>, mlp<6, 12>>;
  const auto m = random_module<module_type>(3);
  const map_extents e(1, 1, 5, 6);
  const std::vector<float> x = test::normal_vector(e.size(), 7);
  const std::vector<float> y = output_of(m, x, e);
  std::vector<float> expected = output_of(m.norm, output_of(m.fn, x, e), e);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += x[i];
  CHECK(test::worst(expected, y).relative() < 1e-6);
}

TEST_CASE("res_post_norm_block: group by group as step by step, and with a source of its own") {
  using attention_type = self_attention<12, 3, window<4>, learned_cosine<4>, region_penalty,
                                        attention_options<self_attention_options{.key_bias = false, .head_dim = 5}>>;
  using block_type = res_post_norm_block<layer_norm<12>, attention_type, mlp<12, 24>>;
  auto m = random_module<block_type>(5);
  get_policy<window<4>>(m.attn.composition) = {2, 2};
  for (const map_extents& e : {map_extents(1, 4, 8, 12), map_extents(2, 8, 12, 12)}) {  // few groups, many groups
    const std::vector<float> x = test::normal_vector(e.size(), 11);
    const std::vector<float> source = test::normal_vector(e.size(), 12);
    std::vector<float> expected = output_of(m.norm1, output_of(m.attn, source, e), e);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += x[i];
    const std::vector<float> second = output_of(m.norm2, output_of(m.mlp, expected, e), e);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += second[i];
    std::vector<float> y(e.size());
    const workspace scratch(workspace_bytes<block_type, reference>(e));
    m.forward(context<reference>{{}, scratch.scratch()}, map_view<const float>(x.data(), e),
              map_view<const float>(source.data(), e), map_view<float>(y.data(), e));
    CHECK(test::worst(expected, y).relative() < 1e-5);
  }
}

TEST_CASE("self_attention: keys without a bias are keys with a bias of zero") {
  using options = attention_options<self_attention_options{.key_bias = false}>;
  const auto split = random_module<self_attention<8, 2, global, options>>(4);
  auto whole = random_module<self_attention<8, 2, global>>(4);
  std::vector<float> bias(24, 0.0F);
  for (std::size_t i = 0; i < 8; ++i) {
    bias[i] = split.qkv.q_bias.data()[i];
    bias[16 + i] = split.qkv.v_bias.data()[i];
  }
  whole.qkv.weight = split.qkv.weight;
  whole.proj = split.proj;
  whole.qkv.bias.bind(bias.data());
  prepare<reference>(whole);
  const map_extents e(2, 1, 7, 8);
  const std::vector<float> x = test::normal_vector(e.size(), 2);
  CHECK(test::worst(output_of(whole, x, e), output_of(split, x, e)).relative() < 1e-6);
  STATIC_REQUIRE(parameters<self_attention<8, 2, global>> - parameters<self_attention<8, 2, global, options>> == 8);
}
