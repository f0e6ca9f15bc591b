// The golden "tome": tokens, sizes, sources and logits of a ViT that merges tokens, and the pure functions of merging.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <string>
#include <vector>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::tome<golden_config>;
using rows = std::vector<float>;
constexpr std::size_t channels = network::channels;

/// The mean over heads of the keys that block `b` makes of `x`: what it compares.
template <class Backend>
rows metric_of(const network::trunk_type::block_type& b, matrix_view<const float> x) {
  constexpr std::size_t heads = golden_config.trunk.heads;
  constexpr std::size_t head_dim = channels / heads;
  const context<Backend> ctx{};
  golden::placed<Backend> h(x.extent(0) * channels);
  golden::placed<Backend> projected(x.extent(0) * 3 * channels);
  b.norm1.forward_rows(ctx, x, make_matrix(h.data(), x.extent(0), channels));
  b.attn.qkv.forward_rows(ctx, make_matrix<const float>(h.data(), x.extent(0), channels),
                          make_matrix(projected.data(), x.extent(0), 3 * channels));
  const rows projection = projected.host();
  rows metric(x.extent(0) * head_dim);
  for (std::size_t i = 0; i < x.extent(0); ++i)
    for (std::size_t c = 0; c < head_dim; ++c) {
      double sum = 0.0;
      for (std::size_t head = 0; head < heads; ++head)
        sum += static_cast<double>(projection[i * 3 * channels + channels + head * head_dim + c]);
      metric[i * head_dim + c] = static_cast<float>(sum / static_cast<double>(heads));
    }
  return metric;
}

template <class Backend>
void run_network(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, io::key_map{});
  net.trunk.merge(golden_schedule);
  const map_tensor image = s.map("input.image");
  const std::size_t batch = image.extents().extent(0);
  const std::size_t left = net.trunk.remaining();
  const golden::placed_map<Backend> picture(image);
  golden::placed<Backend> tokens(batch * left * channels);
  golden::placed<Backend> logits(batch * network::classes);
  const golden::workspace_of<Backend> memory(network::scratch_bytes(Backend{}, batch));
  context<Backend> ctx{Backend{}, memory.scratch()};
  token_state state = start_tokens(ctx, batch, network::trunk_type::tokens);
  const auto view = make_matrix(tokens.data(), batch * left, channels);
  std::size_t merging_block = 0;
  const auto seen = [&](std::size_t i, matrix_view<const float> x) {
    if (!s.wants_mid()) return;
    const std::size_t shape[] = {batch, x.extent(0) / batch, channels};
    if (i < golden_schedule.size())
      s.check("mid.block" + std::to_string(i), golden::on_host<Backend>(x.data_handle(), x.size()), shape);
    const std::size_t next = i < golden_schedule.size() ? i + 1 : 0;
    if (next == golden_schedule.size() || golden_schedule[next] == 0) return;
    const std::size_t metric_shape[] = {batch, shape[1], channels / golden_config.trunk.heads};
    s.check("mid.metric" + std::to_string(merging_block++), metric_of<Backend>(net.trunk.blocks[next], x), metric_shape);
  };
  net.trunk.forward(ctx, picture.view(), view, state, seen);
  net.classify(ctx, as_const(view), make_matrix(logits.data(), batch, network::classes));

  const std::size_t token_shape[] = {batch, left, channels};
  const std::size_t logit_shape[] = {batch, network::classes};
  s.check("output.tokens", tokens.host(), token_shape);
  s.check("output.logits", logits.host(), logit_shape);
  if (s.file().find("output.sizes") != nullptr) {
    const std::size_t shape[] = {batch, left, 1};
    s.check("output.sizes", golden::on_host<Backend>(state.sizes, batch * left), shape, 0.0);
  }
  if (s.file().find("output.source") != nullptr) {
    constexpr std::size_t first = network::trunk_type::tokens;
    rows members(batch * left * first);
    std::vector<std::int32_t> positions = golden::on_host<Backend>(state.origin.positions, batch * first);
    const source_map origin{positions.data(), batch, first, left};
    membership(origin, heddle::view<float, dynamic_extents<3>>(members.data(), dynamic_extents<3>(batch, left, first)));
    const std::size_t shape[] = {batch, left, first};
    s.check("output.source", members, shape, 0.0);
  }
}

/// One case of the pure functions: a plan of `Match`, applied with every way to combine that the file has.
template <class Backend>
class pure_function {
  session& s_;
  std::string in_;
  std::string out_;
  rows values_;
  std::size_t batch_;
  std::size_t width_;

