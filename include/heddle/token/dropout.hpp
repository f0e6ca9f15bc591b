/// @file
/// `dropout<Rank, Keep>`: tokens that matter least are left out.
#pragma once

#include "../primitive/each.hpp"
#include "../primitive/select/top_k.hpp"
#include "kept.hpp"
#include "ranking.hpp"

namespace heddle::inline v0 {

namespace detail {
/// The smallest whole number not below `x >= 0`.
constexpr std::size_t ceiling(double x) noexcept {
  const auto whole = static_cast<std::size_t>(x);
  return static_cast<double>(whole) < x ? whole + 1 : whole;
}

/// The tokens that stay of sequences whose numbers depend on their scores: token number i of `others`, best first, in `order`.
struct place_above {
  const float* scores;        ///< `[batch, others]`
  const std::int32_t* order;  ///< `[batch, others]`
  std::size_t others;
  float threshold;
  std::size_t fewest;
  bool by_position;
  std::size_t first;
  std::int32_t* kept;  ///< `[batch, first + others]`
  std::int32_t* counts;

  HEDDLE_HOST_DEVICE void operator()(std::size_t n) const {
    const std::size_t b = n / (first + others);
    const std::size_t i = n % (first + others);
    const std::size_t count = above(b);
    if (i == 0) counts[b] = static_cast<std::int32_t>(first + count);
    if (i < first) {
      kept[n] = static_cast<std::int32_t>(i);
    } else if (i - first >= count) {
      kept[n] = -1;
    } else {
      kept[n] = static_cast<std::int32_t>(first) +
                (count == others ? static_cast<std::int32_t>(i - first) : place(b, i - first, count));
    }
  }

 private:
  HEDDLE_HOST_DEVICE std::size_t above(std::size_t b) const {
    std::size_t count = 0;
    for (std::size_t k = 0; k < others; ++k) count += scores[b * others + k] >= threshold ? 1U : 0U;
    return count < fewest ? (fewest < others ? fewest : others) : count;
  }
  HEDDLE_HOST_DEVICE std::int32_t place(std::size_t b, std::size_t rank, std::size_t count) const {
    const std::int32_t* const best = order + b * others;
    if (!by_position) return best[rank];
    for (std::size_t k = 0; k < count; ++k) {  // the one before which as many stay
      std::size_t before = 0;
      for (std::size_t j = 0; j < count; ++j) before += best[j] < best[k] ? 1U : 0U;
      if (before == rank) return best[k];
    }
    return -1;
  }
};
/// Positions of sequences of one number of tokens, set to that number.
struct set_counts {
  std::int32_t* counts;
  std::int32_t count;
  HEDDLE_HOST_DEVICE void operator()(std::size_t b) const { counts[b] = count; }
};

/// `positions[i] += first`.
struct count_from {
  std::int32_t* positions;
  std::int32_t first;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { positions[i] += first; }
};
}  // namespace detail

/// Keeps `ceil(ratio * tokens)` of all tokens, the protected ones included (EVAD).
struct keep_ratio {
  double ratio = 1.0;
  /// Tokens behind the protected ones that stay.
  constexpr std::size_t count(std::size_t tokens, std::size_t prefix) const noexcept {
    const std::size_t all = detail::ceiling(ratio * static_cast<double>(tokens));
    return all <= prefix ? 0 : (all < tokens ? all : tokens) - prefix;
  }
};

/// The same ratio as a type: `keep<7, 10>`.
template <std::size_t Numerator, std::size_t Denominator>
struct keep {
  static_assert(Numerator <= Denominator && Denominator > 0, "heddle::keep: the ratio must be between 0 and 1");
  static constexpr std::size_t count(std::size_t tokens, std::size_t prefix) noexcept {
    const std::size_t all = (tokens * Numerator + Denominator - 1) / Denominator;
    return all <= prefix ? 0 : all - prefix;
  }
};

/// Keeps so many tokens behind the protected ones.
struct keep_top {
  std::size_t most = 0;
  constexpr std::size_t count(std::size_t tokens, std::size_t prefix) const noexcept {
    return tokens - prefix < most ? tokens - prefix : most;
  }
};

/// Keeps tokens whose score is at least `threshold`, and at least the `fewest` best ones: their number depends on the scores.
struct keep_above {
  float threshold = 0.0F;
  std::size_t fewest = 0;
};

/// Token dropout: `Rank` scores the tokens behind the first `prefix` ones, which are protected (class token, key frame); `Keep` says
/// how many stay. `Order` is that of the tokens that stay: by descending score, as EVAD stores them, or as they were. Where
/// nothing is dropped the order stays in any case.
///
/// plan -> positions that stay; apply -> `keep_rows`; invert -> `put_back_rows`; source map -> `set_kept`. `plan_all` plans a batch
/// on any backend without waiting for numbers that depend on scores.
/// @code
/// using keyframe_dropout = heddle::dropout<heddle::keyframe_attention, heddle::keep_ratio>;      // EVAD
/// const std::size_t count = keyframe_dropout{{.weight = 1.0f}, {0.7}}.plan(ctx, evidence, 0, tokens, keyframe_tokens, kept);
/// @endcode
template <token_ranking Rank, class Keep, top_k_order Order = top_k_order::by_value>
struct dropout {
  static constexpr bool counts_are_known = requires(const Keep& k) { k.count(std::size_t{}, std::size_t{}); };

  Rank rank{};
  Keep keep{};

