/// @file
/// EVAD: who does what in a clip of video (Chen et al., ICCV 2023, arXiv 2304.08451).
#pragma once

#include <algorithm>

#include "action.hpp"
#include "heddle/io/key_map.hpp"
#include "heddle/layer/tubelet_embedding.hpp"
#include "pyramid.hpp"

namespace heddle::examples {

/// What the network writes; see `evad_detections` for what it means.
struct evad_outputs {
  matrix_view<float> logits;   ///< `[batch * queries, 2]`: person, nothing
  matrix_view<float> boxes;    ///< `[batch * queries, 4]` = (x1, y1, x2, y2) in pixels of the clip
  matrix_view<float> actions;  ///< `[batch * queries, actions]`
};

/// Sees what lies between: nothing by default.
struct evad_silent {
  static void after_block(std::size_t, const evad_tokens&) noexcept {}
  static void tokens(const evad_tokens&) noexcept {}
  static void level(std::size_t, map_view<const float>) noexcept {}
  static void decoder_input(matrix_view<const float>) noexcept {}
};

/// The network. A clip `[batch, frames, height, width, 3]`, normalised, with sides that are multiples of 32 (padded right and
/// below with zeros), and the sizes of the clips without padding.
template <evad_config C>
struct evad {
  static_assert(C.frames % C.tubelet == 0 && C.times() % 2 == 0, "evad: an even number of whole tubelets");
  static_assert(C.depth <= 48, "evad: at most 48 blocks");
  static_assert(C.taps[0] < C.taps[1] && C.taps[1] < C.taps[2] && C.taps[2] < C.taps[3] && C.taps[3] < C.depth,
                "evad: the taps are four blocks in order");
  using embedding_type = tubelet_embedding<3, C.channels, C.tubelet, C.patch>;
  using block_type = evad_block<C.channels, C.heads, C.hidden, C.qkv_bias, C.layer_scale>;
  using pyramid_type = evad_pyramid<C.channels, C.detector.channels>;
  using decoder_type = query_decoder<C.detector>;
  using branch_type = evad_action_branch<C>;
  static constexpr std::size_t queries = C.detector.queries;

  embedding_type embedding;
  std::array<block_type, C.depth> blocks;
  layer_norm<C.channels, ratio{1, 1000000}> norm;
  pyramid_type pyramid;
  decoder_type detector;
  branch_type action;
  evad_positions positions;

  static constexpr std::size_t parameter_count() {
    return parameters<embedding_type> + C.depth * parameters<block_type> + parameters<decltype(norm)> +
           parameters<pyramid_type> + parameters<decoder_type> + parameters<branch_type>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("patch_embed.proj", self.embedding);
    for (std::size_t i = 0; i < C.depth; ++i) f("blocks." + std::to_string(i), self.blocks[i]);
    f("norm", self.norm);
    f("", self.pyramid);
    f("detector", self.detector);
    f("det_head", self.action);
  }
  /// From the names of this composition to the official ones.
  static io::key_map key_map() {
    io::key_map map;
    map.rename("detector.queries", "init_proposal_features.weight").rename("detector.boxes", "init_proposal_boxes.weight");
    map.rename("detector.stages.*.feed_forward.fc1", "det_head.s0_headseries.*.linear1");
    map.rename("detector.stages.*.feed_forward.fc2", "det_head.s0_headseries.*.linear2");
    map.rename("detector.stages", "det_head.s0_headseries");
    for (const char* bias : {"q_bias", "v_bias"})
      map.rename(std::string("**.attn.qkv.") + bias, std::string("**.attn.") + bias);
    map.ignore("criterion.empty_weight");
    return map;
  }
  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    positions = evad_positions(backend, C.times(), C.table_side, C.channels);
  }

