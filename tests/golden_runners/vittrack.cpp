// The golden "vittrack": a template and a search image to the head's maps and to a box, and on request the tokens on the way.
#include "golden_config.hpp"
#include "support/run.hpp"

#if defined(HEDDLE_GOLDEN_REFUSED)
int main() { return heddle::golden::refuse(HEDDLE_GOLDEN_REFUSED); }
#else

#include <cmath>
#include <limits>
#include <string>

#include "tracking/box.hpp"

namespace {

using namespace heddle;
using golden::map_tensor;
using golden::session;
using network = examples::vittrack<golden_config>;

void check_tokens(session& s, const std::string& name, const map_view<const float>& tokens) {
  const std::size_t channels = tokens.extent(3);
  const std::size_t shape[] = {tokens.extent(0), tokens.size() / channels / tokens.extent(0), channels};
  s.check(name, as_span(tokens), shape);
}

/// `mid.*`: the same network, one module at a time.
template <class Backend>
void check_mid(session& s, const network& net, const map_tensor& first, const map_tensor& search) {
  using golden::output_of;
  const map_tensor z = output_of<Backend>(net.patch_embed, first);
  const map_tensor x = output_of<Backend>(net.patch_embed, search);
  check_tokens(s, "mid.embed_template", z.view());
  check_tokens(s, "mid.embed_search", x.view());
  map_tensor u(network::token_extents(network::tokens));
  for (std::size_t i = 0; i < z.size(); ++i) u.data()[i] = z.data()[i] + net.pos_embed_z.data()[i];
  for (std::size_t i = 0; i < x.size(); ++i) u.data()[z.size() + i] = x.data()[i] + net.pos_embed_x.data()[i];
  for (std::size_t i = 0; i < net.blocks.size(); ++i) {
    const std::string name = "mid.block" + std::to_string(i);
    if (s.file().find(name + "_attn") != nullptr) {
      const map_tensor normed = output_of<Backend>(net.blocks[i].norm1, u);
      check_tokens(s, name + "_attn", output_of<Backend>(net.blocks[i].attn, normed).view());
    }
    u = output_of<Backend>(net.blocks[i], u);
    check_tokens(s, name, u.view());
  }
  check_tokens(s, "mid.norm", output_of<Backend>(net.norm, u).view());
}

/// The decoded box. The golden does not say how large its frame was, so only the edges at zero clip.
void check_box(session& s, const center_maps& maps, std::span<const float> window) {
  const std::vector<float> previous = s.file().floats("input.prev_box");
  const examples::box before{previous.at(0), previous.at(1), previous.at(2), previous.at(3)};
  const double side = std::ceil(std::sqrt(before.w * before.h) * golden_search_factor);
  const center_box found = decode_center(maps, window, window);
  constexpr double unknown = std::numeric_limits<double>::infinity();
  const examples::box b = clipped(from_crop({found.cx, found.cy, found.width, found.height}, before, side), unknown, unknown);
  const float values[] = {static_cast<float>(b.x), static_cast<float>(b.y), static_cast<float>(b.w), static_cast<float>(b.h)};
  const std::size_t shape[] = {4};
  s.check("output.box", values, shape);
}

template <class Backend>
void run_all(session& s) {
  network net;
  golden::load_weights<Backend>(net, s, network::key_map());
  const map_tensor first = s.map("input.template");
  const map_tensor search = s.map("input.search");

  constexpr std::size_t cells = network::search_cells;
  const golden::workspace_of<Backend> scratch(network::scratch_bytes(Backend{}));
  const context<Backend> ctx{Backend{}, scratch.scratch()};
  const golden::placed_map<Backend> placed_first(first);
  const golden::placed_map<Backend> placed_search(search);
  golden::placed_map<Backend> tokens(network::token_extents(network::template_tokens));
  golden::placed<Backend> written(center_map_floats(1, cells, cells));
  net.embed_template(ctx, placed_first.view(), tokens.view());
  net.forward(ctx, tokens.view(), placed_search.view(), center_maps_in(written.data(), 1, cells, cells));
  std::vector<float> copied = written.host();
  const center_maps maps = center_maps_in(copied.data(), 1, cells, cells);
  s.check_map("output.score_map", maps.score);
  s.check_map("output.size_map", maps.size);
  s.check_map("output.offset_map", maps.offset);

  std::vector<float> window(cells);
  hann_window(window);
  std::vector<float> product(cells * cells);
  for (std::size_t i = 0; i < product.size(); ++i) product[i] = window[i / cells] * window[i % cells];
  const std::size_t shape[] = {cells, cells};
  s.check("output.hann", product, shape);
  check_box(s, maps, window);

  if (s.wants_mid()) check_mid<Backend>(s, net, first, search);
}

}  // namespace

int main(int argc, char** argv) {
  return golden::run_golden(argc, argv, [](auto backend, session& s) { run_all<decltype(backend)>(s); });
}
#endif
