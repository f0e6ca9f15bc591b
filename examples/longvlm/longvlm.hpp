/// @file
/// LongVLM: long videos as few tokens in front of a language model (Weng et al., arXiv 2404.03384).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "decoder.hpp"
#include "heddle/io/key_map.hpp"
#include "heddle/token/pooling.hpp"
#include "heddle/token/rounds.hpp"
#include "heddle/token/splice.hpp"

namespace heddle::examples {

struct longvlm_config {
  std::size_t frames = 100;
  std::size_t frames_per_segment = 10;
  std::size_t patches = 256;  ///< of a frame
  std::size_t vision_channels = 1024;
  std::size_t vision_layers = 24;
  std::size_t metric_groups = 16;  ///< slices of the channels whose mean is compared when tokens merge
  std::array<std::size_t, 16> rounds{1280, 640, 320, 160, 80, 40, 10};  ///< tokens merged away; unused entries are 0
  std::size_t memory = 5;                                               ///< last layers whose class tokens become global tokens
  std::int32_t video_start = 32001;                                     ///< token ids
  std::int32_t video_end = 32002;
  decoder_config language{};
};

/// The frames that represent a video of `count` frames: the middles of as many equal stretches as there are entries in `frames`
/// (rounded half to even; fewer entries than frames is the caller's choice of `min(count, 100)`).
inline void longvlm_frames(std::size_t count, std::span<std::size_t> frames) {
  const double step = static_cast<double>(count - 1) / static_cast<double>(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i)
    frames[i] = static_cast<std::size_t>(
        (std::nearbyint(step * static_cast<double>(i)) + std::nearbyint(step * static_cast<double>(i + 1))) / 2.0);
}

/// From the tokens of a frozen image encoder to logits: merging in segments, class tokens of the last layers, projector,
/// splice, decoder.
template <longvlm_config C>
struct longvlm {
  static_assert(C.frames % C.frames_per_segment == 0, "longvlm: whole segments");
  static constexpr std::size_t vision_channels = C.vision_channels;
  static constexpr std::size_t segments = C.frames / C.frames_per_segment;
  static constexpr std::size_t segment_tokens = C.frames_per_segment * C.patches;
  static constexpr hierarchical_merging merging_rounds{C.rounds, C.metric_groups};
  static constexpr std::size_t local_tokens = segments * merging_rounds.remaining(segment_tokens);
  static constexpr std::size_t video_tokens = C.memory + local_tokens;
  using decoder_type = decoder<C.language>;
  static constexpr std::size_t channels = decoder_type::channels;

  linear<vision_channels, channels> projector;
  decoder_type language;

  static constexpr auto members() {
    return heddle::members<&longvlm::projector, &longvlm::language>("model.mm_projector", "model");
  }

  /// From the names of this composition to those of the checkpoint.
  static io::key_map key_map() {
    io::key_map map;
    map.rename("model.lm_head", "lm_head").rename("model.embed_tokens", "model.embed_tokens.weight");
    map.join("model.layers.*.attn.qkv.weight",
             {"model.layers.*.self_attn.q_proj.weight", "model.layers.*.self_attn.k_proj.weight",
              "model.layers.*.self_attn.v_proj.weight"});
    map.rename("model.layers.*.attn.proj", "model.layers.*.self_attn.o_proj");
    for (const char* part : {"gate", "up", "down"})
      map.rename(std::string("model.layers.*.mlp.") + part, std::string("model.layers.*.mlp.") + part + "_proj");
    map.rename("model.layers.*.norm1", "model.layers.*.input_layernorm")
        .rename("model.layers.*.norm2", "model.layers.*.post_attention_layernorm");
    map.ignore("**.rotary_emb.inv_freq");
    return map;
  }

  template <class Backend>
  static std::size_t merge_scratch_bytes(const Backend& backend) {
    return merging_rounds.bytes(backend, segment_tokens, vision_channels);
  }

  /// Local tokens: patch tokens `[frames * patches, vision_channels]` of the last layer but one to `[local_tokens,
  /// vision_channels]`, in the order of the segments.
  template <class Backend, class Observer>
  static void merge_segments(context<Backend> ctx, matrix_view<const float> patch_tokens, matrix_view<float> local,
                             Observer&& seen) {
    merging_rounds.run(ctx, patch_tokens, segments, local, nullptr, nullptr, seen);
  }

  /// Global tokens: class tokens `[layers * frames, vision_channels]` (embedding output first) to `[memory, vision_channels]`,
  /// the mean over all frames of each of the last layers.
  template <class Backend>
  static void remember(context<Backend> ctx, matrix_view<const float> class_tokens, matrix_view<float> memory) {
    require_extent("longvlm: class tokens", "rows", (C.vision_layers + 1) * C.frames, class_tokens.extent(0));
    const std::size_t first = C.vision_layers + 1 - C.memory;
    pooling<pool::mean>{}.apply(ctx, row_range(class_tokens, first * C.frames, C.memory * C.frames), memory);
  }

  /// What the decoder reads: the vectors of `ids`, with the projected `[global; local]` tokens between the two marks.
  /// @param video      `[video_tokens, vision_channels]`
  /// @param embeddings `[ids, channels]`
  /// @throws shape_error unless exactly `video_tokens` places lie between one start and the end of the video
  template <class Backend>
  void embed(context<Backend> ctx, std::span<const std::int32_t> ids, matrix_view<const float> video,
             matrix_view<float> embeddings) const {
    static_assert(!prefers_whole_maps<Backend>,
                  "longvlm: on a device ids lie there; find their places first (video_places) and give both");
    embed(ctx, ids, video_places(ids), video, embeddings);
  }
  /// The same with the places of the video, which the host found: the ids lie where the backend has its memory.
  template <class Backend>
  void embed(context<Backend> ctx, std::span<const std::int32_t> ids, const token_segment& places,
             matrix_view<const float> video, matrix_view<float> embeddings) const {
    const auto projected = make_matrix(ctx.scratch.template take<float>(video_tokens * channels), video_tokens, channels);
    gather_rows(ctx, as_rows(language.embed_tokens.view()), ids, embeddings);
    projector.forward_rows(ctx, video, projected);
    places.replace(ctx, 1, projected, embeddings);
  }
  static constexpr std::size_t embed_scratch_bytes() { return heddle::scratch_bytes<float>(video_tokens * channels); }

  /// Where the video goes.
  static token_segment video_places(std::span<const std::int32_t> ids) {
    const auto start = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), C.video_start) - ids.begin());
    const auto end = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), C.video_end) - ids.begin());
    if (start == ids.size() || end != start + video_tokens + 1)
      heddle::detail::raise<shape_error>("longvlm: ids: expected the end of the video " + std::to_string(video_tokens + 1) +
                                         " places behind its start");
    return {start + 1, video_tokens};
  }
};

static_assert(longvlm<longvlm_config{}>::local_tokens == 300 && longvlm<longvlm_config{}>::video_tokens == 305);
static_assert(parameters<decltype(longvlm<longvlm_config{}>::projector)> == 4'198'400);
static_assert(parameters<decoder<decoder_config{.vocabulary = 32000}>> == 6'738'415'616);

}  // namespace heddle::examples
