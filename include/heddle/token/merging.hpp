/// @file
/// `merging<Match, Combine>`: token merging as a policy, in the steps plan, apply, invert.
#pragma once

#include <limits>

#include "../primitive/each.hpp"
#include "combine.hpp"
#include "match.hpp"
#include "source_map.hpp"

namespace heddle::inline v0 {

/// How many tokens of the first layer each token stands for, before and after an operation: `[batch, before]` and
/// `[batch, after]`. Null: all 1, and not asked for.
struct token_sizes {
  const float* before = nullptr;
  float* after = nullptr;
};

namespace detail {

/// What becomes token j: how many tokens, and of which size together, in their order.
struct sum_of_sizes {
  std::span<const std::int32_t> target;
  const float* size;  ///< null: all 1
  float* total;
  float* count;
  HEDDLE_HOST_DEVICE void operator()(std::size_t j) const {
    float sum = 0.0F;
    float tokens = 0.0F;
    for (std::size_t i = 0; i < target.size(); ++i)
      if (target[i] == static_cast<std::int32_t>(j)) {
        sum += size == nullptr ? 1.0F : size[i];
        tokens += 1.0F;
      }
    total[j] = sum;
    count[j] = tokens;
  }
};

/// The weight of token i in what it becomes.
template <class Combine>
struct weight_of_token {
  std::span<const std::int32_t> target;
  const float* size;
  const float* total;
  const float* count;
  float* weight;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const auto j = static_cast<std::size_t>(target[i] < 0 ? 0 : target[i]);
    weight[i] = target[i] < 0 ? 0.0F : Combine::weight(size == nullptr ? 1.0F : size[i], total[j], count[j]);
  }
};

}  // namespace detail

/// Token merging: `Match` says which tokens meet (`bipartite<R, Protected>`, `every_kth<K>`, `random_split`,
/// `windowed<...>`), `Combine` what becomes of them (`size_weighted_mean`, `token_mean`, `token_sum`, `token_maximum`).
///
/// `plan` compares tokens and returns a source map, which is applied to any number of tensors of these tokens and leads back
/// (`invert`).
/// @code
/// heddle::merging<heddle::bipartite<16, heddle::protected_tokens::class_token>> merge;
/// const auto map = merge.plan(ctx, keys, batch, memory);      // memory keeps the map
/// merge.apply(ctx, map, x, y, {sizes, new_sizes});            // [batch * 197, C] to [batch * 181, C]
/// merge.invert(ctx, map, y, x_again);                         // every token gets a copy of what it went into
/// @endcode
template <class Match, class Combine = size_weighted_mean>
struct merging {
  [[no_unique_address]] Match match{};

  using match_type = Match;
  static constexpr bool is_static = Match::is_static;

  /// Tokens of a sequence that are left of `tokens`.
  constexpr std::size_t remaining(std::size_t tokens) const { return match.remaining(tokens); }

  /// Scratch of `plan` for sequences of `tokens` and metrics of `dims` numbers.
  template <class Backend>
  constexpr std::size_t plan_scratch_bytes(const Backend& backend, std::size_t tokens, std::size_t dims) const {
    return scratch_bytes<std::int32_t>(tokens) + match.bytes(backend, tokens, dims);
  }
  /// Scratch of `apply`.
  static constexpr std::size_t apply_scratch_bytes(std::size_t tokens) { return 3 * scratch_bytes<float>(tokens); }

  /// Where every token goes. The map lies in `memory` (`source_map_bytes(batch, tokens)`).
  /// @param metric rows `[batch * tokens]`: what is compared
  /// @throws shape_error, workspace_error
  template <class Backend>
  source_map plan(context<Backend> ctx, const metric_rows& metric, std::size_t batch, arena& memory) const {
    if (batch == 0 || metric.rows.extent(0) % batch != 0)
      detail::raise<shape_error>("merging: metric: expected a multiple of " + std::to_string(batch) + " rows, got " +
                                 std::to_string(metric.rows.extent(0)));
    const std::size_t tokens = metric.rows.extent(0) / batch;
    const source_map map = take_source_map(memory, batch, tokens, remaining(tokens));
    const std::span<std::int32_t> rows(ctx.scratch.template take<std::int32_t>(tokens), tokens);
    for (std::size_t b = 0; b < batch; ++b) {
      each(ctx, tokens, detail::count_up{rows.data(), static_cast<std::int32_t>(b * tokens)});
      match.match(ctx, metric, rows, map.of(b));
    }
    return map;
  }

  /// The tokens that remain, and their sizes.
  /// @param x     `[batch * before, channels]`
  /// @param y     `[batch * after, channels]`, apart from `x`
  /// @throws shape_error, workspace_error
  template <class Backend>
  void apply(context<Backend> ctx, const source_map& map, matrix_view<const float> x, matrix_view<float> y,
             const token_sizes& sizes = {}) const {
    require_extent("merging: x", "rows", map.batch * map.before, x.extent(0));
    require_extent("merging: y", "rows", map.batch * map.after, y.extent(0));
    float* const total = ctx.scratch.template take<float>(map.before);
    float* const count = ctx.scratch.template take<float>(map.before);
    float* const weight = ctx.scratch.template take<float>(map.before);
    for (std::size_t b = 0; b < map.batch; ++b) {
      const auto target = map.of(b);
      const float* const size = sizes.before == nullptr ? nullptr : sizes.before + b * map.before;
      sum_sizes(ctx, target, size, map.after, total, count);
      if (sizes.after != nullptr) each(ctx, map.after, detail::copy_number<float>{total, sizes.after + b * map.after});
      const auto from = row_range(x, b * map.before, map.before);
      const auto to = row_range(y, b * map.after, map.after);
      if constexpr (requires { Combine::takes_maximum; }) {
        each(ctx, to.size(), detail::set_element{to, -std::numeric_limits<float>::infinity()});
        scatter_max_rows(ctx, from, target, to);
      } else {
        each(ctx, map.before, detail::weight_of_token<Combine>{target, size, total, count, weight});
        each(ctx, to.size(), detail::set_element{to, 0.0F});
        scatter_add_rows(ctx, from, target, to, std::span<const float>(weight, map.before));
      }
    }
  }

  /// The way back: every token gets a copy of the one that it was merged into, zeros if it was dropped.
  template <class Backend>
  static void invert(context<Backend> ctx, const source_map& map, matrix_view<const float> y, matrix_view<float> x) {
    restore_rows(ctx, map, y, x);
  }

 private:
  template <class Backend>
  static void sum_sizes(context<Backend> ctx, std::span<const std::int32_t> target, const float* size, std::size_t after,
                        float* total, float* count) {
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, after, detail::sum_of_sizes{target, size, total, count});
    } else {
      for (std::size_t j = 0; j < after; ++j) total[j] = count[j] = 0.0F;
      for (std::size_t i = 0; i < target.size(); ++i) {
        if (target[i] < 0) continue;
        total[target[i]] += size == nullptr ? 1.0F : size[i];
        count[target[i]] += 1.0F;
      }
    }
  }
};

/// ToMe: the `R` most similar pairs of tokens become their size-weighted means.
template <std::size_t R = dyn, protected_tokens Protected = protected_tokens::none>
using token_merging = merging<bipartite<R, Protected>>;

}  // namespace heddle::inline v0
