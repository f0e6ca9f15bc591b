// A ViT-S/14 with all of its tokens, and with 16 of them merged away in every layer: the time that is saved stands beside the
// arithmetic that is saved.
#include "bench/network/network_subject.hpp"
#include "tome/vit.hpp"

namespace {

using namespace heddle;

template <std::size_t Merged>
struct merging_trunk {
  using network = examples::merging_vit<examples::merging_vit_config{.patch = 14}>;

  static std::array<std::size_t, network::depth> counts() {
    std::array<std::size_t, network::depth> n;
    n.fill(Merged);
    return n;
  }
  static map_extents image_extents() { return map_extents(1, 224, 224, 3); }
  static std::size_t inputs() { return image_extents().size(); }
  static std::size_t outputs() {
    return network::channels;
  }  // the class token: others change places where similarities nearly tie
  static double multiply_adds() { return static_cast<double>(network::multiply_adds(counts())); }
  template <class Backend>
  static std::size_t bytes(const Backend& b) {
    return network::scratch_bytes(b, 1) + token_state_bytes(1, network::tokens) +
           scratch_bytes<float>(network::tokens * network::channels);
  }
  template <class Backend>
  void load(context<Backend>, network& net) {
    net.merge(counts());
  }
  template <class Backend>
  void run(context<Backend> ctx, const network& net, const float* x, float* y) const {
    token_state state = start_tokens(ctx.scratch, 1, network::tokens);
    const auto tokens =
        make_matrix(ctx.scratch.template take<float>(net.remaining() * network::channels), net.remaining(), network::channels);
    net.forward(ctx, map_view<const float>(x, image_extents()), tokens, state);
    std::copy_n(tokens.data_handle(), network::channels, y);
  }
};

[[maybe_unused]] const bool registered = [] {
  bench::add_network<merging_trunk<0>>({"", "vit_s14", "ViT-S/14, all tokens", "1x224*224x3"}, "f32", 1e-4);
  bench::add_network<merging_trunk<16>>({"", "vit_s14_merged_16", "ViT-S/14, 16 tokens merged in every layer", "1x224*224x3"},
                                        "f32", 1e-2);
  return true;
}();

}  // namespace
