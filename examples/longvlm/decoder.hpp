/// @file
/// The decoder behind LongVLM: a language model of the LLaMA family (Touvron et al., arXiv 2302.13971).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "heddle/layer/encoder_block.hpp"
#include "heddle/layer/gated_mlp.hpp"
#include "heddle/layer/sequential.hpp"

namespace heddle::examples {

struct decoder_config {
  std::size_t vocabulary = 32003;  ///< with the three tokens of the video
  std::size_t channels = 4096;
  std::size_t hidden = 11008;
  std::size_t layers = 32;
  std::size_t heads = 32;
  ratio epsilon{1, 1000000};
  std::size_t rotary_base = 10000;
  std::size_t positions = 2048;  ///< longest sequence
};

/// Vectors of tokens in, logits of the next token behind every one out: `[1, 1, tokens, channels]` to `[1, 1, tokens,
/// vocabulary]`. Children: `embed_tokens`, `layers`, `norm`, `lm_head`; names of the file by `longvlm::key_map`.
template <decoder_config C>
struct decoder {
  static constexpr std::size_t channels = C.channels;
  using norm_type = rms_norm<channels, C.epsilon>;
  using attention_type = self_attention<channels, C.heads, causal<>, rotary<>,
                                        attention_options<self_attention_options{.qkv_bias = false, .projection_bias = false}>>;
  using block_type = encoder_block<norm_type, attention_type, gated_mlp<channels, C.hidden>>;

  parameter<C.vocabulary, channels> embed_tokens;
  std::array<block_type, C.layers> layers;
  norm_type norm;
  linear<channels, C.vocabulary, linear_options{.bias = false}> lm_head;
  made_weights angles{};  ///< cosines, then sines, `[positions, head_dim / 2]` each

  static constexpr std::size_t parameter_count() {
    return C.vocabulary * channels + C.layers * parameters<block_type> + parameters<norm_type> + parameters<decltype(lm_head)>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("embed_tokens", self.embed_tokens);
    for (std::size_t i = 0; i < C.layers; ++i)
      heddle::detail::with_index_name(i, [&](std::string_view name) { f("layers." + std::string(name), self.layers[i]); });
    f("norm", self.norm);
    f("lm_head", self.lm_head);
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("decoder: x", "channels", channels, x.extent(3));
    if (x.extent(2) > C.positions) heddle::detail::raise_shape("decoder: x", "tokens at most", C.positions, x.extent(2));
    return map_extents(x.extent(0), x.extent(1), x.extent(2), C.vocabulary);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return C.layers * heddle::multiply_adds<block_type>(x) + heddle::multiply_adds<decltype(lm_head)>(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return heddle::scratch_bytes<float>(x.size()) + heddle::scratch_bytes<block_type>(backend, x);
  }

  template <class Backend>
  void prepare(const Backend& backend) {
    constexpr std::size_t pairs = attention_type::head_dim / 2;
    std::vector<float> tables(2 * C.positions * pairs);
    fill_rotary_tables(static_cast<float>(C.rotary_base), C.positions, 2 * pairs, tables.data(),
                       tables.data() + C.positions * pairs);
    angles = keep_weights(backend, std::move(tables));
    for (block_type& layer : layers) {
      rotary<>& position = get_policy<rotary<>>(layer.attn.composition);
      position.base = static_cast<float>(C.rotary_base);
      position.cosines = angles.data;
      position.sines = angles.data + C.positions * pairs;
      position.positions = C.positions;
    }
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_view<float> t(ctx.scratch.template take<float>(x.size()), x.extents());
    heddle::forward(ctx, layers[0], x, t);
    for (std::size_t i = 1; i < C.layers; ++i) heddle::forward(ctx, layers[i], t, t);
    norm.forward_rows(ctx, as_const(as_rows(t)), as_rows(t));
    lm_head.forward_rows(ctx, as_const(as_rows(t)), as_rows(y));
  }
};

}  // namespace heddle::examples
