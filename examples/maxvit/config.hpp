/// @file
/// What the MaxViT family varies, and its published members.
#pragma once

#include <array>
#include <cstddef>

#include "heddle/core/fixed_string.hpp"
#include "heddle/layer/convolution.hpp"

namespace heddle::examples {

/// Where the bias of a relative position comes from.
enum class maxvit_bias {
  table,          ///< a table by query - key (rw)
  table_tf,       ///< a table by key - query (tf)
  log_perceptron  ///< a small network of logarithmic coordinates (rmlp)
};

/// The activations that its members use.
enum class maxvit_activation { relu, silu, gelu, gelu_tanh };

/// A window or a grid, in tokens.
struct maxvit_partition {
  std::size_t height = 7;
  std::size_t width = 7;
};

/// One network of the family. The defaults are those of the official weights ("tf"); `as_rw` changes what the second
/// style ("rw") has different.
struct maxvit_config {
  std::size_t classes = 1000;  ///< 0: no classifier
  std::size_t stages = 4;
  std::array<std::size_t, 8> channels{64, 128, 256, 512};  ///< of each stage; entries from `stages` on are not used
  std::array<std::size_t, 8> depth{2, 2, 5, 2};
  std::array<std::size_t, 2> stem{64, 64};  ///< channels of the two stem convolutions
  bool stem_bias = true;
  maxvit_partition window{};
  maxvit_partition grid{};
  padding_rule padding = padding_rule::same;

  ratio expansion{4, 1};         ///< of the MBConv
  bool expand_output = true;     ///< expand the output's channels, not the input's
  std::size_t kernel = 3;        ///< side of the depthwise window
  ratio squeeze{1, 4};           ///< of the output's channels, or of the expanded ones without `expand_output`
  bool convolution_bias = true;  ///< of an MBConv's last convolution and its shortcut's
  maxvit_activation convolution_activation = maxvit_activation::gelu_tanh;
  maxvit_activation gate_activation = maxvit_activation::silu;
  ratio batch_norm_epsilon{1, 1000};

  std::size_t head_dim = 32;
  bool heads_first = false;     ///< the projection is stored head by head
  bool attention_bias = true;   ///< of the projections
  bool block_attention = true;  ///< whether a block attends inside windows besides grids
  bool layer_scale = false;
  maxvit_bias bias = maxvit_bias::table_tf;
  std::size_t bias_hidden = 512;  ///< of `log_perceptron`
  ratio feed_forward{4, 1};
  maxvit_activation attention_activation = maxvit_activation::gelu_tanh;
  ratio layer_norm_epsilon{1, 100000};

  std::size_t head_hidden = 512;  ///< of the head's hidden layer; 0: a linear head
};

/// The second style: other norms, activations, padding, widths, a linear head.
constexpr maxvit_config as_rw(maxvit_config c, maxvit_bias bias = maxvit_bias::log_perceptron) {
  c.stem = {32, 64};
  c.stem_bias = false;
  c.padding = padding_rule::symmetric;
  c.expand_output = false;
  c.squeeze = {1, 16};
  c.convolution_bias = false;
  c.convolution_activation = maxvit_activation::silu;
  c.batch_norm_epsilon = {1, 100000};
  c.heads_first = true;
  c.bias = bias;
  c.attention_activation = maxvit_activation::gelu;
  c.layer_norm_epsilon = {1, 1000000};
  c.head_hidden = 0;
  return c;
}

/// A window and grid of `side` x `side`: the side of the image divided by 32.
constexpr maxvit_config with_window(maxvit_config c, std::size_t side) {
  c.window = c.grid = {side, side};
  return c;
}

inline constexpr maxvit_config maxvit_tiny_tf_224{};
inline constexpr maxvit_config maxvit_small_tf_224{.channels = {96, 192, 384, 768}, .head_hidden = 768};
inline constexpr maxvit_config maxvit_base_tf_224{.channels = {96, 192, 384, 768}, .depth = {2, 6, 14, 2}, .head_hidden = 768};
inline constexpr maxvit_config maxvit_large_tf_224{
    .channels = {128, 256, 512, 1024}, .depth = {2, 6, 14, 2}, .stem = {128, 128}, .head_hidden = 1024};

inline constexpr maxvit_config maxvit_tiny_rw_224 = as_rw(maxvit_config{}, maxvit_bias::table);
inline constexpr maxvit_config maxvit_nano_rw_256 =
    with_window(as_rw(maxvit_config{.depth = {1, 2, 3, 1}}, maxvit_bias::table), 8);
inline constexpr maxvit_config maxvit_rmlp_nano_rw_256 = with_window(as_rw(maxvit_config{.depth = {1, 2, 3, 1}}), 8);
inline constexpr maxvit_config maxvit_rmlp_tiny_rw_256 = with_window(as_rw(maxvit_config{}), 8);
inline constexpr maxvit_config maxvit_rmlp_pico_rw_256 = [] {
  maxvit_config c = with_window(as_rw(maxvit_config{.channels = {32, 64, 128, 256}}), 8);
  c.stem = {24, 32};
  return c;
}();
inline constexpr maxvit_config maxvit_rmlp_small_rw_224 = [] {
  maxvit_config c = as_rw(maxvit_config{.channels = {96, 192, 384, 768}});
  c.layer_scale = true;
  return c;
}();

}  // namespace heddle::examples
