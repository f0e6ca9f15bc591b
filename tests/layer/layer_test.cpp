// Layers on the reference backend against loops written out here, in double precision.
#include <cmath>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/mbconv.hpp"
#include "heddle/layer/sequential.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

/// Runs a module on normal input on the reference backend.
template <class M>
std::vector<float> run_reference(const M& m, const map_extents& shape, const std::vector<float>& input) {
  std::vector<float> output(output_extents<M>(shape).size());
  const workspace scratch(workspace_bytes<M, reference>(shape));
  run<reference>(m, map_view<const float>(input.data(), shape), map_view<float>(output.data(), output_extents<M>(shape)),
                 scratch);
  return output;
}

template <class M>
M random_module(unsigned seed) {
  M m;
  test::bind_random_weights(m, seed);
  prepare<reference>(m);
  return m;
}

double gelu_of(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }

/// Zero-padded depthwise or dense convolution by definition.
double tap_sum(const std::vector<float>& x, const map_extents& e, std::size_t image, std::size_t row, std::size_t column,
               std::size_t out, const float* weight, std::size_t inputs, std::size_t size, std::size_t stride, bool depthwise) {
  double sum = 0.0;
  for (std::size_t i = 0; i < inputs; ++i)
    for (std::size_t ky = 0; ky < size; ++ky)
      for (std::size_t kx = 0; kx < size; ++kx) {
        const std::size_t y = row * stride + ky;
        const std::size_t z = column * stride + kx;
        if (y < size / 2 || z < size / 2 || y - size / 2 >= e.extent(1) || z - size / 2 >= e.extent(2)) continue;
        const std::size_t channel = depthwise ? out : i;
        const std::size_t at = ((image * e.extent(1) + y - size / 2) * e.extent(2) + z - size / 2) * e.extent(3) + channel;
        sum += static_cast<double>(x[at]) * static_cast<double>(weight[((out * inputs + i) * size + ky) * size + kx]);
      }
  return sum;
}

}  // namespace

TEST_CASE("a convolution folds the norms around it", "[convolution]") {
  using layer = convolution<5, 7, convolution_options{.size = 3, .stride = 2}, batch_norm<7>, gelu>;
  const layer m = random_module<layer>(1);
  const map_extents shape(2, 6, 9, 5);
  const std::vector<float> x = test::normal_vector(shape.size(), 2);
  std::vector<float> expected;
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 5; ++c)
        for (std::size_t o = 0; o < 7; ++o) {
          const double sum =
              tap_sum(x, shape, b, r, c, o, m.weight.data(), 5, 3, 2, false) + static_cast<double>(m.bias.data()[o]);
          const double normed = (sum - static_cast<double>(m.norm.running_mean.data()[o])) /
                                    std::sqrt(static_cast<double>(m.norm.running_var.data()[o]) + 1e-5) *
                                    static_cast<double>(m.norm.weight.data()[o]) +
                                static_cast<double>(m.norm.bias.data()[o]);
          expected.push_back(static_cast<float>(gelu_of(normed)));
        }
  const auto worst = test::worst(expected, run_reference(m, shape, x));
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

