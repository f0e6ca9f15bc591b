// The golden "ats": logits, features, the tokens that remain and how many, and on request what every sampling block saw.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::ats<golden_config>;

/// What one sampling block wrote about one image.
struct selection {
  std::vector<std::int32_t> order;
  std::vector<float> distribution;
  std::vector<float> points;
};

/// Collects what the network shows, as `[batch, longest, ..]` padded with zeros.
template <class Backend>
class recorder {
  session& s_;
  std::size_t batch_;
  std::vector<std::vector<std::int64_t>> kept_{};  ///< of every sampling block
  std::vector<selection> selections_{};            ///< of the block that runs
  golden::placed<Backend, std::int32_t> order_;    ///< the same of all images, where the backend writes it
  golden::placed<Backend> distribution_;
  golden::placed<Backend> points_;

 public:
  recorder(session& s, std::size_t batch)
      : s_(s),
        batch_(batch),
        selections_(batch),
        order_(batch * golden_config.patches()),
        distribution_(batch * golden_config.patches()),
        points_(batch * golden_config.sample_points()) {}

  inverse_cdf_trace trace(std::size_t, std::size_t b, std::size_t tokens) {
    selection& it = selections_[b];
    it.order.assign(tokens - 1, 0);
    it.distribution.assign(tokens - 1, 0.0F);
    it.points.assign(golden_config.sample_points(), 0.0F);
    return {it.order, it.distribution, it.points};
  }

  inverse_cdf_trace padded_trace(std::size_t, std::size_t, std::size_t places) {
    lengths_before_ =
        lengths_.empty() ? std::vector<std::int32_t>(batch_, static_cast<std::int32_t>(golden_config.tokens())) : lengths_;
    others_ = places - 1;
    return {order_.span().first(batch_ * others_), distribution_.span().first(batch_ * others_), points_.span()};
  }

  /// Tokens of a device become a batch without padding on the host.
  void block(std::size_t i, const examples::ats_padded_tokens& tokens) {
    const std::vector<float> rows = golden::on_host<Backend>(tokens.rows.data_handle(), tokens.rows.size());
    lengths_ = golden::on_host<Backend>(tokens.sequences.lengths.data(), batch_);
    const std::size_t channels = tokens.rows.extent(1);
    std::vector<std::size_t> starts{0};
    std::vector<float> without;
    for (std::size_t b = 0; b < batch_; ++b) {
      const auto first = rows.begin() + static_cast<std::ptrdiff_t>(b * tokens.sequences.places * channels);
      without.insert(without.end(), first, first + lengths_[b] * static_cast<std::ptrdiff_t>(channels));
      starts.push_back(starts.back() + static_cast<std::size_t>(lengths_[b]));
    }
    if (golden_config.samples(i)) take_selections();
    examples::ats_tokens ragged;
    ragged.rows = make_matrix(without.data(), starts.back(), channels);
    ragged.sequences.starts = starts;
    block(i, ragged);
  }

  void block(std::size_t i, const examples::ats_tokens& tokens) {
    if (golden_config.samples(i)) {
      kept_.emplace_back();
      for (std::size_t b = 0; b < batch_; ++b) kept_.back().push_back(static_cast<std::int64_t>(tokens.sequences.length(b)));
      if (s_.wants_mid()) check_selection("mid.block" + std::to_string(i), tokens);
    }
    if (s_.wants_mid()) check_rows("mid.block" + std::to_string(i), tokens);
    if (i + 1 == golden_config.depth) check_rows("output.last_tokens", tokens);
  }

  void feature(matrix_view<const float> rows) {
    const std::size_t shape[] = {rows.extent(0), rows.extent(1)};
    s_.check("output.feature", golden::on_host<Backend>(rows.data_handle(), rows.size()), shape);
  }

  void finish() {
    std::vector<std::int64_t> all;
    for (std::size_t b = 0; b < batch_; ++b)
      for (const auto& block : kept_) all.push_back(block[b]);
    const std::size_t shape[] = {batch_, kept_.size()};
    s_.check_integers("output.kept_tokens", all, shape);
  }

 private:
  std::vector<std::int32_t> lengths_{};  ///< of padded sequences
  std::vector<std::int32_t> lengths_before_{};
  std::size_t others_ = 0;

