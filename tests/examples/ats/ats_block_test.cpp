// The block of adaptive token sampling against the published formulas on a padded batch with its policy, written out: as the
// released code drops tokens, as it keeps them for padding (`drop_tokens: false`), and for every image alone.
#include "ats/block.hpp"

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

constexpr std::size_t channels = 8;
constexpr std::size_t heads = 2;
constexpr std::size_t dim = channels / heads;
constexpr std::size_t tokens_at_first = 25;
constexpr std::size_t images = 3;
constexpr std::size_t sampled_blocks = 3;
constexpr double epsilon = 1e-6;
using block_type = examples::ats_block<channels, heads, 12>;
using test::naive::matrix;
using test::naive::row;

enum class padding { dropped, kept, none };

/// An image of a padded batch: rows of zeros and a policy of 0 where nothing is left.
struct padded_image {
  matrix x;
  std::size_t left = tokens_at_first;  ///< rows with policy 1, in front
  double policy(std::size_t i) const { return i < left ? 1.0 : 0.0; }
  void mask() {
    for (std::size_t i = left; i < x.size(); ++i) std::fill(x[i].begin(), x[i].end(), 0.0);
  }
};

/// Softmax over all keys, of which those without policy count for themselves only.
void masked_softmax(matrix& s, const padded_image& image) {
  const auto n = static_cast<double>(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    const double largest = *std::max_element(s[i].begin(), s[i].end());
    double sum = 0.0;
    for (std::size_t j = 0; j < s.size(); ++j) {
      s[i][j] = std::exp(s[i][j] - largest) * (i == j ? 1.0 : image.policy(j));
      sum += s[i][j];
    }
    for (double& w : s[i]) w = (w + epsilon / n) / (sum + epsilon);
  }
}

/// Tokens by inverse transform sampling of the scores of all tokens but the class token: ascending scores.
std::vector<std::size_t> sampled(const row& m) {
  const double total = std::accumulate(m.begin(), m.end(), 0.0);
  std::vector<std::size_t> order(m.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return m[a] < m[b]; });
  row f(m.size());
  double c = 0.0;
  for (std::size_t t = 0; t < f.size(); ++t) f[t] = c += m[order[t]] / total;
  const double lowest = f.front();
  for (double& v : f) v = (v - lowest) / (c - lowest);
  const double y0 = *std::find_if(f.begin(), f.end(), [](double v) { return v > 1e-9; });
  std::vector<bool> taken(f.size());
  for (std::size_t k = 0; k + 1 < tokens_at_first; ++k) {
    const double y = y0 + (1.0 - y0) * static_cast<double>(k) / static_cast<double>(tokens_at_first - 2);
    const auto nearest =
        std::min_element(f.begin(), f.end(), [&](double a, double b) { return std::abs(a - y) < std::abs(b - y); });
    taken[static_cast<std::size_t>(nearest - f.begin())] = true;
  }
  std::vector<std::size_t> kept{0};
  for (std::size_t t = 0; t < f.size(); ++t)
    if (taken[t]) kept.push_back(order[t] + 1);
  return kept;
}

/// What the block's attention makes of one image: the kept rows of its input with the attention's result added, not padded.
matrix attend_and_sample(const block_type& b, const padded_image& image) {
  matrix qkv = test::naive::linear(test::naive::layer_norm(image.x, b.norm1.weight.span(), b.norm1.bias.span(), 1e-6),
                                   b.attn.qkv.weight.span(), b.attn.qkv.bias.span());
  for (std::size_t i = image.left; i < qkv.size(); ++i) std::fill(qkv[i].begin(), qkv[i].end(), 0.0);
  matrix merged(qkv.size(), row(channels, 0.0));
  row score(qkv.size() - 1, 0.0);
  for (std::size_t h = 0; h < heads; ++h) {
    matrix weights =
        test::naive::scores(test::naive::columns(qkv, h * dim, dim), test::naive::columns(qkv, channels + h * dim, dim));
    masked_softmax(weights, image);
    test::naive::weigh(weights, test::naive::columns(qkv, 2 * channels + h * dim, dim), merged, h * dim);
    for (std::size_t j = 0; j < score.size(); ++j) score[j] += weights[0][j + 1];
  }
  for (std::size_t j = 0; j < score.size(); ++j) {
    double square = 0.0;
    for (std::size_t c = 2 * channels; c < 3 * channels; ++c) square += qkv[j + 1][c] * qkv[j + 1][c];
    score[j] *= std::sqrt(square);
  }
  matrix x;
  matrix attended;
  for (const std::size_t i : sampled(score)) {
    x.push_back(image.x[i]);
    attended.push_back(merged[i]);
  }
  test::naive::add(x, test::naive::linear(attended, b.attn.proj.weight.span(), b.attn.proj.bias.span()));
  return x;
}

