// The golden "decoupled-attention": every share mode of `decoupled` on one attention layer. A case that is not known is not
// produced, and that fails.
#include "golden_config.hpp"
#include "support/run.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace heddle;
using golden::session;

constexpr std::size_t tokens = golden::instances + golden::prompts;
constexpr std::size_t head_dim = golden::dim / golden::heads;
constexpr position_range prompt_range{golden::instances, golden::prompts};
constexpr double tolerance = 1e-5;

using rows = std::vector<float>;

/// `y = x W^T + b` of `count` rows.
rows linear(const rows& x, std::size_t count, const rows& weight, const rows& bias) {
  const std::size_t outputs = bias.size();
  const std::size_t inputs = weight.size() / outputs;
  rows y(count * outputs);
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = static_cast<double>(bias[o]);
      for (std::size_t i = 0; i < inputs; ++i)
        sum += static_cast<double>(x[r * inputs + i]) * static_cast<double>(weight[o * inputs + i]);
      y[r * outputs + o] = static_cast<float>(sum);
    }
  return y;
}

/// Keys of one kind: which log-sum-exps are made of.
struct keys_of_kind {
  using policy_category = mask_tag;
  bool prompts = false;
  template <class T>
  HEDDLE_HOST_DEVICE typename batch_traits<T>::mask operator()(T, T k) const {
    const T border = batch_traits<T>::broadcast(static_cast<float>(golden::instances));
    return prompts ? k >= border : k < border;
  }
};

template <class Backend>
class runner {
  session& s_;
  golden::placed<Backend> projection_{0};  ///< `[batch, tokens, 3, heads, head_dim]`
  rows out_weight_;
  rows out_bias_;
  made_weights instance_gate_;
  made_weights prompt_gate_;

 public:
  explicit runner(session& s) : s_(s) {
    const io::safetensors weights(s.folder() + "/weights.safetensors");
    const rows instances = s.file().floats("input.instances");
    const rows prompts = s.file().floats("input.prompts");
    rows x;
    for (std::size_t b = 0; b < golden::batch; ++b) {
      append(x, instances, b, golden::instances);
      append(x, prompts, b, golden::prompts);
    }
    projection_ = golden::placed<Backend>(
        linear(x, golden::batch * tokens, weights.floats("in_proj_weight"), weights.floats("in_proj_bias")));
    out_weight_ = weights.floats("out_proj.weight");
    out_bias_ = weights.floats("out_proj.bias");
    instance_gate_ = keep_weights(Backend{}, weights.floats("head_gate_instance"));
    prompt_gate_ = keep_weights(Backend{}, weights.floats("head_gate_prompt"));
  }

  void run() {
    using namespace share;
    const std::array<float, 2> beta = golden::odds_of_queries;
    const std::array<float, 2> c = golden::const_of_queries;
    const head_gate instance_gate{instance_gate_.data, golden::heads};
    const head_gate prompt_gate{prompt_gate_.data, golden::heads};
    compare("exact", decoupled<exact, exact>{prompt_range});
    compare("odds", decoupled<odds, odds>{prompt_range, {beta[0]}, {beta[1]}});
    compare("no_prompt_to_prompt", decoupled<exact, drop_prompts>{prompt_range});
    compare("instances_ignore_prompts", decoupled<drop_prompts, exact>{prompt_range});
    compare("const", decoupled<constant, constant>{prompt_range, {c[0]}, {c[1]}});
    compare("head_gated", decoupled<head_gate, head_gate>{prompt_range, instance_gate, prompt_gate});
    compare("causal_instances", decoupled<odds, odds, causal<>>{prompt_range});  // odds of 0 are exact, in two parts
    if (has("joint")) outputs("joint", attend_with(attention<>{}));
    if (s_.wants_mid()) compare_sums();
  }

