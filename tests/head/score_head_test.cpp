// The score head against its formulas, written out with plain loops.
#include "heddle/head/score_head.hpp"

#include <cmath>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace {

using namespace heddle;

constexpr std::size_t channels = 12;
constexpr std::size_t heads = 3;
constexpr std::size_t template_tokens = 5;
using head_type = score_head<channels, heads>;
using row = std::vector<double>;
using rows = std::vector<row>;

template <std::size_t In, std::size_t Out>
row projected(const linear<In, Out>& layer, const row& x) {
  row y(Out);
  for (std::size_t o = 0; o < Out; ++o) {
    y[o] = static_cast<double>(layer.bias.data()[o]);
    for (std::size_t i = 0; i < In; ++i) y[o] += static_cast<double>(layer.weight.data()[o * In + i]) * x[i];
  }
  return y;
}

row normed(const layer_norm<channels>& norm, const row& x) {
  double mean = 0, square = 0;
  for (const double v : x) mean += v / channels;
  for (const double v : x) square += (v - mean) * (v - mean) / channels;
  row y(channels);
  for (std::size_t c = 0; c < channels; ++c)
    y[c] = (x[c] - mean) / std::sqrt(square + 1e-5) * static_cast<double>(norm.weight.data()[c]) +
           static_cast<double>(norm.bias.data()[c]);
  return y;
}

row asked(const head_type& head, std::size_t i, const row& token, const rows& memory) {
  const row q = projected(head.proj_q[i], token);
  row result(channels);
  constexpr std::size_t width = channels / heads;
  for (std::size_t h = 0; h < heads; ++h) {
    double sum = 0;
    row out(width);
    for (const row& m : memory) {
      const row k = projected(head.proj_k[i], m);
      const row v = projected(head.proj_v[i], m);
      double score = 0;
      for (std::size_t d = 0; d < width; ++d) score += q[h * width + d] * k[h * width + d];
      const double weight = std::exp(score / std::sqrt(static_cast<double>(channels)));  // the whole width, not the head's
      sum += weight;
      for (std::size_t d = 0; d < width; ++d) out[d] += weight * v[h * width + d];
    }
    for (std::size_t d = 0; d < width; ++d) result[h * width + d] = out[d] / sum;
  }
  return normed(head.norm2[i], projected(head.proj[i], result));
}

double expected_logit(const head_type& head, const rows& pooled, const rows& of_template) {
  const std::span<const float> token = head.score_token.span();
  row x = normed(head.norm1, row(token.begin(), token.end()));
  x = asked(head, 0, x, pooled);
  x = asked(head, 1, x, of_template);
  for (const auto& layer : head.hidden) {
    x = projected(layer, x);
    for (double& v : x) v = std::max(v, 0.0);
  }
  return projected(head.logit, x)[0];
}

rows rows_of(const float* data, std::size_t count) {
  rows result;
  for (std::size_t r = 0; r < count; ++r) result.emplace_back(data + r * channels, data + (r + 1) * channels);
  return result;
}

}  // namespace

TEST_CASE("the score of a box", "[score_head]") {
  head_type head;
  test::bind_random_weights(head, 3);
  prepare<reference>(head);
  constexpr std::size_t batch = 2;
  const map_extents e(batch, 5, 5, channels);
  const std::vector<float> x = test::normal_vector(e.size(), 1);
  const std::vector<float> templates = test::normal_vector(batch * template_tokens * channels, 2);
  const std::vector<float> boxes{0.1F, 0.2F, 0.8F, 0.7F, 0.9F, 0.2F, 0.3F, 0.7F};  // the second is inverted
  const workspace scratch(head_type::scratch_bytes(reference{}, e, template_tokens));
  const context<reference> ctx{reference{}, scratch.scratch()};
  std::vector<float> memory(head_type::template_size(batch, template_tokens));
  head.store_template(ctx, make_matrix<const float>(templates.data(), batch * template_tokens, channels), memory.data());
  std::vector<float> logits(batch);
  const map_view<const float> map(x.data(), e);
  const auto box_rows = make_matrix<const float>(boxes.data(), batch, 4);
  head.forward(ctx, map, box_rows, memory.data(), template_tokens, logits);

  tensor<float, map_extents> pooled(map_extents(batch, 4, 4, channels));
  head_type::pool(ctx, map, box_rows, pooled.view());
  for (std::size_t i = 0; i < 16 * channels; ++i) CHECK(pooled.data()[16 * channels + i] == 0.0F);
  for (std::size_t b = 0; b < batch; ++b) {
    const double expected = expected_logit(head, rows_of(pooled.data() + b * 16 * channels, 16),
                                           rows_of(templates.data() + b * template_tokens * channels, template_tokens));
    CHECK(std::abs(expected - static_cast<double>(logits[b])) < 1e-5);
  }
  REQUIRE_THROWS_AS(
      head.forward(ctx, map, make_matrix<const float>(boxes.data(), 1, 4), memory.data(), template_tokens, logits),
      shape_error);
  REQUIRE_THROWS_AS(head.forward(ctx, map, box_rows, memory.data(), template_tokens, std::span<float>(logits).first(1)),
                    shape_error);
}
