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

/// What a module makes of a map.
template <class Backend, class Module>
map_tensor output_of(const Module& m, const map_view<const float>& x) {
  map_tensor y(output_extents<Module>(x.extents()));
  const workspace scratch(workspace_bytes<Module, Backend>(x.extents()));
  run<Backend>(m, x, y.view(), scratch);
  return y;
}

void check_tokens(session& s, const std::string& name, const map_view<const float>& tokens) {
  const std::size_t channels = tokens.extent(3);
  const std::size_t shape[] = {tokens.extent(0), tokens.size() / channels / tokens.extent(0), channels};
  s.check(name, as_span(tokens), shape);
}

/// `mid.*`: the same network, one module at a time.
template <class Backend>
void check_mid(session& s, const network& net, const map_tensor& first, const map_tensor& search) {
  const map_tensor z = output_of<Backend>(net.patch_embed, first.view());
  const map_tensor x = output_of<Backend>(net.patch_embed, search.view());
  check_tokens(s, "mid.embed_template", z.view());
  check_tokens(s, "mid.embed_search", x.view());
  map_tensor u(network::token_extents(network::tokens));
  for (std::size_t i = 0; i < z.size(); ++i) u.data()[i] = z.data()[i] + net.pos_embed_z.data()[i];
  for (std::size_t i = 0; i < x.size(); ++i) u.data()[z.size() + i] = x.data()[i] + net.pos_embed_x.data()[i];
  for (std::size_t i = 0; i < net.blocks.size(); ++i) {
    const std::string name = "mid.block" + std::to_string(i);
    if (s.file().find(name + "_attn") != nullptr) {
      const map_tensor normed = output_of<Backend>(net.blocks[i].norm1, u.view());
      check_tokens(s, name + "_attn", output_of<Backend>(net.blocks[i].attn, normed.view()).view());
    }
    u = output_of<Backend>(net.blocks[i], u.view());
    check_tokens(s, name, u.view());
  }
  check_tokens(s, "mid.norm", output_of<Backend>(net.norm, u.view()).view());
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
  const workspace scratch(network::scratch_bytes(Backend{}));
  const context<Backend> ctx{Backend{}, scratch.scratch()};
  map_tensor tokens(network::token_extents(network::template_tokens));
  map_tensor score(map_extents(1, cells, cells, 1));
  map_tensor size(map_extents(1, cells, cells, 2));
  map_tensor offset(map_extents(1, cells, cells, 2));
  const center_maps maps{score.view(), size.view(), offset.view()};
  net.embed_template(ctx, first.view(), tokens.view());
  net.forward(ctx, tokens.view(), search.view(), maps);
  s.check_map("output.score_map", score.view());
  s.check_map("output.size_map", size.view());
  s.check_map("output.offset_map", offset.view());

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