 private:
  static void append(rows& to, const rows& from, std::size_t item, std::size_t count) {
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(item * count * golden::dim);
    to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(count * golden::dim));
  }
  bool has(std::string_view name) const { return !s_.names("output." + std::string(name) + ".").empty(); }

  /// Attention over both kinds of tokens; `lse` `[batch, heads, tokens]` where the composition returns it.
  template <class Composition>
  rows attend_with(const Composition& c, rows* lse = nullptr) const {
    constexpr token_grid grid = sequence_grid(tokens);
    const Backend backend{};
    const golden::workspace_of<Backend> memory(plan_bytes(c, grid, golden::heads) + attend_bytes(backend, c, grid, head_dim));
    const auto x = qkv_views<head_dim>(projection_.data(), golden::batch, tokens, golden::heads);
    golden::placed<Backend> y(golden::batch * tokens * golden::dim);
    golden::placed<Backend> sums(golden::batch * golden::heads * tokens);
    attend_outputs more;
    if (lse != nullptr) {
      more = head_rows<float>(sums.data(), extents<dyn, dyn, dyn>(golden::batch, golden::heads, tokens),
                              {golden::heads * tokens, tokens, std::size_t{1}});
    }
    attend(context<Backend>{backend, memory.scratch()}, c, x.q, x.k, x.v,
           merged_heads<head_dim>(y.data(), golden::batch, tokens, golden::heads), grid, more);
    if (lse != nullptr) *lse = sums.host();
    return y.host();
  }

  template <class Policy>
  void compare(const char* name, const Policy& p) {
    if (!has(name)) return;
    outputs(name, attend_with(attention{p}));
    // The shares, from the log-sum-exps of both kinds of keys under the masks of the policy.
    rows instances;
    rows prompts;
    attend_with(attention{p, keys_of_kind{false}, logsumexp{}}, &instances);
    attend_with(attention{p, keys_of_kind{true}, logsumexp{}}, &prompts);
    rows shares(instances.size());
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const group_context<strided_groups<>> c{0, 0, i / tokens % golden::heads, tokens, tokens, nullptr};
      shares[i] = p.share(c, i % tokens, instances[i], prompts[i]);
    }
    by_kind("output." + std::string(name) + ".share_instances", "output." + std::string(name) + ".share_prompts", shares);
  }

  /// Output projection and comparison of both kinds of rows.
  void outputs(const std::string& name, const rows& attended) {
    const rows y = linear(attended, golden::batch * tokens, out_weight_, out_bias_);
    rows instances;
    rows prompts;
    for (std::size_t b = 0; b < golden::batch; ++b)
      for (std::size_t t = 0; t < tokens; ++t) {
        rows& to = t < golden::instances ? instances : prompts;
        const auto first = y.begin() + static_cast<std::ptrdiff_t>((b * tokens + t) * golden::dim);
        to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(golden::dim));
      }
    const std::size_t shape_of_instances[] = {golden::batch, golden::instances, golden::dim};
    const std::size_t shape_of_prompts[] = {golden::batch, golden::prompts, golden::dim};
    s_.check("output." + name + ".instances", instances, shape_of_instances, tolerance);
    s_.check("output." + name + ".prompts", prompts, shape_of_prompts, tolerance);
  }

  /// Numbers `[batch, heads, tokens]` of both kinds of queries.
  void by_kind(const std::string& instance_name, const std::string& prompt_name, const rows& values) {
    rows instances;
    rows prompts;
    for (std::size_t i = 0; i < values.size(); ++i) (i % tokens < golden::instances ? instances : prompts).push_back(values[i]);
    const std::size_t shape_of_instances[] = {golden::batch, golden::heads, golden::instances};
    const std::size_t shape_of_prompts[] = {golden::batch, golden::heads, golden::prompts};
    s_.check(instance_name, instances, shape_of_instances, tolerance);
    s_.check(prompt_name, prompts, shape_of_prompts, tolerance);
  }

  void compare_sums() {
    rows sums;
    attend_with(attention{keys_of_kind{false}, logsumexp{}}, &sums);
    by_kind("mid.lse_instance_instance", "mid.lse_prompt_instance", sums);
    attend_with(attention{keys_of_kind{true}, logsumexp{}}, &sums);
    by_kind("mid.lse_instance_prompt", "mid.lse_prompt_prompt", sums);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return heddle::golden::run_golden(argc, argv, [](auto backend, session& s) { runner<decltype(backend)>(s).run(); });
}
