/// @file
/// The MaxViT block: MBConv, attention inside windows, attention across the grid (Tu et al., arXiv 2204.01697, figure 3).
#pragma once

#include <type_traits>

#include "config.hpp"
#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/mbconv.hpp"
#include "heddle/layer/sequential.hpp"

namespace heddle::examples {

namespace detail {

template <maxvit_activation>
struct maxvit_activation_of;
template <>
struct maxvit_activation_of<maxvit_activation::relu> {
  using type = relu;
};
template <>
struct maxvit_activation_of<maxvit_activation::silu> {
  using type = silu;
};
template <>
struct maxvit_activation_of<maxvit_activation::gelu> {
  using type = gelu;
};
template <>
struct maxvit_activation_of<maxvit_activation::gelu_tanh> {
  using type = gelu_tanh;
};

template <maxvit_bias Bias, maxvit_partition P, std::size_t Hidden>
struct maxvit_bias_of {
  using type =
      learned_position_bias<P.height, P.width, Bias == maxvit_bias::table ? table_layout::flat : table_layout::key_minus_query>;
};
template <maxvit_partition P, std::size_t Hidden>
struct maxvit_bias_of<maxvit_bias::log_perceptron, P, Hidden> {
  using type = learned_log_bias<Hidden>;
};

/// `channels * r` as the next multiple of 8 that is nearest, and not below 90 % of it.
constexpr std::size_t expanded_channels(std::size_t channels, ratio r) {
  const std::size_t exact = channels * r.numerator;  // times the denominator
  std::size_t rounded = (exact + 4 * r.denominator) / (8 * r.denominator) * 8;
  if (rounded < 8) rounded = 8;
  return rounded * r.denominator * 10 < exact * 9 ? rounded + 8 : rounded;
}
constexpr std::size_t scaled(std::size_t channels, ratio r) { return channels * r.numerator / r.denominator; }

}  // namespace detail

template <maxvit_config C>
using maxvit_convolution_activation = typename detail::maxvit_activation_of<C.convolution_activation>::type;

/// MBConv with the norm in front; the first block of a stage halves the map.
template <maxvit_config C, std::size_t In, std::size_t Out, std::size_t Stride>
struct maxvit_mbconv_of {
  static constexpr std::size_t expanded = detail::expanded_channels(C.expand_output ? Out : In, C.expansion);
  using shortcut = std::conditional_t<
      Stride == 1, identity_shortcut,
      pooled_shortcut<In, Out, C.convolution_bias, C.padding == padding_rule::same ? padding_rule::same : padding_rule::none>>;
  using type = mbconv<In, Out,
                      mbconv_options{.expanded = expanded,
                                     .reduced = detail::scaled(C.expand_output ? Out : expanded, C.squeeze),
                                     .stride = Stride,
                                     .inner_bias = false,
                                     .output_bias = C.convolution_bias,
                                     .padding = C.padding,
                                     .gate = {.bias = true, .as_convolution = true},
                                     .size = C.kernel},
                      maxvit_convolution_activation<C>, norm_before<C.batch_norm_epsilon>, shortcut,
                      typename detail::maxvit_activation_of<C.gate_activation>::type>;
};

/// Attention in `Partition` with a bias for every relative position, and its feed-forward part.
template <maxvit_config C, std::size_t Channels, class Partition, maxvit_partition P>
using maxvit_encoder = encoder_block<
    layer_norm<Channels, C.layer_norm_epsilon>,
    self_attention<
        Channels, Channels / C.head_dim, Partition, typename detail::maxvit_bias_of<C.bias, P, C.bias_hidden>::type,
        attention_options<self_attention_options{.qkv_bias = C.attention_bias,
                                                 .projection_bias = C.attention_bias,
                                                 .order = C.heads_first ? qkv_order::heads_qkv : qkv_order::qkv_heads}>>,
    mlp<Channels, detail::scaled(Channels, C.feed_forward),
        typename detail::maxvit_activation_of<C.attention_activation>::type>,
    std::conditional_t<C.layer_scale, layer_scale<Channels>, no_scale>>;

namespace detail {

template <maxvit_config C, std::size_t In, std::size_t Out, std::size_t Stride>
struct maxvit_block_of {
  static_assert(Out % C.head_dim == 0, "maxvit: the channels of every stage must be a multiple of head_dim");
  using convolution = named<"conv", typename maxvit_mbconv_of<C, In, Out, Stride>::type>;
  using windows = named<"attn_block", maxvit_encoder<C, Out, block<C.window.height, C.window.width>, C.window>>;
  using grids = named<"attn_grid", maxvit_encoder<C, Out, grid<C.grid.height, C.grid.width>, C.grid>>;
  using type = std::conditional_t<C.block_attention, sequential<convolution, windows, grids>, sequential<convolution, grids>>;
};

}  // namespace detail

template <maxvit_config C, std::size_t In, std::size_t Out, std::size_t Stride>
using maxvit_block = typename detail::maxvit_block_of<C, In, Out, Stride>::type;

}  // namespace heddle::examples
