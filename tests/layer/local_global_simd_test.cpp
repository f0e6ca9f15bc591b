// Depthwise convolutions along frames, and blocks of a local and a global aggregator: against loops written out here, and the
// vector backend against the reference.
#include <cmath>
#include <cstring>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/backend/simd.hpp"
#include "heddle/layer/local_global.hpp"
#include "heddle/layer/self_attention.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;
using values = std::vector<float>;

template <class Backend, class M>
values run_on(M m, const map_extents& shape, const values& input) {
  prepare<Backend>(m);
  values output(output_extents<M>(shape).size());
  const workspace scratch(workspace_bytes<M, Backend>(shape));
  run<Backend>(m, map_view<const float>(input.data(), shape), map_view<float>(output.data(), output_extents<M>(shape)),
               scratch);
  return output;
}

template <class M>
M random_module(unsigned seed) {
  M m;
  test::bind_random_weights(m, seed);
  return m;
}

void check_equal(const values& expected, const values& actual) {
  const auto worst = test::worst(expected, actual);
  INFO(worst.text());
  CHECK(worst.relative() < 1e-5);
}

/// Both backends against what is expected.
template <class M>
void check_module(const M& m, const map_extents& shape, const values& x, const values& expected) {
  check_equal(expected, run_on<reference>(m, shape, x));
  check_equal(expected, run_on<simd>(m, shape, x));
}

values sum_of(const values& a, const values& b) {
  values s(a);
  for (std::size_t i = 0; i < s.size(); ++i) s[i] += b[i];
  return s;
}

/// `conv(x)` by definition, `size` taps along frames, rows and columns with zeros around.
template <class Layer>
values depthwise_of(const Layer& layer, const map_extents& e, const values& x, std::size_t frames, std::size_t rows,
                    std::size_t columns) {
  const std::size_t clip = Layer::clip, height = e.extent(1), width = e.extent(2), channels = e.extent(3);
  values y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i % channels, w = i / channels % width, h = i / channels / width % height,
                      image = i / channels / width / height;
    double sum = static_cast<double>(layer.bias.data()[c]);
    for (std::size_t a = 0; a < frames; ++a)
      for (std::size_t b = 0; b < rows; ++b)
        for (std::size_t d = 0; d < columns; ++d) {
          const std::size_t t = image % clip + a - frames / 2, r = h + b - rows / 2,
                            s = w + d - columns / 2;  // below zero: very large
          if (t >= clip || r >= height || s >= width) continue;
          sum += static_cast<double>(layer.weight.data()[((c * frames + a) * rows + b) * columns + d]) *
                 static_cast<double>(x[(((image / clip * clip + t) * height + r) * width + s) * channels + c]);
        }
    y[i] = static_cast<float>(sum);
  }
  return y;
}

/// A linear map of every token, by definition.
values tokens_times(const float* weight, const float* bias, std::size_t inputs, std::size_t outputs, const values& x) {
  values y(x.size() / inputs * outputs);
  for (std::size_t r = 0; r < x.size() / inputs; ++r)
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = static_cast<double>(bias[o]);
      for (std::size_t i = 0; i < inputs; ++i)
        sum += static_cast<double>(weight[o * inputs + i]) * static_cast<double>(x[r * inputs + i]);
      y[r * outputs + o] = static_cast<float>(sum);
    }
  return y;
}

template <class Norm>
values layer_normed(const Norm& norm, double epsilon, std::size_t channels, const values& x) {
  values y(x.size());
  for (std::size_t r = 0; r < x.size(); r += channels) {
    double mean = 0.0, variance = 0.0;
    for (std::size_t c = 0; c < channels; ++c) mean += static_cast<double>(x[r + c]) / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c)
      variance += std::pow(static_cast<double>(x[r + c]) - mean, 2) / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c)
      y[r + c] = static_cast<float>((static_cast<double>(x[r + c]) - mean) / std::sqrt(variance + epsilon) *
                                        static_cast<double>(norm.weight.data()[c]) +
                                    static_cast<double>(norm.bias.data()[c]));
  }
  return y;
}

