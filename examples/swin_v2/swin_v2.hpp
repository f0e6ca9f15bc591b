/// @file
/// Swin Transformer V2 (Liu et al., CVPR 2022, arXiv 2111.09883): image classification and the four maps of a pyramid, in
/// windows that shift; and the first Swin Transformer (arXiv 2103.14030), which shares its shape.
#pragma once

#include <tuple>
#include <utility>

#include "block.hpp"
#include "heddle/io/key_map.hpp"
#include "heddle/layer/convolution.hpp"
#include "heddle/primitive/map.hpp"

namespace heddle::examples {

namespace detail {
template <swin_config C, class Indices>
struct swin_stages;
template <swin_config C, std::size_t... I>
struct swin_stages<C, std::index_sequence<I...>> {
  using type = std::tuple<swin_stage<C, I>...>;
};

/// The part of the positions that a network without them does not have.
template <bool Present, std::size_t Tokens, std::size_t Channels>
using swin_positions = std::conditional_t<Present, parameter<1, Tokens, Channels>, no_parameter>;
}  // namespace detail

/// Everything before the classifier: patches, stages, and the norm of the last map. Children are named as in the official
/// weights, which is why this is a part of its own: SimMIM has it under `encoder`.
template <swin_config C>
struct swin_encoder {
  static_assert(C.stages >= 1 && C.stages <= 8, "swin: between 1 and 8 stages");
  static_assert(C.fits(), "swin: every stage's map must be made of whole windows, and its channels of whole heads");
  static constexpr std::size_t out_channels = C.channels_of(C.stages - 1);
  static constexpr std::size_t tokens = C.rows(0) * C.columns(0);
  using patches_type = convolution<C.in_channels, C.channels,
                                   convolution_options{.size = C.patch, .stride = C.patch, .padding = padding_rule::none}>;
  using patch_norm_type = std::conditional_t<C.patch_norm, layer_norm<C.channels>, heddle::detail::no_weights>;
  using stages_type = typename detail::swin_stages<C, std::make_index_sequence<C.stages>>::type;

  patches_type patches;
  [[no_unique_address]] patch_norm_type patch_norm;
  [[no_unique_address]] detail::swin_positions<C.absolute_positions, tokens, C.channels> positions;
  stages_type stages;
  layer_norm<out_channels> norm;

  static constexpr std::size_t parameter_count() {
    std::size_t sum = parameters<patches_type> + parameters<patch_norm_type> + parameters<layer_norm<out_channels>>;
    if constexpr (C.absolute_positions) sum += tokens * C.channels;
    each_stage_type([&]<class S>(std::type_identity<S>) { sum += parameters<S>; });
    return sum;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("patch_embed.proj", self.patches);
    f("patch_embed.norm", self.patch_norm);
    if constexpr (C.absolute_positions) f("absolute_pos_embed", self.positions);
    std::size_t i = 0;
    const auto visit = [&](auto& stage) {
      heddle::detail::with_index_name(i++, [&](std::string_view name) { f("layers." + std::string(name), stage); });
    };
    std::apply([&](auto&... stage) { (visit(stage), ...); }, self.stages);
    f("norm", self.norm);
  }

  /// `[batch, rows, columns, in_channels]` of the configuration's image to the last map.
  static constexpr map_extents output_extents(const map_extents& x) {
    return map_extents(token_extents(x).extent(0), C.rows(C.stages - 1), C.columns(C.stages - 1), out_channels);
  }
  static constexpr map_extents token_extents(const map_extents& x) {
    require_extent("swin: x", "rows", C.image[0], x.extent(1));
    require_extent("swin: x", "columns", C.image[1], x.extent(2));
    return patches_type::output_extents(x);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    map_extents e = token_extents(x);
    std::uint64_t sum = patches_type::multiply_adds(x);
    each_stage_type([&]<class S>(std::type_identity<S>) {
      sum += S::multiply_adds(e);
      e = S::output_extents(e);
    });
    return sum;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    map_extents e = token_extents(x);
    std::size_t largest = patches_type::scratch_bytes(backend, x);
    each_stage_type([&]<class S>(std::type_identity<S>) {
      const std::size_t bytes = S::scratch_bytes(backend, e);
      largest = bytes > largest ? bytes : largest;
      e = S::output_extents(e);
    });
    return 2 * heddle::scratch_bytes<float>(token_extents(x).size()) + largest;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    forward(ctx, x, y, [](map_view<float>) {}, [](std::size_t, map_view<const float>) {});
  }
  /// The same; `substitute(tokens)` may change the embedded patches, `observe(i, map)` sees the result of stage `i` (behind
  /// its merging).
  template <class Backend, class Substitute, class Observe>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, Substitute&& substitute,
               Observe&& observe) const {
    const map_extents e = token_extents(x.extents());
    // Every map has half the elements of the one before it: the two buffers take turns.
    float* buffers[2] = {ctx.scratch.template take<float>(e.size()), ctx.scratch.template take<float>(e.size())};
    map_view<float> current(buffers[0], e);
    embed(ctx, x, current);
    substitute(current);
    add_positions(ctx, current);
    std::size_t i = 0;
    const auto step = [&](const auto& stage) {
      const map_view<float> next(buffers[(i + 1) % 2], stage.output_extents(current.extents()));
      stage.forward(ctx, current, next);
      if (i + 1 < C.stages) current = next;
      observe(i++, map_view<const float>(current));
    };
    std::apply([&](const auto&... stage) { (step(stage), ...); }, stages);
    heddle::forward(ctx, norm, current, y);
  }

