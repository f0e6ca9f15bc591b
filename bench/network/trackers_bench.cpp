// One frame of a tracker's network, the templates kept: MixFormerV2 and ViTTrack.
#include "bench/network/network_subject.hpp"
#include "mixformerv2/templates.hpp"
#include "vittrack/vittrack.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

template <mixformerv2_config C>
struct mixformerv2_frame {
  using network = mixformerv2<C>;
  mixformerv2_templates<C> templates{};

  static std::size_t inputs() { return network::search_extents().size(); }
  static std::size_t outputs() { return 4 + 4 * C.bins; }
  static double multiply_adds() { return static_cast<double>(network::kept_multiply_adds()); }
  template <class Backend>
  static std::size_t bytes(const Backend& b) {
    return std::max(mixformerv2_templates<C>::set_bytes(b, 2), mixformerv2_templates<C>::forward_bytes(b, 2));
  }
  template <class Backend>
  void load(context<Backend> ctx, const network& net) {
    const std::vector<float> pictures = test::normal_vector(network::template_extents(2).size(), 8);
    templates.set(ctx, net, map_view<const float>(pictures.data(), network::template_extents(2)));
  }
  template <class Backend>
  void run(context<Backend> ctx, const network& net, const float* x, float* y) const {
    mixformerv2_outputs out;
    out.boxes = make_matrix(y, 1, 4);
    out.logits = make_matrix(y + 4, 4, C.bins);
    templates.forward(ctx, net, map_view<const float>(x, network::search_extents()), out);
  }
};

struct vittrack_frame {
  using network = vittrack<>;
  std::vector<float> tokens{};

  static constexpr std::size_t cells = network::search_cells * network::search_cells;
  static std::size_t inputs() { return network::search_extents().size(); }
  static std::size_t outputs() { return 5 * cells; }
  static double multiply_adds() { return static_cast<double>(network::multiply_adds()); }
  template <class Backend>
  static std::size_t bytes(const Backend& b) {
    return network::scratch_bytes(b);
  }
  static map_extents token_extents() { return network::token_extents(network::template_tokens); }
  template <class Backend>
  void load(context<Backend> ctx, const network& net) {
    const std::vector<float> picture = test::normal_vector(network::template_extents().size(), 8);
    tokens.resize(token_extents().size());
    net.embed_template(ctx, map_view<const float>(picture.data(), network::template_extents()),
                       map_view<float>(tokens.data(), token_extents()));
  }
  template <class Backend>
  void run(context<Backend> ctx, const network& net, const float* x, float* y) const {
    const auto part = [&](std::size_t first, std::size_t channels) {
      return map_view<float>(y + first * cells, map_extents(1, network::search_cells, network::search_cells, channels));
    };
    net.forward(ctx, map_view<const float>(tokens.data(), token_extents()), map_view<const float>(x, network::search_extents()),
                center_maps{part(0, 1), part(1, 2), part(3, 2)});
  }
};

[[maybe_unused]] const bool registered = [] {
  constexpr double rounded = 5e-2;  // of bfloat16, through a whole network
  const bench::network_names s{"n-mixformerv2-s", "mixformerv2_s_frame", "MixFormerV2-S, a frame with kept templates",
                               "1x224*224x3"};
  const bench::network_names b{"n-mixformerv2-b", "mixformerv2_b_frame", "MixFormerV2-B, a frame with kept templates",
                               "1x288*288x3"};
  bench::add_network<mixformerv2_frame<mixformerv2_s>>(s, "f32", 1e-4);
  bench::add_network<mixformerv2_frame<mixformerv2_b>>(b, "f32", 1e-4);
#if !defined(HEDDLE_BENCH_F32_ONLY)
  bench::add_network<mixformerv2_frame<in_bf16(mixformerv2_s)>, mixformerv2_frame<mixformerv2_s>>(s, "bf16", rounded);
  bench::add_network<mixformerv2_frame<in_bf16(mixformerv2_b)>, mixformerv2_frame<mixformerv2_b>>(b, "bf16", rounded);
#endif
  bench::add_network<vittrack_frame>(
      {"n-vittrack", "vittrack_frame", "ViTTrack, a frame with the template's tokens kept", "1x256*256x3"}, "f32", 1e-4);
  return true;
}();

}  // namespace