/// Softmax attention of all tokens of a clip, by definition.
template <class Attention>
values attended(const Attention& m, std::size_t tokens, const values& x) {
  constexpr std::size_t C = Attention::channels, D = Attention::head_dim;
  const values qkv = tokens_times(m.qkv.weight.data(), m.qkv.bias.data(), C, 3 * C, x);
  values merged(x.size());
  for (std::size_t q = 0; q < x.size() / C; ++q)
    for (std::size_t h = 0; h < Attention::heads; ++h) {
      std::vector<double> weight(tokens);
      double total = 0.0;
      for (std::size_t k = 0; k < tokens; ++k) {
        double score = 0.0;
        for (std::size_t d = 0; d < D; ++d)
          score += static_cast<double>(qkv[q * 3 * C + h * D + d]) *
                   static_cast<double>(qkv[(q / tokens * tokens + k) * 3 * C + C + h * D + d]);
        total += weight[k] = std::exp(score / std::sqrt(static_cast<double>(D)));
      }
      for (std::size_t d = 0; d < D; ++d) {
        double sum = 0.0;
        for (std::size_t k = 0; k < tokens; ++k)
          sum += weight[k] / total * static_cast<double>(qkv[(q / tokens * tokens + k) * 3 * C + 2 * C + h * D + d]);
        merged[q * C + h * D + d] = static_cast<float>(sum);
      }
    }
  return tokens_times(m.proj.weight.data(), m.proj.bias.data(), C, C, merged);
}

constexpr std::size_t channels = 24;
constexpr std::size_t clip = 3;
using attention_of_clips = self_attention<channels, 3, global, attention_options<self_attention_options{.clip = clip}>>;
using clip_norm = layer_norm<channels, ratio{1, 1000000}>;

}  // namespace

TEST_CASE("a depthwise convolution of clips, maps and sequences", "[depthwise_convolution]") {
  const map_extents shape(2 * clip, 5, 9, channels);
  const values x = test::normal_vector(shape.size(), 1);
  const auto cube = random_module<depthwise_convolution<channels, depthwise_options::cube(clip, 3)>>(2);
  STATIC_REQUIRE(parameters<decltype(cube)> == channels * 28);
  STATIC_REQUIRE(multiply_adds<std::remove_const_t<decltype(cube)>>(map_extents(2 * clip, 5, 9, channels)) ==
                 2 * clip * 5 * 9 * channels * 27);
  check_module(cube, shape, x, depthwise_of(cube, shape, x, 3, 3, 3));
  const auto square = random_module<depthwise_convolution<channels, depthwise_options::square(5)>>(3);
  check_module(square, shape, x, depthwise_of(square, shape, x, 1, 5, 5));
  const auto frames = random_module<depthwise_convolution<channels, depthwise_options::box(clip, 3, 1, 1)>>(4);
  check_module(frames, shape, x, depthwise_of(frames, shape, x, 3, 1, 1));
  const auto sequence = random_module<depthwise_convolution<channels, depthwise_options::sequence(3)>>(5);
  check_module(sequence, map_extents(2, 1, 135, channels), x,
               depthwise_of(sequence, map_extents(2, 1, 135, channels), x, 1, 1, 3));
}

TEST_CASE("a strided depthwise convolution shortens the clip", "[depthwise_convolution]") {
  using layer = depthwise_convolution<
      8, depthwise_options{.frames = {3, 2, 1, 0}, .rows = {3, 2, 1, 1}, .columns = {2, 2, 0, 0}, .axes = 3, .clip = 6},
      batch_norm<8>, gelu>;
  const map_extents shape(12, 7, 8, 8);
  STATIC_REQUIRE(layer::output_clip == 3);
  CHECK(output_extents<layer>(shape) == map_extents(6, 4, 4, 8));
  const layer m = random_module<layer>(6);
  const values x = test::normal_vector(shape.size(), 7);
  check_equal(run_on<reference>(m, shape, x), run_on<simd>(m, shape, x));
  CHECK_THROWS_AS(output_extents<layer>(map_extents(13, 7, 8, 8)), shape_error);
}

