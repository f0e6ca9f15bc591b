// The golden "swin-transformer-v2": features and logits of images, and on request the embedded patches, the maps of the
// stages, the attention of the first stage's windows and a table of biases.
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
using network = examples::swin<golden_config>;

/// A map as [batch, tokens, channels].
void check_tokens(session& s, const std::string& name, map_view<const float> x) {
  if (s.file().find(name) == nullptr) return;
  const std::size_t shape[] = {x.extent(0), x.extent(1) * x.extent(2), x.extent(3)};
  s.check(name, as_span(x), shape);
}

/// What the attention of a block makes of every window, in the order of the windows.
template <class Backend, class Block>
void check_windows(session& s, const std::string& name, const Block& block, const map_tensor& x) {
  if (s.file().find(name) == nullptr) return;
  using attention_type = decltype(Block::attn);
  const map_tensor y = output_of<Backend>(block.attn, x);
  const auto map = block.attn.composition.partition().map(attention_type::grid_of(x.extents()));
  const std::size_t channels = x.extent(3);
  const std::size_t tokens = x.extent(1) * x.extent(2);
  std::vector<float> windows;
  for (std::size_t b = 0; b < x.extent(0); ++b)
    for (std::size_t g = 0; g < map.groups(); ++g)
      for (std::size_t i = 0; i < map.group_size(); ++i) {
        const float* row = y.data() + (b * tokens + static_cast<std::size_t>(map.token(g, i))) * channels;
        windows.insert(windows.end(), row, row + channels);
      }
  const std::size_t shape[] = {x.extent(0) * map.groups(), map.group_size(), channels};
  s.check(name, windows, shape);
}

/// A table of biases after the sigmoid, [offsets, heads].
template <class Backend, class Attention>
void check_table(session& s, const std::string& name, const Attention& attention) {
  if (s.file().find(name) == nullptr) return;
  const std::size_t shape[] = {decltype(attention.bias)::entries, Attention::heads};
  s.check(name, golden::on_host<Backend>(attention.bias.table, shape[0] * shape[1]), shape);
}

/// Blocks of the first stages one at a time.
template <class Backend>
void check_middle(session& s, const network& net, const map_tensor& image) {
  const golden::placed_map<Backend> picture(image);
  golden::placed_map<Backend> tokens(network::encoder_type::token_extents(image.extents()));
  const Backend backend{};
  const std::size_t bytes = net.encoder.scratch_bytes(backend, image.extents());
  const golden::workspace_of<Backend> scratch(bytes);
  const context<Backend> ctx{backend, scratch.scratch()};
  net.encoder.embed(ctx, picture.view(), tokens.view());
  check_tokens(s, "mid.patch_embed", tokens.host().view());
  net.encoder.add_positions(ctx, tokens.view());
  map_tensor x = tokens.host();
  std::size_t i = 0;
  const auto run_stage = [&](const auto& stage) {
    const std::string name = "mid.layer" + std::to_string(i++);
    for (std::size_t j = 0; j < stage.blocks.size(); ++j) {
      const std::string block = name + ".block" + std::to_string(j);
      check_windows<Backend>(s, block + ".attn_windows", stage.blocks[j], x);
      check_table<Backend>(s, block + ".bias_table", stage.blocks[j].attn);
      x = output_of<Backend>(stage.blocks[j], x);
    }
    if constexpr (!std::remove_cvref_t<decltype(stage)>::last) x = output_of<Backend>(stage.downsample, x);
    check_tokens(s, name, x.view());
  };
  std::apply([&](const auto&... stage) { (run_stage(stage), ...); }, net.encoder.stages);
}

template <class Backend>
void run_all(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, network::key_map());
  const map_tensor image = s.map("input.image");
  const map_tensor logits = output_of<Backend>(net, image);
  const std::size_t shape[] = {logits.extent(0), logits.extent(3)};
  s.check("output.logits", as_span(logits.view()), shape);

  const golden::placed_map<Backend> x(image);
  golden::placed_map<Backend> features(map_extents(image.extent(0), 1, 1, network::channels));
  const golden::workspace_of<Backend> scratch(workspace_bytes<network, Backend>(image.extents()));
  net.forward_features(context<Backend>{Backend{}, scratch.scratch()}, x.view(), as_rows(features.view()));
  const std::size_t feature_shape[] = {image.extent(0), network::channels};
  const map_tensor pooled = features.host();
  s.check("output.features", as_span(pooled.view()), feature_shape);

  if (s.wants_mid()) check_middle<Backend>(s, net, image);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
