/// @file
/// Visual importance of a photograph: a DINOv2 ViT-S/14 with a decoder of transposed convolutions, and token merging inside.
#pragma once

#include "heddle/io/key_map.hpp"
#include "heddle/layer/convolution.hpp"
#include "heddle/layer/transposed_convolution.hpp"
#include "tome/vit.hpp"

namespace heddle::examples {

/// `[batch, 224, 224, 3]` (normalised) to `[batch, 224, 224, 1]` in 0..1.
struct vits14_saliency {
  static constexpr std::size_t side = 224;
  static constexpr std::size_t channels = 384;
  static constexpr merging_vit_config trunk_config{
      .height = side, .width = side, .patch = 14, .channels = channels, .layer_scale = true, .position_side = 37};
  using trunk_type = merging_vit<trunk_config>;
  template <std::size_t In, std::size_t Out>
  using up = transposed_convolution<In, Out, transposed_convolution_options{}, batch_norm<Out>, relu>;
  static constexpr std::size_t grid = trunk_type::rows;
  static constexpr std::size_t low_side = 8 * grid;

  trunk_type trunk;
  up<channels, 256> up1;
  up<256, 128> up2;
  up<128, 64> up3;
  pointwise_convolution<64, 1> last;

  static constexpr auto members() {
    return heddle::members<&vits14_saliency::trunk, &vits14_saliency::up1, &vits14_saliency::up2, &vits14_saliency::up3,
                           &vits14_saliency::last>("backbone", "decoder.upconv1", "decoder.upconv2", "decoder.upconv3",
                                                   "decoder.final_conv");
  }

  /// From the names of this composition to those of the converted weights.
  static io::key_map key_map() {
    const std::string block = "backbone.blocks.*";
    const std::string layer = "backbone.encoder.layer.*";
    const std::string qkv[] = {layer + ".attention.attention.query", layer + ".attention.attention.key",
                               layer + ".attention.attention.value"};
    io::key_map map;
    map.join(block + ".attn.qkv", {qkv[0], qkv[1], qkv[2]}).rename(block + ".attn.proj", layer + ".attention.output.dense");
    map.rename(block + ".ls1.gamma", layer + ".layer_scale1.lambda1")
        .rename(block + ".ls2.gamma", layer + ".layer_scale2.lambda1");
    map.rename(block, layer).rename("backbone.norm", "backbone.layernorm");
    map.rename("backbone.cls_token", "backbone.embeddings.cls_token")
        .rename("backbone.pos_embed", "backbone.embeddings.position_embeddings");
    map.rename("backbone.patch_embed.proj", "backbone.embeddings.patch_embeddings.projection");
    for (const char* i : {"1", "2", "3"})
      map.rename(std::string("decoder.upconv") + i + ".norm", std::string("decoder.bn") + i);
    return map;
  }

  /// The same of a picture for every block.
  void merge(std::size_t r) {
    std::array<std::size_t, trunk_type::depth> counts;
    counts.fill(r);
    trunk.merge(counts);
  }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch) {
    const std::size_t rows = batch * trunk_type::tokens;
    return token_state_bytes(batch, trunk_type::tokens) + 2 * heddle::scratch_bytes<float>(rows * channels) +
           heddle::scratch_bytes<float>(batch * grid * grid * channels) +
           heddle::scratch_bytes<float>(batch * low_side * low_side) +
           std::max(trunk_type::scratch_bytes(backend, batch), decoder_scratch_bytes(backend, batch));
  }

  /// The trunk alone: `tokens` `[batch * trunk.remaining(), channels]`, and where the patches went.
  template <class Backend, class Observer>
  void encode(context<Backend> ctx, map_view<const float> pixels, matrix_view<float> tokens, token_state& state,
              Observer&& seen) const {
    trunk.forward(ctx, pixels, tokens, state, seen);
  }

