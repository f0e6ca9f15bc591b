/// @file
/// `hierarchical_merging`: tokens of a segment merged round after round.
#pragma once

#include <algorithm>
#include <array>

#include "state.hpp"

namespace heddle::inline v0 {

/// Merging in rounds inside segments (LongVLM, Weng et al., arXiv 2404.03384, section 3.2): round i merges away `rounds[i]`
/// tokens of a segment, or half of them where that is less; what is compared is the tokens' own channels, averaged over
/// `groups` equal slices (the heads of the encoder). Sizes go from round to round, so that every token that is left is the mean
/// of all that it stands for.
///
/// Order inside a segment: that of `bipartite` without protected tokens; segments keep theirs.
struct hierarchical_merging {
  std::span<const std::size_t> rounds{};
  std::size_t groups = 1;

  /// Tokens that are left of `tokens`.
  constexpr std::size_t remaining(std::size_t tokens) const noexcept {
    for (const std::size_t r : rounds) tokens = token_merging<>{{.r = r}}.remaining(tokens);
    return tokens;
  }

  /// Scratch of `run` for segments of `tokens` tokens.
  template <class Backend>
  std::size_t bytes(const Backend& backend, std::size_t tokens, std::size_t channels) const {
    return 2 * scratch_bytes<float>(tokens * channels) + token_state_bytes(1, tokens) + source_map_bytes(1, tokens) +
           scratch_bytes<float>(tokens) +
           std::max(token_merging<>{}.plan_scratch_bytes(backend, tokens, channels / groups),
                    token_merging<>::apply_scratch_bytes(tokens));
  }

  /// @param x        `[segments * tokens, channels]`
  /// @param segments how many there are
  /// @param y        `[segments * remaining(tokens), channels]`
  /// @param sizes    `[segments * remaining(tokens)]`: how many tokens each stands for; may be null
  /// @param origin   `[segments, tokens]`: where every token went, in the segment; may be null
  /// @param seen     `seen(round, segment, tokens, sizes)` behind every round
  /// @throws shape_error, workspace_error
  template <class Backend, class Observer>
  void run(context<Backend> ctx, matrix_view<const float> x, std::size_t segments, matrix_view<float> y, float* sizes,
           source_map* origin, Observer&& seen) const {
    if (segments == 0 || x.extent(0) % segments != 0)
      detail::raise<shape_error>("hierarchical_merging: x: expected a multiple of " + std::to_string(segments) + " rows, got " +
                                 std::to_string(x.extent(0)));
    const std::size_t tokens = x.extent(0) / segments;
    const std::size_t left = remaining(tokens);
    require_extent("hierarchical_merging: y", "rows", segments * left, y.extent(0));
    require_extent("hierarchical_merging: y", "columns", x.extent(1), y.extent(1));
    if (origin != nullptr) origin->after = left;
    for (std::size_t s = 0; s < segments; ++s) {
      context<Backend> local = ctx;
      token_state state = start_tokens(local, 1, tokens);
      run_segment(local, row_range(x, s * tokens, tokens), row_range(y, s * left, left), state,
                  [&](std::size_t round, matrix_view<const float> rows) {
                    seen(round, s, rows, static_cast<const float*>(state.sizes));
                  });
      if (sizes != nullptr) each(ctx, left, detail::copy_number<float>{state.sizes, sizes + s * left});
      if (origin != nullptr)
        each(ctx, tokens, detail::copy_number<std::int32_t>{state.origin.positions, origin->positions + s * tokens});
    }
  }
  template <class Backend>
  void run(context<Backend> ctx, matrix_view<const float> x, std::size_t segments, matrix_view<float> y, float* sizes = nullptr,
           source_map* origin = nullptr) const {
    run(ctx, x, segments, y, sizes, origin, [](auto&&...) {});
  }

 private:
  /// `state` is that of one segment, at its beginning.
  template <class Backend, class Observer>
  void run_segment(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, token_state& state,
                   Observer&& seen) const {
    const std::size_t channels = x.extent(1);
    const std::array<float*, 2> buffers{ctx.scratch.template take<float>(x.size()), ctx.scratch.template take<float>(x.size())};
    float* const new_sizes = ctx.scratch.template take<float>(x.extent(0));
    matrix_view<const float> from = x;
    std::size_t next = 0;  // the buffer that `from` is not in
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      const token_merging<> merge{{.r = rounds[i]}};
      if (merge.remaining(state.tokens) < state.tokens) {
        context<Backend> local = ctx;
        const source_map map = plan(local, merge, mean_of_groups(from, groups));
        const auto to = make_matrix(buffers[next], map.after, channels);
        merge.apply(local, map, from, to, {state.sizes, new_sizes});
        state.advance(ctx, map, new_sizes);
        from = to;
        next = 1 - next;
      }
      seen(i, from);
    }
    each(ctx, y.size(), detail::copy_element{from, y});
  }

  template <class Backend>
  static source_map plan(context<Backend>& ctx, const token_merging<>& merge, const metric_rows& metric) {
    arena memory = ctx.scratch.split(source_map_bytes(1, metric.rows.extent(0)));
    return merge.plan(ctx, metric, 1, memory);
  }
};

}  // namespace heddle::inline v0