  void take_selections() {
    const std::vector<std::int32_t> order = order_.host();
    const std::vector<float> distribution = distribution_.host();
    const std::vector<float> points = points_.host();
    for (std::size_t b = 0; b < batch_; ++b) {
      const std::size_t first = b * others_;
      const std::size_t end = first + static_cast<std::size_t>(lengths_before_[b]) - 1;
      const std::size_t n = golden_config.sample_points();
      selections_[b] = {{&order[first], &order[first] + (end - first)},
                        {&distribution[first], &distribution[first] + (end - first)},
                        {&points[b * n], &points[b * n] + n}};
    }
  }

  void check_rows(const std::string& name, const examples::ats_tokens& tokens) {
    if (s_.file().find(name) == nullptr) return;
    const std::size_t longest = golden_config.padded_to_all ? golden_config.tokens() : tokens.sequences.longest();
    const std::size_t channels = tokens.rows.extent(1);
    std::vector<float> padded(batch_ * longest * channels, 0.0F);
    for (std::size_t b = 0; b < batch_; ++b)
      std::copy_n(tokens.sequences.of(tokens.rows, b).data_handle(), tokens.sequences.length(b) * channels,
                  padded.begin() + static_cast<std::ptrdiff_t>(b * longest * channels));
    const std::size_t shape[] = {batch_, longest, channels};
    s_.check(name, padded, shape);
  }

  /// The file pads images with tokens of score 0, which come first; their order among themselves says nothing and is the file's.
  void check_selection(const std::string& name, const examples::ats_tokens& after) {
    std::size_t n = golden_config.padded_to_all ? golden_config.patches() : 0;
    for (const selection& it : selections_) n = std::max(n, it.order.size());
    const std::size_t points = golden_config.sample_points();
    const std::vector<std::int64_t> in_file = s_.file().integers(name + ".sorted_index");
    std::vector<std::int64_t> order;
    std::vector<float> distribution;
    std::vector<float> y;
    std::vector<float> policy(batch_ * (n + 1), 0.0F);
    for (std::size_t b = 0; b < batch_; ++b) {
      const selection& it = selections_[b];
      const std::size_t padding = n - it.order.size();
      for (std::size_t i = 0; i < padding; ++i) order.push_back(in_file.at(b * n + i));
      distribution.insert(distribution.end(), padding, 0.0F);
      order.insert(order.end(), it.order.begin(), it.order.end());
      distribution.insert(distribution.end(), it.distribution.begin(), it.distribution.end());
      y.insert(y.end(), it.points.begin(), it.points.end());
      std::fill_n(policy.begin() + static_cast<std::ptrdiff_t>(b * (n + 1)), after.sequences.length(b), 1.0F);
    }
    const std::size_t shape[] = {batch_, n};
    const std::size_t shape_of_points[] = {batch_, points};
    const std::size_t shape_of_policy[] = {batch_, n + 1};
    s_.check_integers(name + ".sorted_index", order, shape);
    s_.check(name + ".cdf", distribution, shape);
    s_.check(name + ".sample_points", y, shape_of_points);
    s_.check(name + ".policy_before_pruning", policy, shape_of_policy);
    check_scores(name + ".sorted_scores", distribution, n);
  }

  /// Scores are the steps of the distribution, up to its first value and its range: both from the file's own lowest score.
  void check_scores(const std::string& name, const std::vector<float>& distribution, std::size_t n) {
    const std::vector<float> expected = s_.file().floats(name);
    std::vector<float> scores;
    for (std::size_t b = 0; b < batch_; ++b) {
      const double lowest = static_cast<double>(expected[b * n]);
      for (std::size_t t = 0; t < n; ++t) {
        const std::size_t at = b * n + t;
        const double step = t == 0 ? 0.0 : static_cast<double>(distribution[at]) - static_cast<double>(distribution[at - 1]);
        scores.push_back(static_cast<float>(t == 0 ? lowest : step * (1.0 - lowest)));
      }
    }
    const std::size_t shape[] = {batch_, n};
    s_.check(name, scores, shape);
  }
};

template <class Backend>
void run_all(session& s) {
  const auto net = std::make_unique<network>();
  golden::load_weights<Backend>(*net, s, network::key_map());
  const map_tensor image = s.map("input.image");
  const golden::placed_map<Backend> picture(image);
  golden::placed_map<Backend> y(network::output_extents(image.extents()));
  const golden::workspace_of<Backend> scratch(workspace_bytes<network, Backend>(image.extents()));
  recorder<Backend> record(s, image.extent(0));
  net->forward(context<Backend>{Backend{}, scratch.scratch()}, picture.view(), y.view(), record);
  record.finish();
  const map_tensor logits = y.host();
  const std::size_t shape[] = {logits.extent(0), logits.extent(3)};
  s.check("output.logits", as_span(logits.view()), shape);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