void run_naive(const block_type& b, std::vector<padded_image>& batch, padding how) {
  std::size_t longest = 0;
  for (padded_image& image : batch) {
    image.x = attend_and_sample(b, image);
    image.left = image.x.size();
    longest = std::max(longest, image.left);
  }
  for (padded_image& image : batch) {
    if (how != padding::none) image.x.resize(how == padding::kept ? tokens_at_first : longest, row(channels, 0.0));
    const auto& f = b.feed_forward;
    const matrix h = test::naive::layer_norm(image.x, f.norm.weight.span(), f.norm.bias.span(), 1e-6);
    test::naive::add(
        image.x, test::naive::linear(test::naive::gelu(test::naive::linear(h, f.fn.fc1.weight.span(), f.fn.fc1.bias.span())),
                                     f.fn.fc2.weight.span(), f.fn.fc2.bias.span()));
    image.mask();
  }
}

/// The numbers of tokens that are left after each block, image by image.
std::vector<std::size_t> require_like_formulas(padding how, unsigned seed) {
  std::vector<float> x = test::normal_vector(images * tokens_at_first * channels, seed);
  std::vector<padded_image> batch(images);
  for (std::size_t b = 0; b < images; ++b)
    batch[b].x = test::naive::from_floats(
        std::span<const float>(x).subspan(b * tokens_at_first * channels, tokens_at_first * channels), channels);

  std::vector<std::size_t> starts(images + 1);
  std::vector<std::int32_t> room(tokens_at_first);
  examples::ats_tokens t;
  t.rows = make_matrix(x.data(), images * tokens_at_first, channels);
  t.sequences.starts = starts;
  t.sequences.set_equal(tokens_at_first);
  t.kept = room;
  t.padded_length = how == padding::kept ? tokens_at_first : 0;
  const examples::ats_sampling sampler{{}, {tokens_at_first - 1, how != padding::none}};

  std::vector<std::size_t> counts;
  for (unsigned i = 0; i < sampled_blocks; ++i) {
    block_type block;
    test::bind_random_weights(block, seed + 100 * (i + 1));
    prepare<reference>(block);
    const workspace memory(block_type::scratch_bytes(reference{}, images, tokens_at_first));
    block.forward(context<reference>{{}, memory.scratch()}, t, sampler,
                  [](std::size_t, std::size_t) { return inverse_cdf_trace{}; });
    run_naive(block, batch, how);
    for (std::size_t b = 0; b < images; ++b) {
      INFO("seed " << seed << ", block " << i << ", image " << b);
      REQUIRE(t.sequences.length(b) == batch[b].left);
      const matrix left(batch[b].x.begin(), batch[b].x.begin() + static_cast<std::ptrdiff_t>(batch[b].left));
      const auto own = t.sequences.of(t.rows, b);
      CHECK(test::worst(test::naive::to_floats(left), std::vector<float>(own.data_handle(), own.data_handle() + own.size()))
                .relative() < 1e-5);
      counts.push_back(batch[b].left);
    }
  }
  return counts;
}

}  // namespace

TEST_CASE("ats_block: a padded batch with its policy, as released and with dropped tokens kept for padding") {
  bool differs = false;
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    const auto dropped = require_like_formulas(padding::dropped, seed);
    const auto kept = require_like_formulas(padding::kept, seed);
    const auto none = require_like_formulas(padding::none, seed);
    differs = differs || (kept != dropped && dropped != none);
  }
  CHECK(differs);  // otherwise the three were not told apart
}
