// The golden "ngswin": pictures made larger (every input.<name> to output.<name>), and on request the maps on the way.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <string>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::ngswin<golden_config>;

/// Compares a map of the backend with a recording of [batch, tokens, channels], if there is one.
template <class Backend>
void check_tokens(session& s, const std::string& name, map_view<const float> x) {
  if (s.file().find(name) == nullptr) return;
  const std::size_t shape[] = {x.extent(0), x.extent(1) * x.extent(2), x.extent(3)};
  s.check(name, golden::on_host<Backend>(x.data_handle(), x.size()), shape);
}

/// The context of the first block.
template <class Backend>
void check_context(session& s, const std::string& name, const network& net, const map_tensor& image) {
  if (s.file().find(name) == nullptr) return;
  using context_type = decltype(net.first.blocks[0].ngram);
  const auto padded = [](std::size_t n) { return (n + network::multiple - 1) / network::multiple * network::multiple; };
  map_tensor x(map_extents(image.extent(0), padded(image.extent(1)), padded(image.extent(2)), 3));
  pad(context<reference>{}, image.view(), x.view(),
      {.bottom = x.extent(1) - image.extent(1), .right = x.extent(2) - image.extent(2)});
  for (std::size_t i = 0; i < x.size(); ++i)
    x.data()[i] = (x.data()[i] - net.statistics.mean[i % 3]) / net.statistics.deviation[i % 3];
  const map_tensor features = golden::output_of<Backend>(net.shallow, x);
  const golden::placed_map<Backend> placed_features(features);
  golden::placed_map<Backend> context_map(std::remove_cvref_t<context_type>::output_extents(features.extents()));
  const golden::workspace_of<Backend> scratch(std::remove_cvref_t<context_type>::scratch_bytes(Backend{}, features.extents()));
  net.first.blocks[0].ngram.forward(context<Backend>{Backend{}, scratch.scratch()}, placed_features.view(), context_map.view());
  const map_tensor y = context_map.host();
  const std::size_t shape[] = {y.extent(0), y.extent(1), y.extent(2), 1, 1, y.extent(3)};
  s.check(name, as_span(y.view()), shape);
}

std::string name_of(std::size_t stage, std::size_t block) {
  if (stage == 4) return "decoder_norm";
  const std::string name = stage == 3 ? "dec1" : "enc" + std::to_string(stage + 1);
  if (stage < 2 && block == golden_config.depth[stage]) return name + "_down";
  if (stage == 2 && block + 1 == golden_config.depth[2]) return name;
  return name + "_block" + std::to_string(block);
}

template <class Backend>
void run_all(session& s) {
  network net;
  for (std::size_t c = 0; c < 3; ++c) {
    net.statistics.mean[c] = static_cast<float>(golden_mean[c]);
    net.statistics.deviation[c] = static_cast<float>(golden_deviation[c]);
  }
  golden::load_weights<Backend>(net, s, network::key_map());
  for (const std::string& input : s.names("input.")) {
    const std::string name = input.substr(6);
    const map_tensor image = s.map(input);
    const golden::placed_map<Backend> small(image);
    golden::placed_map<Backend> large(output_extents<network>(image.extents()));
    const golden::workspace_of<Backend> scratch(workspace_bytes<network, Backend>(image.extents()));
    net.forward(context<Backend>{Backend{}, scratch.scratch()}, small.view(), large.view(),
                [&](std::size_t stage, std::size_t block, map_view<const float> m) {
                  if (s.wants_mid()) check_tokens<Backend>(s, "mid." + name + "." + name_of(stage, block), m);
                });
    s.check_map("output." + name, large.host().view());
    if (s.wants_mid()) check_context<Backend>(s, "mid." + name + ".enc1_block0_ngram_context", net, image);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
