// Patches as rows of one product: the convolution of the same weights, with positions added on the way.
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/layer/convolution.hpp"
#include "heddle/layer/patch_embedding.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

constexpr map_extents pictures(2, 10, 15, 3);
using embedding = patch_embedding<3, 23, 5>;
using as_convolution = convolution<3, 23, convolution_options{.size = 5, .stride = 5, .padding = padding_rule::none}>;

template <class M, class Backend>
std::vector<float> output_of(const std::vector<float>& x) {
  M m;
  test::bind_random_weights(m, 4);
  prepare<Backend>(m);
  std::vector<float> y(output_extents<M>(pictures).size());
  const workspace scratch(workspace_bytes<M, Backend>(pictures));
  run<Backend>(m, map_view<const float>(x.data(), pictures), map_view<float>(y.data(), output_extents<M>(pictures)), scratch);
  return y;
}

}  // namespace

TEST_CASE("a patch embedding is the convolution of its weights", "[simd]") {
  STATIC_REQUIRE(parameters<embedding> == parameters<as_convolution>);
  STATIC_REQUIRE(embedding::output_extents(pictures) == map_extents(2, 2, 3, 23));
  STATIC_REQUIRE(embedding::multiply_adds(pictures) == as_convolution::multiply_adds(pictures));
  const std::vector<float> x = test::normal_vector(pictures.size(), 1);
  const std::vector<float> expected = output_of<as_convolution, reference>(x);
  CHECK(test::worst(expected, output_of<embedding, reference>(x)).relative() < 1e-6);
  CHECK(test::worst(expected, output_of<embedding, simd>(x)).relative() < 1e-5);
  using rounded = patch_embedding<3, 23, 5, linear_options{.products = precision::bf16}>;
  CHECK(test::worst(expected, output_of<rounded, simd>(x)).relative() < 1.0 / 128);
}

TEST_CASE("positions are added to the tokens of a picture", "[simd]") {
  embedding m;
  test::bind_random_weights(m, 4);
  prepare<simd>(m);
  constexpr map_extents one(1, 10, 15, 3);
  const std::vector<float> x = test::normal_vector(one.size(), 1);
  const std::vector<float> added = test::normal_vector(6 * 23, 2);
  const workspace scratch(embedding::scratch_bytes(simd{}, one));
  const context<simd> ctx{simd{}, scratch.scratch()};
  std::vector<float> plain(6 * 23);
  std::vector<float> y(6 * 23);
  const map_view<const float> picture(x.data(), one);
  m.embed(ctx, picture, make_matrix(plain.data(), 6, 23));
  m.embed(ctx, picture, make_matrix(y.data(), 6, 23), make_matrix(added.data(), 6, 23));
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] += added[i];
  CHECK(test::worst(plain, y).relative() < 1e-6);
}

TEST_CASE("a patch embedding refuses pictures of parts of patches", "[simd]") {
  REQUIRE_THROWS_AS(embedding::output_extents(map_extents(1, 11, 15, 3)), shape_error);
  REQUIRE_THROWS_AS(embedding::output_extents(map_extents(1, 10, 15, 4)), shape_error);
}
