// The block of EVAD against its formulas written out: several clips at once, with and without biases of the projection and
// factors of the branches, dropping tokens or not.
#include "evad/block.hpp"

#include <heddle/backend/reference.hpp>

#include <algorithm>
#include <numeric>
#include <vector>

#include "examples/naive.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/random_weights.hpp"

using namespace heddle;

namespace {

constexpr std::size_t channels = 12;
constexpr std::size_t heads = 3;
constexpr std::size_t dim = channels / heads;
constexpr std::size_t clips = 3;
constexpr std::size_t keyframe = 5;
constexpr double weight = 4.0;  // of key-frame queries
constexpr double rate = 0.7;
using test::naive::matrix;
using test::naive::row;

/// A clip: its tokens, and which of the other frames' tokens are left.
struct clip {
  matrix x;
  std::vector<std::int32_t> numbers;
};

template <bool Bias>
std::vector<float> bias_of([[maybe_unused]] const auto& qkv) {
  std::vector<float> bias(3 * channels, 0.0F);
  if constexpr (Bias) {
    std::copy_n(qkv.q_bias.data(), channels, bias.begin());
    std::copy_n(qkv.v_bias.data(), channels, bias.begin() + 2 * channels);
  }
  return bias;
}

/// Leaves the key frame and, of the others, those that are attended to most.
void drop(clip& c, const row& score) {
  const std::size_t n = c.x.size();
  const auto all = static_cast<std::size_t>(std::ceil(rate * static_cast<double>(n)));
  std::vector<std::size_t> order(n - keyframe);
  std::iota(order.begin(), order.end(), keyframe);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  order.resize(all - keyframe);
  matrix x(c.x.begin(), c.x.begin() + keyframe);
  std::vector<std::int32_t> numbers;
  for (const std::size_t i : order) {
    x.push_back(c.x[i]);
    numbers.push_back(c.numbers[i - keyframe]);
  }
  c.x = x;
  c.numbers = numbers;
}

template <bool Bias, class Block>
void run_naive(const Block& b, clip& c, bool drops) {
  const matrix qkv = test::naive::linear(test::naive::layer_norm(c.x, b.norm1.weight.span(), b.norm1.bias.span(), 1e-6),
                                         b.attn.qkv.weight.span(), bias_of<Bias>(b.attn.qkv));
  matrix merged(c.x.size(), row(channels, 0.0));
  row score(c.x.size(), 0.0);
  for (std::size_t h = 0; h < heads; ++h) {
    matrix weights =
        test::naive::scores(test::naive::columns(qkv, h * dim, dim), test::naive::columns(qkv, channels + h * dim, dim));
    for (std::size_t i = 0; i < weights.size(); ++i) {
      double sum = 0.0;
      for (double& w : weights[i]) sum += w = std::exp(w);
      for (std::size_t j = 0; j < weights.size(); ++j) score[j] += (weights[i][j] /= sum) * (i < keyframe ? weight : 1.0);
    }
    test::naive::weigh(weights, test::naive::columns(qkv, 2 * channels + h * dim, dim), merged, h * dim);
  }
  test::naive::add(c.x, test::naive::linear(merged, b.attn.proj.weight.span(), b.attn.proj.bias.span()), b.gamma_1.span());
  if (drops) drop(c, score);
  const matrix h = test::naive::layer_norm(c.x, b.norm2.weight.span(), b.norm2.bias.span(), 1e-6);
  test::naive::add(
      c.x,
      test::naive::linear(test::naive::gelu(test::naive::linear(h, b.mlp.fc1.weight.span(), b.mlp.fc1.bias.span())),
                          b.mlp.fc2.weight.span(), b.mlp.fc2.bias.span()),
      b.gamma_2.span());
}

template <bool Bias, bool Scaled>
void require_like_formulas(unsigned seed) {
  using block_type = examples::evad_block<channels, heads, 20, Bias, Scaled>;
  constexpr std::size_t n = 23;
  std::vector<float> x = test::normal_vector(clips * n * channels, seed);
  std::vector<float> room(x.size());
  std::vector<std::int32_t> numbers(clips * (n - keyframe));
  examples::evad_tokens t;
  t.rows = make_matrix(x.data(), clips * n, channels);
  t.spare = make_matrix(room.data(), clips * n, channels);
  t.batch = clips;
  t.tokens = n;
  t.keyframe = keyframe;
  t.numbers = numbers.data();
  t.others = n - keyframe;
  std::vector<clip> expected(clips);
  for (std::size_t b = 0; b < clips; ++b) {
    const auto own = t.numbers_of(b);
    std::iota(own.begin(), own.end(), 0);
    expected[b] = {test::naive::from_floats(std::span<const float>(x).subspan(b * n * channels, n * channels), channels),
                   std::vector<std::int32_t>(own.begin(), own.end())};
  }
  for (const bool drops : {true, false, true}) {
    block_type block;
    test::bind_random_weights(block, seed += 50);
    prepare<reference>(block);
    const workspace memory(
        std::max(block_type::scratch_bytes(reference{}, clips, n), block_type::dropping_bytes(reference{}, clips, n)));
    const context<reference> ctx{{}, memory.scratch()};
    if (drops) {
      block.forward(ctx, t, typename block_type::dropout_type{{.weight = static_cast<float>(weight)}, {rate}});
    } else {
      block.forward(ctx, clips, t.rows);
    }
    for (std::size_t b = 0; b < clips; ++b) {
      run_naive<Bias>(block, expected[b], drops);
      INFO("bias " << Bias << ", factors " << Scaled << ", clip " << b << ", tokens " << t.tokens);
      REQUIRE(t.tokens == expected[b].x.size());
      const auto left = t.numbers_of(b);
      CHECK(std::vector<std::int32_t>(left.begin(), left.end()) == expected[b].numbers);
      const float* const own = t.rows.data_handle() + b * t.tokens * channels;
      CHECK(test::worst(test::naive::to_floats(expected[b].x), std::vector<float>(own, own + t.tokens * channels)).relative() <
            1e-5);
    }
  }
}

}  // namespace

TEST_CASE("evad_block: several clips against the formulas") {
  for (const unsigned seed : {1U, 2U}) {
    require_like_formulas<true, false>(seed);
    require_like_formulas<false, true>(seed + 10);
    require_like_formulas<true, true>(seed + 20);
  }
}