 public:
  pure_function(session& s, const std::string& name)
      : s_(s),
        in_("input.fn_" + name + "."),
        out_("output.fn_" + name + "."),
        values_(s.file().floats(in_ + "values")),
        batch_(s.shape(in_ + "values")[0]),
        width_(s.shape(in_ + "values")[2]) {}

  template <class Match>
  void run(const Match& match) {
    const golden::placed<Backend> metric(s_.file().floats(in_ + "metric"));
    const auto shape = s_.shape(in_ + "metric");
    const std::size_t tokens = shape[1];
    const merging<Match> merge{match};
    const golden::workspace_of<Backend> scratch(merge.plan_scratch_bytes(Backend{}, tokens, shape[2]) +
                                                merging<Match>::apply_scratch_bytes(tokens));
    const golden::workspace_of<Backend> memory(source_map_bytes(batch_, tokens));
    const context<Backend> ctx{Backend{}, scratch.scratch()};
    arena plans = memory.scratch();
    const metric_rows compared{make_matrix(metric.data(), batch_ * tokens, shape[2])};
    const source_map map = merge.plan(ctx, compared, batch_, plans);
    const rows mean = apply<Match, token_mean>(ctx, match, map, "mean");
    apply<Match, token_sum>(ctx, match, map, "sum");
    apply<Match, token_maximum>(ctx, match, map, "amax");
    const bool sized = s_.file().find(in_ + "sizes") != nullptr;  // then the size-weighted mean is what is undone
    const rows undone = sized ? apply_sizes<Match>(ctx, match, map) : mean;
    if (has("unmerged")) unmerge(ctx, map, undone);
  }

 private:
  bool has(const char* what) const { return s_.file().find(out_ + what) != nullptr; }

  template <class Match, class Combine>
  rows apply(const context<Backend>& ctx, const Match& match, const source_map& map, const char* what,
             const token_sizes& sizes = {}) {
    golden::placed<Backend> y(batch_ * map.after * width_);
    const golden::placed<Backend> values(values_);
    merging<Match, Combine>{match}.apply(ctx, map, make_matrix<const float>(values.data(), batch_ * map.before, width_),
                                         make_matrix(y.data(), batch_ * map.after, width_), sizes);
    const std::size_t shape[] = {batch_, map.after, width_};
    if (has(what)) s_.check(out_ + what, y.host(), shape);
    return y.host();
  }

  template <class Match>
  rows apply_sizes(const context<Backend>& ctx, const Match& match, const source_map& map) {
    const golden::placed<Backend> sizes(s_.file().floats(in_ + "sizes"));
    golden::placed<Backend> after(batch_ * map.after);
    rows y = apply<Match, size_weighted_mean>(ctx, match, map, "wavg", {sizes.data(), after.data()});
    const std::size_t shape[] = {batch_, map.after, 1};
    if (has("sizes")) s_.check(out_ + "sizes", after.host(), shape);
    return y;
  }

  /// Tokens that were dropped have no place in the recorded result.
  void unmerge(const context<Backend>& ctx, const source_map& map, const rows& merged_values) {
    const golden::placed<Backend> from(merged_values);
    golden::placed<Backend> restored(batch_ * map.before * width_);
    restore_rows(ctx, map, make_matrix(from.data(), batch_ * map.after, width_),
                 make_matrix(restored.data(), batch_ * map.before, width_));
    const rows x = restored.host();
    const auto positions = golden::on_host<Backend>(static_cast<const std::int32_t*>(map.positions), batch_ * map.before);
    rows kept;
    for (std::size_t i = 0; i < batch_ * map.before; ++i)
      if (positions[i] >= 0) kept.insert(kept.end(), &x[i * width_], &x[i * width_] + width_);
    const std::size_t shape[] = {batch_, kept.size() / (batch_ * width_), width_};
    s_.check(out_ + "unmerged", kept, shape);
  }
};

template <class Backend>
void run_all(session& s) {
  run_network<Backend>(s);
  for (const golden_function& f : golden_functions) {
    pure_function<Backend> function(s, f.name);
    if (f.k > 0) {
      function.run(every_kth<>{f.k});
    } else if (f.distill_token) {
      function.run(bipartite<dyn, protected_tokens::class_and_distillation>{f.r});
    } else if (f.class_token) {
      function.run(bipartite<dyn, protected_tokens::class_token>{f.r});
    } else {
      function.run(bipartite<>{f.r});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
