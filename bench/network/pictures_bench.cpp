// Whole networks on one picture: ViT-B, Swin, Swin V2, MaxViT and NGswin.
#include "bench/network/network_subject.hpp"
#include "heddle/layer/patch_embedding.hpp"
#include "heddle/layer/position_embedding.hpp"
#include "heddle/layer/sequential.hpp"
#include "maxvit/maxvit.hpp"
#include "ngswin/ngswin.hpp"
#include "swin_v2/swin_v2.hpp"

namespace {

using namespace heddle;
using namespace heddle::examples;

/// Any module on a square picture.
template <class Network, std::size_t Side>
struct whole_picture {
  using network = Network;

  static map_extents extents() { return {1, Side, Side, 3}; }
  static std::size_t inputs() { return extents().size(); }
  static std::size_t outputs() { return output_extents<Network>(extents()).size(); }
  static double multiply_adds() { return static_cast<double>(heddle::multiply_adds<Network>(extents())); }
  template <class Backend>
  static std::size_t bytes(const Backend& b) {
    return workspace_bytes<Network>(extents(), b);
  }
  template <class Backend>
  void load(context<Backend>, const network&) const {}
  template <class Backend>
  void run(context<Backend> ctx, const network& net, const float* x, float* y) const {
    heddle::forward(ctx, net, map_view<const float>(x, extents()), map_view<float>(y, output_extents<Network>(extents())));
  }
};

/// ViT-B/16 (Dosovitskiy et al., arXiv 2010.11929): 196 patches and a class token, 12 blocks, a linear head.
struct vit_b {
  static constexpr std::size_t channels = 768, patch_tokens = 196, tokens = patch_tokens + 1, classes = 1000;
  using block_type = encoder_block<layer_norm<channels>, self_attention<channels, 12>, mlp<channels, 4 * channels>>;

  patch_embedding<3, channels, 16> patches;
  parameter<1, channels> class_token;
  parameter<tokens, channels> positions;
  repeat<12, block_type> blocks;
  layer_norm<channels> norm;
  linear<channels, classes> head;

  static constexpr auto members() {
    return heddle::members<&vit_b::patches, &vit_b::class_token, &vit_b::positions, &vit_b::blocks, &vit_b::norm, &vit_b::head>(
        "patches", "class_token", "positions", "blocks", "norm", "head");
  }
  static map_extents output_extents(const map_extents& x) { return {x.extent(0), 1, 1, classes}; }
  static constexpr map_extents sequence() { return {1, 1, tokens, channels}; }
  static std::uint64_t multiply_adds(const map_extents&) {
    return std::uint64_t{patch_tokens} * 768 * channels + 12 * block_type::multiply_adds(sequence()) + channels * classes;
  }
  template <class Backend>
  static std::size_t scratch_bytes(const Backend& b, const map_extents&) {
    const std::size_t patch = patch_embedding<3, channels, 16>::scratch_bytes(b, map_extents(1, 224, 224, 3));
    const std::size_t block = heddle::scratch_bytes<block_type>(b, sequence());
    return heddle::scratch_bytes<float>(tokens * channels) + (patch > block ? patch : block);
  }
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_view<float> u(ctx.scratch.template take<float>(tokens * channels), sequence());
    const matrix_view<float> rows = as_rows(u);
    map(ctx, make_matrix(class_token.data(), 1, channels), make_matrix(positions.data(), 1, channels), row_range(rows, 0, 1),
        heddle::detail::sum{});
    patches.embed(ctx, x, row_range(rows, 1, patch_tokens), make_matrix(positions.data() + channels, patch_tokens, channels));
    for (const block_type& block : blocks.children) block.forward(ctx, u, u);
    const matrix_view<float> first = row_range(rows, 0, 1);  // only the class token is read
    norm.forward_rows(ctx, as_const(first), first);
    head.forward_rows(ctx, as_const(first), as_rows(y));
  }
};

[[maybe_unused]] const bool registered = [] {
  bench::add_network<whole_picture<vit_b, 224>>({"n-vit-b", "vit_b", "ViT-B", "1x224*224x3"}, "f32", 1e-4);
  bench::add_network<whole_picture<swin<swin_tiny_224>, 224>>({"n-swin-t", "swin_t", "Swin-T", "1x224*224x3"}, "f32", 1e-4);
  bench::add_network<whole_picture<swin<swin_v2_tiny_w8>, 256>>({"n-swinv2-t", "swin_v2_t", "Swin V2-T", "1x256*256x3"}, "f32",
                                                                1e-4);
  bench::add_network<whole_picture<maxvit<maxvit_tiny_tf_224>, 224>>({"n-maxvit-t", "maxvit_t", "MaxViT-T", "1x224*224x3"},
                                                                     "f32", 1e-4);
  bench::add_network<whole_picture<ngswin<ngswin_config{}>, 64>>({"n-ngswin", "ngswin_x2", "NGswin x2", "1x64*64x3"}, "f32",
                                                                 1e-4);
  return true;
}();

}  // namespace
