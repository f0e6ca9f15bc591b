/// @file
/// SimMIM: masked image modelling (Xie et al., CVPR 2022, arXiv 2111.09886) with Swin Transformer V2 as the encoder.
#pragma once

#include "attention_vjp.hpp"
#include "heddle/loss/masked_l1.hpp"
#include "heddle/primitive/pixel_shuffle.hpp"
#include "heddle/token/masking.hpp"
#include "swin_v2/swin_v2.hpp"

namespace heddle::examples {

/// Squares of 32 x 32 pixels, of which 60 % are hidden, as tokens of 4 x 4 pixels: the published recipe.
using simmim_masking = masking<square_pattern<ratio{3, 5}, 8>>;

/// What the objective looks at.
struct simmim_objective {
  bool normalised_target = true;
  std::size_t neighbourhood = 47;  ///< side of the square that a target pixel is normalised by
};

/// The network: a picture and a mask of its patches to the picture. Hidden patches are the mask token; all blocks see all
/// tokens; a linear layer and pixel shuffle turn the last map into pixels.
template <swin_config C>
struct simmim {
  static_assert(C.version == swin_version::v2, "simmim: the encoder is Swin Transformer V2");
  static_assert(C.image[0] % C.patch == 0 && C.image[1] % C.patch == 0,
                "simmim: the picture that comes back must be made of whole patches");
  using encoder_type = swin_encoder<C>;
  static constexpr std::size_t stride = C.patch << (C.stages - 1);  ///< pixels of a token of the last map
  static constexpr std::size_t pixels = C.in_channels * stride * stride;

  encoder_type encoder;
  parameter<1, 1, C.channels> mask_token;
  pointwise_convolution<encoder_type::out_channels, pixels> decoder;

  static constexpr auto members() {
    return heddle::members<&simmim::encoder, &simmim::mask_token, &simmim::decoder>("encoder", "encoder.mask_token",
                                                                                    "decoder.0");
  }
  static io::key_map key_map() { return swin_key_map(); }

  static constexpr map_extents output_extents(const map_extents& x) {
    encoder_type::output_extents(x);  // throws where the picture does not fit
    return x;
  }
  static constexpr map_extents latent_extents(const map_extents& x) { return encoder_type::output_extents(x); }
  /// Entries of a mask: one for every patch of every picture.
  static constexpr std::size_t mask_size(const map_extents& x) {
    return heddle::detail::row_count(encoder_type::token_extents(x));
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return encoder_type::multiply_adds(x) + heddle::detail::row_count(latent_extents(x)) * encoder_type::out_channels * pixels;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t encoding = encoder_type::scratch_bytes(backend, x);
    const std::size_t decoding = heddle::scratch_bytes<float>(x.size());
    const std::size_t targets = normalize_locally_bytes(backend, x);
    const std::size_t comparing = masked_l1_bytes(backend, x);
    std::size_t most = encoding > decoding ? encoding : decoding;
    most = most > targets ? most : targets;
    return most > comparing ? most : comparing;
  }

  /// `latent` of `latent_extents`, the last map after its norm. `mask` `[batch, rows, columns]` of patches, where
  /// the backend reads it, not 0: hidden.
  template <class Backend>
  void encode(context<Backend> ctx, map_view<const float> x, std::span<const std::uint8_t> mask, map_view<float> latent) const {
    encoder.forward(
        ctx, x, latent, [&](map_view<float> tokens) { substitute_rows(ctx, mask, mask_token.span(), as_rows(tokens)); },
        [](std::size_t, map_view<const float>) {});
  }
  /// The picture from the last map.
  template <class Backend>
  void decode(context<Backend> ctx, map_view<const float> latent, map_view<float> y) const {
    const map_extents e(latent.extent(0), latent.extent(1), latent.extent(2), pixels);
    const map_view<float> coarse(ctx.scratch.template take<float>(e.size()), e);
    decoder.forward(ctx, latent, coarse);
    pixel_shuffle<stride>(ctx, coarse, y);
  }

