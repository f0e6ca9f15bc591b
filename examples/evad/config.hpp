/// @file
/// What the EVAD family varies, and its published members.
#pragma once

#include <array>
#include <cstddef>

#include "heddle/core/fixed_string.hpp"
#include "heddle/head/query_decoder.hpp"
#include "heddle/token/dropout.hpp"

namespace heddle::examples {

/// One network of the family. The defaults are ViT-B with keep rate 0.7.
struct evad_config {
  std::size_t frames = 16;
  std::size_t tubelet = 2;  ///< frames of a token
  std::size_t patch = 16;
  std::size_t channels = 768;
  std::size_t depth = 12;
  std::size_t heads = 12;
  std::size_t hidden = 3072;
  bool qkv_bias = true;  ///< of the encoder; the decoder always has one
  bool layer_scale = false;
  std::size_t table_side = 14;        ///< patches of a side that the position table is made for
  std::array<ratio, 48> keep_rate{};  ///< of each block; 0 stands for 1: nothing is dropped
  ratio keyframe_weight{1, 1};
  std::array<std::size_t, 4> taps{2, 5, 8, 11};  ///< blocks whose key-frame tokens become levels 2 to 5

  query_decoder_options detector{};

  std::size_t decoder_channels = 384;
  std::size_t decoder_depth = 6;
  std::size_t decoder_heads = 6;
  std::size_t decoder_hidden = 1536;
  std::size_t action_hidden = 2048;
  std::size_t action_layers = 1;
  std::size_t actions = 80;
  ratio extend_x{4, 10};  ///< of a box, on each side, before its features are pooled
  ratio extend_y{2, 10};
  std::size_t action_bins = 7;
  ratio person_threshold{7, 10};

  constexpr std::size_t times() const noexcept { return frames / tubelet; }
  constexpr bool drops(std::size_t block) const noexcept {
    return keep_rate[block].numerator != 0 && keep_rate[block].numerator < keep_rate[block].denominator;
  }
  constexpr double rate(std::size_t block) const noexcept { return drops(block) ? keep_rate[block].value() : 1.0; }
  /// Tokens after a block that gets `tokens` ones.
  constexpr std::size_t tokens_after(std::size_t block, std::size_t tokens, std::size_t keyframe) const noexcept {
    return drops(block) ? keyframe + keep_ratio{rate(block)}.count(tokens, keyframe) : tokens;
  }
};

/// With keep rate `rate` at three blocks.
constexpr evad_config with_keep_rate(evad_config c, ratio rate, std::array<std::size_t, 3> blocks) {
  for (const std::size_t b : blocks) c.keep_rate[b] = rate;
  return c;
}

inline constexpr evad_config evad_base = with_keep_rate({}, {7, 10}, {3, 6, 9});
inline constexpr evad_config evad_base_06 = [] {
  evad_config c = with_keep_rate({}, {6, 10}, {3, 6, 9});
  c.keyframe_weight = {4, 1};
  return c;
}();
inline constexpr evad_config evad_large = [] {
  evad_config c;
  c.channels = 1024;
  c.depth = 24;
  c.heads = 16;
  c.hidden = 4096;
  c.taps = {5, 11, 17, 23};
  c.decoder_channels = 512;
  c.decoder_depth = 12;
  c.decoder_heads = 8;
  c.decoder_hidden = 2048;
  return with_keep_rate(c, {7, 10}, {6, 12, 18});
}();

}  // namespace heddle::examples
