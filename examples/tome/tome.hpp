/// @file
/// ToMe: a vision transformer that merges tokens (Bolya et al., arXiv 2210.09461).
#pragma once

#include "heddle/token/schedule.hpp"
#include "vit.hpp"

namespace heddle::examples {

/// A ViT classifier and how it merges.
struct tome_config {
  merging_vit_config trunk{};
  std::size_t classes = 1000;
};

/// The published hosts at 224 pixels.
inline constexpr tome_config tome_vit_small{};
inline constexpr tome_config tome_vit_base{.trunk = {.channels = 768, .heads = 12, .hidden = 3072}};
inline constexpr tome_config tome_vit_large{.trunk = {.channels = 1024, .depth = 24, .heads = 16, .hidden = 4096}};
inline constexpr tome_config tome_vit_huge{.trunk = {.patch = 14, .channels = 1280, .depth = 32, .heads = 16, .hidden = 5120}};

/// The classifier: `[batch, height, width, 3]` to logits `[batch, classes]` of the class token. Children have the names of
/// timm's VisionTransformer; merging has no parameters, so its checkpoints fit as they are.
template <tome_config C>
struct tome {
  using trunk_type = merging_vit<C.trunk>;
  static constexpr std::size_t channels = C.trunk.channels;
  static constexpr std::size_t classes = C.classes;

  trunk_type trunk;
  linear<channels, classes> head;

  static constexpr auto members() { return heddle::members<&tome::trunk, &tome::head>("", "head"); }

  /// `r` tokens a layer on average, spread as `merge_schedule` says.
  void merge(std::size_t r, double inflection = 0.0) { trunk.merge(merge_schedule<C.trunk.depth>(r, inflection)); }

  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t batch) {
    return trunk_type::scratch_bytes(backend, batch) + heddle::scratch_bytes<float>(batch * trunk_type::tokens * channels) +
           token_state_bytes(batch, trunk_type::tokens);
  }

  /// Logits alone.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> image, matrix_view<float> logits) const {
    const std::size_t rows = image.extent(0) * trunk.remaining();
    token_state state = start_tokens(ctx, image.extent(0), trunk_type::tokens);
    const auto tokens = make_matrix(ctx.scratch.template take<float>(rows * channels), rows, channels);
    trunk.forward(ctx, image, tokens, state);
    classify(ctx, as_const(tokens), logits);
  }

  /// Logits of the class tokens, the first of each sequence of `tokens` (behind the final norm).
  template <class Backend>
  void classify(context<Backend> ctx, matrix_view<const float> tokens, matrix_view<float> logits) const {
    const std::size_t count = tokens.extent(0) / logits.extent(0);
    head.forward_rows(ctx, make_matrix(tokens.data_handle(), logits.extent(0), channels, count * tokens.stride(0)), logits);
  }
};

static_assert(parameters<tome<tome_vit_small>> == 22'050'664);
static_assert(parameters<tome<tome_vit_base>> == 86'567'656);
static_assert(parameters<tome<tome_vit_large>> == 304'326'632);
static_assert(parameters<tome<tome_vit_huge>> == 632'045'800);

}  // namespace heddle::examples