  /// What the picture is compared with: itself, or itself normalised by its neighbourhood.
  template <class Backend>
  static void target(context<Backend> ctx, const simmim_objective& objective, map_view<const float> x, map_view<float> y) {
    if (objective.normalised_target) {
      normalize_locally(ctx, x, objective.neighbourhood, y);
    } else {
      heddle::detail::copy_rows(ctx, as_rows(x), as_rows(y));
    }
  }
  static double loss(map_view<const float> reconstruction, map_view<const float> target, std::span<const std::uint8_t> mask) {
    return masked_l1(reconstruction, target, mask, C.rows(0), C.columns(0));
  }
  /// The same where the backend has its memory, to `*loss` there.
  template <class Backend>
  static void loss(context<Backend> ctx, map_view<const float> reconstruction, map_view<const float> target,
                   std::span<const std::uint8_t> mask, float* loss) {
    masked_l1(ctx, reconstruction, target, mask, C.rows(0), C.columns(0), loss);
  }
};

/// Derivatives of SimMIM's loss. The last layer's weights and the mask token are the first and the last thing that a
/// training step reaches; what lies between is passed through by the derivatives of the blocks.
struct simmim_gradients {
  std::vector<float> mask_token;    ///< `[channels]`
  std::vector<float> decoder_bias;  ///< `[pixels]`
};

/// @param x               the pictures
/// @param reconstruction  what the network made of them
/// @param target          what it should have made
/// Runs the encoder again and keeps the input of every block, in double precision and plain loops. Allocates.
template <class Backend, swin_config C>
simmim_gradients simmim_vjp(context<Backend> ctx, const simmim<C>& net, map_view<const float> x,
                            std::span<const std::uint8_t> mask, map_view<const float> reconstruction,
                            map_view<const float> target) {
  using net_type = simmim<C>;
  std::vector<float> dpicture(x.size());
  masked_l1_vjp(reconstruction, target, mask, C.rows(0), C.columns(0), 1.0, map_view<float>(dpicture.data(), x.extents()));
  const map_extents latent = net_type::latent_extents(x.extents());
  const map_extents coarse(latent.extent(0), latent.extent(1), latent.extent(2), net_type::pixels);
  std::vector<float> unshuffled(coarse.size());
  pixel_unshuffle<net_type::stride>(ctx, map_view<const float>(dpicture.data(), x.extents()),
                                    map_view<float>(unshuffled.data(), coarse));
  const vjp::rows dcoarse =
      vjp::copy_of(make_matrix<const float>(unshuffled.data(), heddle::detail::row_count(coarse), net_type::pixels));

  // Forwards, keeping what every block reads.
  std::vector<vjp::rows> inputs;
  map_extents shape = swin_encoder<C>::token_extents(x.extents());
  vjp::rows current = vjp::patches(net.encoder.patches, x);
  if constexpr (C.patch_norm) current = vjp::norm(net.encoder.patch_norm, current);
  for (std::size_t r = 0; r < current.count; ++r)
    for (std::size_t c = 0; c < current.channels; ++c) {
      if (mask[r] != 0) current.row(r)[c] = static_cast<double>(net.mask_token.data()[c]);
      if constexpr (C.absolute_positions)
        current.row(r)[c] +=
            static_cast<double>(net.encoder.positions.data()[r % net_type::encoder_type::tokens * C.channels + c]);
    }
  const auto go_on = [&](const auto& stage) {
    for (const auto& b : stage.blocks) {
      inputs.push_back(current);
      current = vjp::block(b, current, shape);
    }
    inputs.push_back(current);
    if constexpr (!std::remove_cvref_t<decltype(stage)>::last) {
      current = vjp::merging(stage.downsample, current, shape);
      shape = stage.output_extents(shape);
    }
  };
  std::apply([&](const auto&... stage) { (go_on(stage), ...); }, net.encoder.stages);

  // Backwards.
  const auto decoder = make_matrix(net.decoder.weight.data(), net_type::pixels, net_type::encoder_type::out_channels);
  vjp::rows d = vjp::norm_vjp(net.encoder.norm, inputs.back(), vjp::linear_vjp(dcoarse, decoder));
  const auto go_back = [&](const auto& stage) {
    using stage_type = std::remove_cvref_t<decltype(stage)>;
    if constexpr (!stage_type::last) {
      shape = map_extents(shape.extent(0), 2 * shape.extent(1), 2 * shape.extent(2), stage_type::channels);
      d = vjp::merging_vjp(stage.downsample, inputs.back(), shape, d);
    }
    inputs.pop_back();
    for (std::size_t i = stage.blocks.size(); i-- > 0; inputs.pop_back())
      d = vjp::block_vjp(stage.blocks[i], inputs.back(), shape, d);
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (go_back(std::get<C.stages - 1 - I>(net.encoder.stages)), ...);
  }(std::make_index_sequence<C.stages>{});

  const auto sum_over = [](const vjp::rows& r, auto included) {
    std::vector<double> sums(r.channels);
    for (std::size_t i = 0; i < r.count; ++i)
      for (std::size_t c = 0; c < r.channels && included(i); ++c) sums[c] += r.row(i)[c];
    std::vector<float> rounded;
    for (const double v : sums) rounded.push_back(static_cast<float>(v));
    return rounded;
  };
  return {sum_over(d, [&](std::size_t i) { return mask[i] != 0; }), sum_over(dcoarse, [](std::size_t) { return true; })};
}

}  // namespace heddle::examples