  /// Tokens that stay of a sequence at most, the protected ones included; exactly so many where `counts_are_known`.
  constexpr std::size_t limit(std::size_t tokens, std::size_t prefix) const noexcept {
    if (tokens <= prefix) return tokens;
    if constexpr (counts_are_known) {
      return prefix + keep.count(tokens, prefix);
    } else {
      return tokens;
    }
  }
  /// Scratch of `plan`.
  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t tokens) noexcept {
    return 2 * scratch_bytes<float>(tokens) + top_k_bytes(backend, tokens);
  }
  /// Scratch of `plan_all`.
  template <class Backend>
  static constexpr std::size_t bytes_of_all(const Backend& backend, std::size_t batch, std::size_t tokens) noexcept {
    return counts_are_known ? bytes(backend, tokens)
                            : 2 * scratch_bytes<float>(batch * tokens) + scratch_bytes<std::int32_t>(batch * tokens) +
                                  top_k_bytes(backend, tokens);
  }

  /// Which tokens of sequence `b` stay: the protected ones, then the others.
  /// @param kept at least `limit` long
  /// @returns how many stay
  /// @throws shape_error, workspace_error before any work
  template <class Backend>
  std::size_t plan(context<Backend> ctx, const token_evidence& evidence, std::size_t b, std::size_t tokens, std::size_t prefix,
                   std::span<std::int32_t> kept) const {
    const std::size_t most = limit(tokens, prefix);
    if (kept.size() < most) detail::raise_shape("dropout: kept", "positions at least", most, kept.size());
    const std::size_t first = prefix < tokens ? prefix : tokens;
    const std::size_t others = tokens - first;
    each(ctx, most, detail::count_up{kept.data(), 0});
    if (others == 0 || (counts_are_known && most == tokens)) return most;
    static_assert(counts_are_known || !prefers_whole_maps<Backend>,
                  "heddle::dropout: how many tokens stay is not known before a device has scored them; plan_all leaves the "
                  "numbers there");
    const std::span<float> scores(ctx.scratch.template take<float>(others), others);
    score(ctx, evidence, b, first, scores);
    const std::size_t count = count_of(scores, most - first);
    if (count == others) return tokens;
    select_top_k(ctx, make_matrix<const float>(scores.data(), 1, others), make_matrix(kept.data() + first, 1, count), Order);
    each(ctx, count, detail::count_from{kept.data() + first, static_cast<std::int32_t>(first)});
    return first + count;
  }

  /// The same for all sequences, with the numbers of tokens where the backend has its memory: nobody waits for them, also where they
  /// depend on the scores. Needs a ranking that can be asked for one token (`at`).
  /// @param kept   `[batch, limit]`: places behind those that stay are -1
  /// @param counts `[batch]`: how many stay
  /// @throws shape_error, workspace_error before any work
  template <class Backend>
  void plan_all(context<Backend> ctx, const token_evidence& evidence, std::size_t batch, std::size_t tokens, std::size_t prefix,
                matrix_view<std::int32_t> kept, std::span<std::int32_t> counts) const {
    const std::size_t most = limit(tokens, prefix);
    require_extent("dropout: kept", "sequences", batch, kept.extent(0));
    require_extent("dropout: kept", "positions", most, kept.extent(1));
    require_extent("dropout: kept", "as the stride of sequences", most, kept.stride(0));
    require_extent("dropout: counts", "sequences", batch, counts.size());
    const std::size_t first = prefix < tokens ? prefix : tokens;
    if constexpr (counts_are_known) {
      for (std::size_t b = 0; b < batch; ++b) plan(ctx, evidence, b, tokens, prefix, {kept.data_handle() + b * most, most});
      each(ctx, batch, detail::set_counts{counts.data(), static_cast<std::int32_t>(most)});
    } else {
      const std::size_t others = tokens - first;
      auto* const scores = ctx.scratch.template take<float>(batch * others);
      auto* const spare = ctx.scratch.template take<float>(batch * others);
      auto* const order = ctx.scratch.template take<std::int32_t>(batch * others);
      if (others == 0) return identity(ctx, batch, tokens, kept, counts);
      detail::score_tokens(ctx, rank, evidence, 0, batch, first, others, nullptr, scores, spare);
      select_top_k(ctx, make_matrix<const float>(scores, batch, others), make_matrix(order, batch, others));
      each(ctx, batch * tokens,
           detail::place_above{scores, order, others, keep.threshold, keep.fewest, Order == top_k_order::by_position, first,
                               kept.data_handle(), counts.data()});
    }
  }

 private:
  template <class Backend>
  static void identity(context<Backend> ctx, std::size_t batch, std::size_t tokens, matrix_view<std::int32_t> kept,
                       std::span<std::int32_t> counts) {
    for (std::size_t b = 0; b < batch; ++b) each(ctx, tokens, detail::count_up{kept.data_handle() + b * tokens, 0});
    each(ctx, batch, detail::set_counts{counts.data(), static_cast<std::int32_t>(tokens)});
  }
  template <class Backend>
  void score([[maybe_unused]] context<Backend> ctx, const token_evidence& evidence, std::size_t b, std::size_t first,
             std::span<float> scores) const {
    if constexpr (prefers_whole_maps<Backend>) {
      float* const spare = ctx.scratch.template take<float>(scores.size());
      detail::score_tokens(ctx, rank, evidence, b, 1, first, scores.size(), nullptr, scores.data(), spare);
    } else {
      rank.score(evidence, b, first, scores);
    }
  }
  std::size_t count_of(std::span<const float> scores, [[maybe_unused]] std::size_t known) const noexcept {
    if constexpr (counts_are_known) {
      return known;
    } else {
      std::size_t above = 0;
      for (const float s : scores) above += s >= keep.threshold ? 1U : 0U;
      const std::size_t fewest = keep.fewest < scores.size() ? keep.fewest : scores.size();
      return above < fewest ? fewest : above;
    }
  }
};

}  // namespace heddle::inline v0