TEST_CASE("a pointwise convolution folds a norm in front of it", "[convolution]") {
  using layer = pointwise_convolution<6, 4, false, no_norm, identity, batch_norm<6>>;
  const layer m = random_module<layer>(3);
  const map_extents shape(1, 2, 3, 6);
  const std::vector<float> x = test::normal_vector(shape.size(), 4);
  std::vector<float> expected;
  for (std::size_t p = 0; p < 6; ++p)
    for (std::size_t o = 0; o < 4; ++o) {
      double sum = 0.0;
      for (std::size_t i = 0; i < 6; ++i)
        sum += static_cast<double>(m.weight.data()[o * 6 + i]) *
               (static_cast<double>(x[p * 6 + i]) * m.pre_norm.scale(i) + m.pre_norm.shift(i));
      expected.push_back(static_cast<float>(sum));
    }
  const auto worst = test::worst(expected, run_reference(m, shape, x));
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

TEST_CASE("SAME padding puts the odd row and column last", "[convolution]") {
  using layer = convolution<3, 3, convolution_options{.size = 3, .stride = 2, .padding = padding_rule::same}>;
  const convolution_window even = layer::window(8, 7);
  CHECK(even.top == 0);
  CHECK(even.bottom == 1);
  CHECK(even.left == 1);
  CHECK(even.right == 1);
  CHECK(layer::output_extents(map_extents(1, 8, 7, 3)) == map_extents(1, 4, 4, 3));
}

TEST_CASE("an MBConv is its three convolutions with the gate between", "[mbconv]") {
  using layer = mbconv<6, 6, mbconv_options{.expanded = 24, .reduced = 6}>;
  const layer m = random_module<layer>(5);
  const map_extents shape(2, 21, 5, 6);  // more rows than one band
  const std::vector<float> x = test::normal_vector(shape.size(), 6);
  const map_extents wide(2, 21, 5, 24);
  const std::vector<float> e = run_reference(m.expand, shape, x);
  std::vector<float> z = run_reference(m.depthwise, wide, e);
  for (std::size_t b = 0; b < 2; ++b) {
    std::vector<double> mean(24, 0.0);
    for (std::size_t p = 0; p < 105; ++p)
      for (std::size_t c = 0; c < 24; ++c) mean[c] += static_cast<double>(z[(b * 105 + p) * 24 + c]) / 105.0;
    std::vector<double> reduced(6);
    for (std::size_t r = 0; r < 6; ++r) {
      double sum = 0.0;
      for (std::size_t c = 0; c < 24; ++c) sum += static_cast<double>(m.gate.fc1.weight.data()[r * 24 + c]) * mean[c];
      reduced[r] = sum / (1.0 + std::exp(-sum));
    }
    for (std::size_t c = 0; c < 24; ++c) {
      double sum = 0.0;
      for (std::size_t r = 0; r < 6; ++r) sum += static_cast<double>(m.gate.fc2.weight.data()[c * 6 + r]) * reduced[r];
      for (std::size_t p = 0; p < 105; ++p) z[(b * 105 + p) * 24 + c] *= static_cast<float>(1.0 / (1.0 + std::exp(-sum)));
    }
  }
  std::vector<float> expected = run_reference(m.project, wide, z);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += x[i];
  const auto worst = test::worst(expected, run_reference(m, shape, x));
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

namespace {

using small_norm = layer_norm<8>;
template <class... Policies>
using small_block = encoder_block<small_norm, self_attention<8, 2, Policies...>, mlp<8, 32>, layer_scale<8>>;

/// The block's formula, step by step over the whole map.
template <class Block>
std::vector<float> step_by_step(const Block& m, const map_extents& shape, std::vector<float> x) {
  const auto add = [&](const std::vector<float>& branch) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += branch[i];  // the layer scales are folded into the branches
  };
  add(run_reference(m.attn, shape, run_reference(m.norm1, shape, x)));
  add(run_reference(m.mlp, shape, run_reference(m.norm2, shape, x)));
  return x;
}

template <class Block>
void check_block(const map_extents& shape) {
  const Block m = random_module<Block>(7);
  const std::vector<float> x = test::normal_vector(shape.size(), 8);
  const auto worst = test::worst(step_by_step(m, shape, x), run_reference(m, shape, x));
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

}  // namespace

TEST_CASE("an encoder block by groups is the block by steps", "[encoder_block]") {
  check_block<small_block<window<4>>>(map_extents(2, 8, 12, 8));
  check_block<small_block<window<3>>>(map_extents(1, 8, 10, 8));  // padded windows
  check_block<small_block<adaptive_grid, learned_resized_bias<4>>>(map_extents(1, 9, 16, 8));
  check_block<small_block<adaptive_block, learned_resized_bias<4>>>(map_extents(1, 16, 9, 8));
  check_block<small_block<global>>(map_extents(2, 1, 19, 8));  // one large group: step by step
}

TEST_CASE("a layer scale multiplies its branch", "[encoder_block]") {
  using block = small_block<global>;
  block m;
  test::bind_random_weights(m, 9);
  const std::vector<float> zeros(8, 0.0f);
  m.ls1.gamma.bind(zeros.data());
  m.ls2.gamma.bind(zeros.data());
  prepare<reference>(m);
  // the biases of proj and fc2 are scaled too, so nothing but the input is left
  const map_extents shape(1, 2, 5, 8);
  const std::vector<float> x = test::normal_vector(shape.size(), 10);
  CHECK(run_reference(m, shape, x) == x);
}

TEST_CASE("containers run their children in order", "[sequential]") {
  using chain = sequential<named<"a", linear<4, 6>>, repeat<3, pre_norm<layer_norm<6>, mlp<6, 12>>>, residual<linear<6, 6>>,
                           post_norm<layer_norm<6>, linear<6, 6>>>;
  const chain m = random_module<chain>(11);
  const map_extents shape(1, 3, 5, 4);
  const map_extents wide(1, 3, 5, 6);
  const std::vector<float> x = test::normal_vector(shape.size(), 12);
  std::vector<float> expected = run_reference(m.get<0>(), shape, x);
  for (const auto& child : m.get<1>().children) expected = run_reference(child, wide, expected);
  expected = run_reference(m.get<2>(), wide, expected);
  expected = run_reference(m.get<3>(), wide, expected);
  CHECK(run_reference(m, shape, x) == expected);
}

TEST_CASE("a workspace that is too small is refused before anything is written", "[module]") {
  using layer = mlp<4, 8>;
  const layer m = random_module<layer>(13);
  const map_extents shape(1, 1, 2, 4);
  const std::vector<float> x(8, 1.0f);
  std::vector<float> y(8, 3.0f);
  const workspace scratch(8);
  REQUIRE_THROWS_AS(run<reference>(m, map_view<const float>(x.data(), shape), map_view<float>(y.data(), shape), scratch),
                    workspace_error);
  CHECK(y == std::vector<float>(8, 3.0f));
}

TEST_CASE("a norm whose weights were never bound says so", "[norm]") {
  const map_extents shape(1, 1, 2, 4);
  const std::vector<float> x(8, 1.0f);
  std::vector<float> y(8, 3.0f);
  const workspace scratch(64);
  const layer_norm<4> centred;
  const rms_norm<4> scaled;
  const map_view<const float> in(x.data(), shape);
  const map_view<float> out(y.data(), shape);
  REQUIRE_THROWS_AS(run<reference>(centred, in, out, scratch), weight_error);
  REQUIRE_THROWS_AS(run<reference>(scaled, in, out, scratch), weight_error);
  CHECK(y == std::vector<float>(8, 3.0f));
}
