// The goldens "maxvit" and "maxvit-rmlp": features and logits of an image, and on request the maps after the stem, the
// stages, and the parts of every block.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <string>

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::output_of;
using golden::session;
using network = examples::maxvit<golden_config>;

/// Intermediate maps, one module at a time; only what the file has is compared.
template <class Backend>
class middle {
  session& s_;
  map_tensor x_;

 public:
  middle(session& s, const network& net, const map_tensor& image)
      : s_(s), x_(output_of<Backend>(net.stem_second, output_of<Backend>(net.stem_first, image))) {
    check("mid.stem");
    std::size_t i = 0;
    std::apply([&](const auto&... stage) { (run_stage("mid.stages." + std::to_string(i++), stage), ...); }, net.stages);
  }

 private:
  template <class Stage>
  void run_stage(const std::string& name, const Stage& stage) {
    run_block(name + ".blocks.0", stage.first);
    for (std::size_t j = 0; j < stage.rest.size(); ++j) run_block(name + ".blocks." + std::to_string(j + 1), stage.rest[j]);
    check(name);
  }

  template <class Block>
  void run_block(const std::string& name, const Block& block) {
    step(name + ".conv", block.template get<0>());
    if constexpr (golden_config.block_attention) {
      step(name + ".attn_block", block.template get<1>());
      step(name + ".attn_grid", block.template get<2>());
    } else {
      step(name + ".attn_grid", block.template get<1>());
    }
    check(name);
  }

  template <class Module>
  void step(const std::string& name, const Module& m) {
    x_ = output_of<Backend>(m, x_);
    check(name);
  }

  /// The attention parts are recorded in token order, the convolutions as [batch, channels, height, width].
  void check(const std::string& name) {
    if (s_.file().find(name) == nullptr) return;
    const map_extents& e = x_.extents();
    const bool attention = name.find(".attn_") != std::string::npos;
    if (!attention) return s_.check_map(name, x_.view());
    const std::size_t shape[] = {e.extent(0), e.extent(1), e.extent(2), e.extent(3)};
    s_.check(name, as_span(std::as_const(x_).view()), shape);
  }
};

template <class Backend>
void run_all(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, network::key_map());
  const map_tensor image = s.map("input.image");

  const map_tensor logits = output_of<Backend>(net, image);
  const std::size_t shape[] = {logits.extent(0), logits.extent(3)};
  s.check("output.logits", as_span(logits.view()), shape);

  const golden::placed_map<Backend> x(image);
  golden::placed_map<Backend> features(network::feature_extents(image.extents()));
  const golden::workspace_of<Backend> scratch(network::feature_scratch_bytes(Backend{}, image.extents()));
  net.forward_features(context<Backend>{Backend{}, scratch.scratch()}, x.view(), features.view());
  s.check_map("output.features", features.host().view());

  if (s.wants_mid()) middle<Backend>(s, net, image);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