TEST_CASE("a local block: position encoding, then convolutions between pointwise ones", "[local_global]") {
  using block = local_global<depthwise_convolution<channels, depthwise_options::cube(clip, 3)>,
                             local_aggregator<channels, channels, depthwise_options::cube(clip, 5), batch_norm<channels>>>;
  const block m = random_module<block>(8);
  const map_extents shape(2 * clip, 4, 7, channels);
  STATIC_REQUIRE(parameters<block> == channels * 28 + 2 * channels + 2 * (channels * channels + channels) + channels * 126);
  STATIC_REQUIRE(multiply_adds<block>(map_extents(6, 4, 7, channels)) == 6 * 28 * channels * (27 + 125 + 2 * channels));
  const values x = test::normal_vector(shape.size(), 9);
  const values z = sum_of(x, depthwise_of(m.local.fn, shape, x, 3, 3, 3));
  values normed(z);
  const auto& norm = m.global.conv1.pre_norm;
  for (std::size_t i = 0; i < z.size(); ++i)
    normed[i] = static_cast<float>(static_cast<double>(z[i]) * norm.scale(i % channels) + norm.shift(i % channels));
  const values wide = tokens_times(m.global.conv1.weight.data(), m.global.conv1.bias.data(), channels, channels, normed);
  const values mixed = depthwise_of(m.global.depthwise, shape, wide, 5, 5, 5);
  check_module(m, shape, x,
               sum_of(z, tokens_times(m.global.conv2.weight.data(), m.global.conv2.bias.data(), channels, channels, mixed)));
}

TEST_CASE("a global block: position encoding, then attention over all tokens of a clip", "[local_global]") {
  using block = local_global<depthwise_convolution<channels, depthwise_options::cube(clip, 3)>, attention_of_clips, clip_norm>;
  const block m = random_module<block>(10);
  const map_extents shape(2 * clip, 3, 4, channels);
  STATIC_REQUIRE(multiply_adds<block>(map_extents(6, 3, 4, channels)) ==
                 72 * channels * (27 + 4 * channels) + 2 * 2 * 36 * 36 * channels);
  const values x = test::normal_vector(shape.size(), 11);
  const values z = sum_of(x, depthwise_of(m.local.fn, shape, x, 3, 3, 3));
  check_module(m, shape, x, sum_of(z, attended(m.global, clip * 12, layer_normed(m.norm, 1e-6, channels, z))));
}

TEST_CASE("a position encoding before attention in windows of space and time", "[local_global]") {
  using windows = self_attention<channels, 3, window<2, 4, 3>, attention_options<self_attention_options{.clip = clip}>>;
  using block = local_global<depthwise_convolution<channels, depthwise_options::cube(clip, 3)>, windows, clip_norm>;
  const block m = random_module<block>(12);
  const map_extents shape(clip, 5, 7, channels);
  const values x = test::normal_vector(shape.size(), 13);
  const values expected = run_on<reference>(m, shape, x);
  check_equal(expected, run_on<simd>(m, shape, x));
}

TEST_CASE("class tokens stay out of the local part", "[local_global]") {
  constexpr std::size_t inner = 16;
  using local = local_aggregator<channels, inner, depthwise_options::box(clip, 3, 1, 1), batch_norm<channels>>;
  using block = local_global<local, self_attention<channels, 3>, layer_norm<channels>, local_tokens{.class_tokens = 1}>;
  const block m = random_module<block>(14);
  const map_extents shape(2 * clip, 1, 11, channels);
  const map_extents patches(2 * clip, 1, 10, channels);
  const values x = test::normal_vector(shape.size(), 15);
  values seen;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i / channels % 11 != 0) seen.push_back(x[i]);
  const values changed = sum_of(seen, run_on<reference>(m.local.fn, patches, seen));
  values z(x);
  for (std::size_t i = 0, j = 0; i < x.size(); ++i)
    if (i / channels % 11 != 0) z[i] = changed[j++];
  check_module(m, shape, x, sum_of(z, attended(m.global, 11, layer_normed(m.norm, 1e-5, channels, z))));

  using encoded = local_residual<depthwise_convolution<channels, depthwise_options::cube(clip, 3)>,
                                 local_tokens{.class_tokens = 1, .columns = 5}>;
  const encoded e = random_module<encoded>(16);
  const map_extents square(2 * clip, 2, 5, channels);
  const values moved = sum_of(seen, depthwise_of(e.fn, square, seen, 3, 3, 3));
  for (std::size_t i = 0, j = 0; i < x.size(); ++i) z[i] = i / channels % 11 == 0 ? x[i] : moved[j++];
  check_module(e, shape, x, z);
  CHECK_THROWS_AS(output_extents<encoded>(map_extents(2 * clip, 1, 10, channels)), shape_error);
}
