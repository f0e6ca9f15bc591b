// Normalizers and observers: the weights that the definition of attend returns.
#include <heddle/reference/attend.hpp>

#include <cmath>

#include "drawing.hpp"

namespace pictures {
namespace {

using namespace heddle;
constexpr std::size_t tokens = 12;

/// All that attention with scores of our own says: queries are 1, keys are the scores.
struct run_of {
  std::vector<float> one = std::vector<float>(tokens, 1.0F);
  std::vector<float> out = std::vector<float>(tokens);
  std::vector<float> weight = std::vector<float>(tokens * tokens);
  std::vector<float> importance = std::vector<float>(tokens);
  std::vector<float> first = std::vector<float>(tokens);
  std::vector<float> lse = std::vector<float>(tokens);

  template <class Composition>
  run_of(const Composition& c, const std::vector<float>& queries, const std::vector<float>& keys) {
    const token_grid grid = sequence_grid(tokens);
    const auto rows = [](auto* data) {
      return head_view<std::remove_pointer_t<decltype(data)>, 1>(data, extents<dyn, dyn, dyn, 1>(1, 1, tokens),
                                                                 {tokens, tokens, std::size_t{1}, std::size_t{1}});
    };
    const auto line = [](float* data) {
      return head_rows<float>(data, extents<dyn, dyn, dyn>(1, 1, tokens), {tokens, tokens, std::size_t{1}});
    };
    attend_outputs outputs;
    outputs.importance = line(importance.data());
    outputs.class_row = line(first.data());
    outputs.logsumexp = line(lse.data());
    outputs.probabilities = head_view<float>(weight.data(), extents<dyn, dyn, dyn, dyn>(1, 1, tokens, tokens),
                                             {tokens * tokens, tokens * tokens, tokens, std::size_t{1}});
    const workspace scratch(plan_bytes(c, grid, 1) + attend_bytes(reference{}, c, grid, 1));
    attend(context<reference>{reference{}, scratch.scratch()}, c, rows(queries.data()), rows(keys.data()), rows(one.data()),
           rows(out.data()), grid, outputs);
  }
};

const std::vector<float> scores{0.2F, 1.4F, -0.9F, 2.3F, 0.6F, -1.6F, 1.1F, 1.9F, -0.3F, 0.9F, -1.1F, 0.1F};

void bars(canvas& c, int left, int base, const float* values, double scale, const std::string& colour) {
  c.line(left, base, left + static_cast<int>(tokens) * 14, base, ink);
  for (std::size_t i = 0; i < tokens; ++i) {
    const int h = static_cast<int>(std::lround(scale * static_cast<double>(values[i]) + 0.0003));
    if (h != 0) c.box(left + static_cast<int>(i) * 14 + 1, h > 0 ? base - h : base, 12, h > 0 ? h : -h, colour);
  }
}

template <class Normalizer>
void one(gallery& g, const std::string& name, const std::string& title, const Normalizer& n, double scale) {
  canvas c;
  c.words(8, 14, title);
  bars(c, 8, 62, scores.data(), 16.0, hidden_colour);
  c.words(184, 62, "scores");
  const run_of r(attention{scaled_dot{1.0F}, n, probabilities{}}, std::vector<float>(tokens, 1.0F), scores);
  bars(c, 8, 150, r.weight.data() + 4 * tokens, scale, key_colour);
  c.words(184, 150, "weights");
  g["normalizer_" + name] = c.svg();
}

void observers(gallery& g) {
  std::vector<float> queries;
  for (std::size_t i = 0; i < tokens; ++i) queries.push_back(0.6F + 0.25F * static_cast<float>(i % 5));
  const run_of r(attention{scaled_dot{1.0F}, sliding<6>{}, observe<logsumexp, key_importance, class_row, probabilities>{}},
                 queries, scores);
  canvas c;
  c.words(8, 14, "probabilities (sliding&lt;6&gt;)");
  c.heat(8, 24, tokens, tokens, 14,
         [&](std::size_t q, std::size_t k) { return static_cast<double>(r.weight[q * tokens + k]); });
  c.frame(7, 23, 169, 14, query_colour, 2);
  c.words(184, 35, "class_row: the first row", query_colour);
  bars(c, 8, 250, r.importance.data(), 160.0, full_colour);
  c.words(184, 250, "key_importance: the mean column");
  c.words(330, 14, "logsumexp of every query");
  c.line(330, 24, 330, 192, ink);
  for (std::size_t q = 0; q < tokens; ++q)
    c.box(330, 25 + static_cast<int>(q) * 14, static_cast<int>(std::lround(20.0 * static_cast<double>(r.lse[q]) + 0.0003)), 11,
          partial_colour);
  g["observers"] = c.svg();
}

}  // namespace

void draw_weights(gallery& g) {
  one(g, "softmax", "softmax", softmax{}, 160.0);
  const float logit = 2.0F;
  one(g, "softmax_sink", "softmax_sink, logit 2: a part of the weight goes nowhere", softmax_sink{&logit, 1}, 160.0);
  one(g, "softmax_one", "softmax_one", softmax_one{}, 160.0);
  one(g, "sigmoid_weights", "sigmoid_weights: keys do not compete", sigmoid_weights{}, 60.0);
  one(g, "linear_scores", "linear_scores: the scores themselves", linear_scores{}, 16.0);
  one(g, "top_k", "top_k&lt;3&gt;", top_k<3>{}, 120.0);
  const std::vector<float> kept{1, 1, 1, 0, 1, 1, 0.5F, 0, 1, 1, 1, 1};
  one(g, "policy_weighted", "policy_weighted: keys 3 and 7 dropped, 6 by half", policy_weighted{kept.data(), 1, tokens}, 160.0);
  using halves = decoupled<share::constant, share::constant>;
  one(g, "decoupled", "decoupled: prompts 0 to 2 get half of the weight",
      halves{.prompts = {0, 3}, .instance_share = {0.5F}, .prompt_share = {0.5F}}, 160.0);
  observers(g);
}

}  // namespace pictures