  /// Patches and their norm.
  template <class Backend>
  void embed(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    patches.forward(ctx, x, y);
    if constexpr (C.patch_norm) heddle::forward(ctx, patch_norm, y, y);
  }
  template <class Backend>
  void add_positions(context<Backend> ctx, map_view<float> x) const {
    if constexpr (C.absolute_positions) {
      const auto table = make_matrix(positions.data(), tokens, C.channels);
      for (std::size_t b = 0; b < x.extent(0); ++b) {
        const auto image = row_range(as_rows(x), b * tokens, tokens);
        map(ctx, as_const(image), table, image, heddle::detail::sum{});
      }
    }
  }

 private:
  /// `f` with the type of every stage, in order.
  template <class F>
  static constexpr void each_stage_type(F f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (f(std::type_identity<std::tuple_element_t<I, stages_type>>{}), ...);
    }(std::make_index_sequence<C.stages>{});
  }
};

/// From the names of this composition to those of the official weights, which a model may have under a prefix.
inline io::key_map swin_key_map() {
  io::key_map map;
  map.rename("**.attn.qkv.q_bias", "**.attn.q_bias").rename("**.attn.qkv.v_bias", "**.attn.v_bias");
  map.rename("**.attn.bias.logit_scale", "**.attn.logit_scale");
  map.rename("**.attn.bias.fc1", "**.attn.cpb_mlp.0").rename("**.attn.bias.fc2", "**.attn.cpb_mlp.2");
  map.rename("**.attn.bias.table", "**.attn.relative_position_bias_table");
  map.ignore("**.relative_coords_table").ignore("**.relative_position_index").ignore("**.attn_mask");
  return map;
}

/// The classifier: `[batch, rows, columns, in_channels]`, normalised as its weights want it, to logits
/// `[batch, 1, 1, classes]` (without classes: the features).
template <swin_config C>
struct swin {
  static constexpr std::size_t channels = swin_encoder<C>::out_channels;
  static constexpr std::size_t outputs = C.classes == 0 ? channels : C.classes;
  using head_type = std::conditional_t<C.classes == 0, heddle::detail::no_weights, linear<channels, outputs>>;

  using encoder_type = swin_encoder<C>;

  encoder_type encoder;
  [[no_unique_address]] head_type head;

  static constexpr auto members() { return heddle::members<&swin::encoder, &swin::head>("", "head"); }
  static io::key_map key_map() { return swin_key_map(); }

  static constexpr map_extents output_extents(const map_extents& x) {
    return map_extents(swin_encoder<C>::output_extents(x).extent(0), 1, 1, outputs);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return swin_encoder<C>::multiply_adds(x) + x.extent(0) * channels * C.classes;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return heddle::scratch_bytes<float>(swin_encoder<C>::output_extents(x).size()) +
           heddle::scratch_bytes<float>(x.extent(0) * channels) + swin_encoder<C>::scratch_bytes(backend, x);
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    if constexpr (C.classes == 0) {
      forward_features(ctx, x, as_rows(y));
    } else {
      const auto features = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
      forward_features(ctx, x, features);
      head.forward_rows(ctx, as_const(features), as_rows(y));
    }
  }
  /// The mean of the last map's tokens after the norm: `[batch, channels]`.
  template <class Backend>
  void forward_features(context<Backend> ctx, map_view<const float> x, matrix_view<float> features) const {
    const map_extents e = swin_encoder<C>::output_extents(x.extents());
    const map_view<float> last(ctx.scratch.template take<float>(e.size()), e);
    encoder.forward(ctx, x, last);
    const std::size_t rows = e.extent(1) * e.extent(2);
    for (std::size_t b = 0; b < e.extent(0); ++b)
      mean_rows(ctx, as_const(row_range(as_rows(last), b * rows, rows)),
                std::span<float>(features.data_handle() + b * features.stride(0), channels));
  }
};

}  // namespace heddle::examples