  /// Logits at 128 x 128: every patch takes the token that it was merged into.
  template <class Backend>
  void decode(context<Backend> ctx, matrix_view<const float> tokens, const token_state& state, map_view<float> low) const {
    const std::size_t batch = state.batch;
    constexpr std::size_t n = trunk_type::tokens;
    const auto all = make_matrix(ctx.scratch.template take<float>(batch * n * channels), batch * n, channels);
    const map_view<float> patches(ctx.scratch.template take<float>(batch * grid * grid * channels),
                                  map_extents(batch, grid, grid, channels));
    restore_rows(ctx, state.origin, tokens, all);
    for (std::size_t b = 0; b < batch; ++b)
      heddle::detail::copy_rows(ctx, as_const(row_range(all, b * n + 1, n - 1)),
                                row_range(as_rows(patches), b * (n - 1), n - 1));
    enlarge(ctx, patches, low);
  }

  /// Logits to importance at the size of the picture: resized first, then the sigmoid.
  template <class Backend>
  void finish(context<Backend> ctx, map_view<const float> low, map_view<float> y) const {
    resize(ctx, low, y, resize_rule::bilinear<>{});
    map(ctx, as_const(as_rows(y)), as_rows(y), sigmoid{});
  }

  /// All of it. `origin` (`[batch, trunk_type::tokens]`, or null, where the backend writes) receives where every token went.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> pixels, map_view<float> y, std::int32_t* origin = nullptr) const {
    const std::size_t batch = pixels.extent(0);
    token_state state = start_tokens(ctx, batch, trunk_type::tokens);
    const std::size_t rows = batch * trunk.remaining();
    const auto tokens = make_matrix(ctx.scratch.template take<float>(rows * channels), rows, channels);
    encode(ctx, pixels, tokens, state, [](auto&&...) {});
    const map_extents e(batch, low_side, low_side, 1);
    const map_view<float> low(ctx.scratch.template take<float>(e.size()), e);
    decode(ctx, as_const(tokens), state, low);
    finish(ctx, low, y);
    if (origin != nullptr)
      each(ctx, batch * trunk_type::tokens, heddle::detail::copy_number<std::int32_t>{state.origin.positions, origin});
  }

 private:
  using first_type = up<channels, 256>;
  using second_type = up<256, 128>;
  using third_type = up<128, 64>;

  static constexpr map_extents map_at(std::size_t batch, std::size_t step, std::size_t c) {
    return map_extents(batch, grid << step, grid << step, c);
  }

  template <class Backend>
  static constexpr std::size_t decoder_scratch_bytes(const Backend& backend, std::size_t batch) {
    const map_extents e[] = {map_at(batch, 0, channels), map_at(batch, 1, 256), map_at(batch, 2, 128), map_at(batch, 3, 64)};
    const std::size_t steps = std::max({first_type::scratch_bytes(backend, e[0]), second_type::scratch_bytes(backend, e[1]),
                                        third_type::scratch_bytes(backend, e[2])});
    const std::size_t resizing = 8 * heddle::scratch_bytes<float>(side * side);  // tables and rows of `resize`
    return heddle::scratch_bytes<float>(e[1].size()) + heddle::scratch_bytes<float>(e[2].size()) +
           heddle::scratch_bytes<float>(e[3].size()) + std::max(steps, resizing);
  }

  template <class Backend>
  void enlarge(context<Backend> ctx, map_view<const float> x, map_view<float> low) const {
    const auto new_map = [&](const map_extents& e) { return map_view<float>(ctx.scratch.template take<float>(e.size()), e); };
    const map_view<float> a = new_map(map_at(x.extent(0), 1, 256));
    const map_view<float> b = new_map(map_at(x.extent(0), 2, 128));
    const map_view<float> c = new_map(map_at(x.extent(0), 3, 64));
    heddle::forward(ctx, up1, x, a);
    heddle::forward(ctx, up2, a, b);
    heddle::forward(ctx, up3, b, c);
    heddle::forward(ctx, last, c, low);
  }
};

inline constexpr std::size_t vits14_statistics = 2 * (256 + 128 + 64);  ///< running means and variances
static_assert(parameters<vits14_saliency> + vits14_statistics == 24'286'721);

}  // namespace heddle::examples