  /// Tokens of a clip after the last block.
  static constexpr std::size_t tokens_left(std::size_t keyframe) noexcept {
    std::size_t n = C.times() * keyframe;
    for (std::size_t i = 0; i < C.depth; ++i) n = C.tokens_after(i, n, keyframe);
    return n;
  }
  /// Of one clip of `height` x `width` pixels; resampling not counted.
  static constexpr std::uint64_t multiply_adds(std::size_t height, std::size_t width) {
    const std::size_t keyframe = (height / C.patch) * (width / C.patch);
    return embedding_type::multiply_adds(dynamic_extents<5>(1, C.frames, height, width, 3)) + trunk_multiply_adds(keyframe) +
           pyramid_type::multiply_adds(height / C.patch, width / C.patch) + decoder_type::multiply_adds() +
           branch_type::multiply_adds(tokens_left(keyframe));
  }
  /// Of the blocks alone.
  static constexpr std::uint64_t trunk_multiply_adds(std::size_t keyframe) {
    std::uint64_t sum = 0;
    std::size_t n = C.times() * keyframe;
    for (std::size_t i = 0; i < C.depth; ++i) {
      const std::size_t left = C.tokens_after(i, n, keyframe);
      sum += block_type::multiply_adds(n, left);
      n = left;
    }
    return sum;
  }

  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, const dynamic_extents<5>& x) {
    const std::size_t batch = x.extent(0);
    const std::size_t height = x.extent(2) / C.patch;
    const std::size_t width = x.extent(3) / C.patch;
    const std::size_t all = C.times() * height * width;
    const std::size_t levels = heddle::scratch_bytes<float>(pyramid_type::size(batch, height, width));
    const std::size_t parts[] = {
        trunk_bytes(backend, x), levels + pyramid_type::scratch_bytes(backend, batch, height, width),
        levels + decoder_type::scratch_bytes(backend, pyramid_type::extents_of(batch, height, width, 0)),
        branch_type::scratch_bytes(backend, batch, tokens_left(height * width), height, width)};
    return 2 * heddle::scratch_bytes<float>(batch * all * C.channels) + heddle::scratch_bytes<std::int32_t>(batch * all) +
           levels + *std::max_element(std::begin(parts), std::end(parts));
  }

  /// @param x     `[batch, frames, height, width, 3]`
  /// @param sizes `[batch, 2]` = (width, height) of each clip without its padding
  /// @throws shape_error, workspace_error before any work
  template <class Backend, class Observe = evad_silent>
  void forward(context<Backend> ctx, volume_view<const float> x, matrix_view<const float> sizes, const evad_outputs& y,
               Observe&& observe = {}) const {
    check(ctx, x, sizes, y);
    const std::size_t height = x.extent(2) / C.patch;
    const std::size_t width = x.extent(3) / C.patch;
    evad_tokens tokens = take_tokens(ctx, x.extent(0), height * width);
    const auto laterals = pyramid_type::take(ctx, x.extent(0), height, width);
    embed(ctx, x, tokens);
    run_blocks(ctx, tokens, height, width, laterals, observe);
    norm.forward_rows(ctx, as_const(tokens.rows), tokens.rows);
    observe.tokens(tokens);
    detect(ctx, laterals, sizes, y, observe);
    action.forward(ctx, tokens, evad_scene{height, width, sizes}, as_const(y.boxes), y.actions, observe);
  }

  /// The blocks alone, on tokens `[batch * tokens, channels]` with the key frame's in front: what dropout speeds up.
  template <class Backend>
  void run_trunk(context<Backend> ctx, evad_tokens& tokens) const {
    for (std::size_t i = 0; i < C.depth; ++i) run_block(ctx, i, tokens);
  }
  /// Tokens of `batch` clips in scratch that `ctx` keeps: rows not yet set.
  template <class Backend>
  static evad_tokens take_tokens(context<Backend>& ctx, std::size_t batch, std::size_t keyframe) {
    const std::size_t all = C.times() * keyframe;
    evad_tokens t;
    t.rows = make_matrix(ctx.scratch.template take<float>(batch * all * C.channels), batch * all, C.channels);
    t.spare = make_matrix(ctx.scratch.template take<float>(batch * all * C.channels), batch * all, C.channels);
    t.batch = batch;
    t.tokens = all;
    t.keyframe = keyframe;
    t.numbers = ctx.scratch.template take<std::int32_t>(batch * all);
    t.others = all - keyframe;
    each(ctx, batch * t.others, detail::evad_first_numbers{t.numbers, t.others});
    return t;
  }

 private:
  template <class Backend>
  static void check(const context<Backend>& ctx, const volume_view<const float>& x, const matrix_view<const float>& sizes,
                    const evad_outputs& y) {
    require_extent("evad: x", "frames", C.frames, x.extent(1));
    require_extent("evad: x", "rows, a multiple of 2 patches,", x.extent(2) / (2 * C.patch) * (2 * C.patch), x.extent(2));
    require_extent("evad: x", "columns, a multiple of 2 patches,", x.extent(3) / (2 * C.patch) * (2 * C.patch), x.extent(3));
    require_extent("evad: sizes", "clips", x.extent(0), sizes.extent(0));
    require_extent("evad: logits", "rows", x.extent(0) * queries, y.logits.extent(0));
    require_extent("evad: boxes", "rows", x.extent(0) * queries, y.boxes.extent(0));
    require_extent("evad: actions", "rows", x.extent(0) * queries, y.actions.extent(0));
    require_extent("evad: actions", "columns", C.actions, y.actions.extent(1));
    const std::size_t needed = scratch_bytes(ctx.backend, x.extents());
    if (needed > ctx.scratch.remaining()) arena::too_small(needed, ctx.scratch.remaining());
  }

  /// Of the block that needs most: fewer tokens may take another way through attention, which needs more.
  template <class Backend>
  static std::size_t blocks_bytes(const Backend& backend, std::size_t batch, std::size_t tokens, std::size_t keyframe) {
    std::size_t most = 0;
    for (std::size_t i = 0; i < C.depth; ++i) {
      most = std::max(most, C.drops(i) ? block_type::dropping_bytes(backend, batch, tokens)
                                       : block_type::scratch_bytes(backend, batch, tokens));
      tokens = C.tokens_after(i, tokens, keyframe);
    }
    return most;
  }
  template <class Backend>
  static std::size_t trunk_bytes(const Backend& backend, const dynamic_extents<5>& x) {
    const std::size_t batch = x.extent(0);
    const std::size_t height = x.extent(2) / C.patch;
    const std::size_t width = x.extent(3) / C.patch;
    const std::size_t all = C.times() * height * width;
    const std::size_t embeds = embedding_type::scratch_bytes(backend, x) +
                               heddle::scratch_bytes<float>(batch * all * C.channels) +
                               evad_positions::bytes(backend, C.times(), C.table_side, height, width, C.channels);
    const std::size_t taps = heddle::scratch_bytes<float>(batch * height * width * C.channels) +
                             heddle::scratch_bytes<float>(batch * height * width * C.detector.channels) +
                             pyramid_type::scratch_bytes(backend, batch, height, width);
    return std::max({embeds, taps, blocks_bytes(backend, batch, all, height * width)});
  }

  /// Tokens in order of time, then the key frame moved to the front, then positions: they are those of time.
  template <class Backend>
  void embed(context<Backend> ctx, volume_view<const float> x, const evad_tokens& t) const {
    const dynamic_extents<5> e = embedding_type::output_extents(x.extents());
    embedding.forward(ctx, x, volume_view<float>(t.spare.data_handle(), e));
    const matrix_view<const float> table = positions.rows(ctx, e.extent(2), e.extent(3));
    const std::size_t key = C.times() / 2;
    for (std::size_t b = 0; b < t.batch; ++b)
      for (std::size_t i = 0; i < C.times(); ++i) {
        const std::size_t time = i == 0 ? key : i <= key ? i - 1 : i;
        map(ctx, as_const(row_range(t.spare, b * t.tokens + time * t.keyframe, t.keyframe)),
            row_range(table, time * t.keyframe, t.keyframe), row_range(t.rows, b * t.tokens + i * t.keyframe, t.keyframe),
            heddle::detail::sum{});
      }
  }

  template <class Backend>
  void run_block(context<Backend> ctx, std::size_t i, evad_tokens& tokens) const {
    if (C.drops(i)) {
      blocks[i].forward(ctx, tokens, {{static_cast<float>(C.keyframe_weight.value())}, {C.rate(i)}});
    } else {
      blocks[i].forward(ctx, tokens.batch, tokens.rows);
    }
  }

  template <class Backend, class Observe>
  void run_blocks(context<Backend> ctx, evad_tokens& tokens, std::size_t height, std::size_t width,
                  const typename pyramid_type::maps& laterals, Observe& observe) const {
    for (std::size_t i = 0, level = 0; i < C.depth; ++i) {
      run_block(ctx, i, tokens);
      observe.after_block(i, tokens);
      if (level < 4 && C.taps[level] == i) {
        tap(ctx, tokens, map_extents(tokens.batch, height, width, C.channels), level, laterals[level]);
        ++level;
      }
    }
  }

  template <class Backend>
  void tap(context<Backend> ctx, const evad_tokens& tokens, const map_extents& grid, std::size_t level,
           map_view<float> u) const {
    const auto key = make_matrix(ctx.scratch.template take<float>(grid.size()), tokens.batch * tokens.keyframe, C.channels);
    for (std::size_t b = 0; b < tokens.batch; ++b)
      map(ctx, as_const(row_range(tokens.rows, b * tokens.tokens, tokens.keyframe)),
          row_range(key, b * tokens.keyframe, tokens.keyframe), identity{});
    pyramid.lateral(ctx, level, as_const(key), grid, u);
  }

  template <class Backend, class Observe>
  void detect(context<Backend> ctx, const typename pyramid_type::maps& laterals, matrix_view<const float> sizes,
              const evad_outputs& y, Observe& observe) const {
    const map_extents& first = laterals[0].extents();
    const auto maps = pyramid_type::take(ctx, first.extent(0), first.extent(1) / 4, first.extent(2) / 4);
    pyramid.forward(ctx, laterals, maps);
    std::array<map_view<const float>, pyramid_type::levels> levels;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      levels[i] = maps[i];
      observe.level(i + 2, levels[i]);
    }
    detector.forward(ctx, levels, sizes, y.logits, y.boxes);
  }
};

}  // namespace heddle::examples
