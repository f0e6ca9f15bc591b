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
/// plan -> positions that stay; apply -> `keep_rows`; invert -> `put_back_rows`; source map -> `set_kept`.
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
    return scratch_bytes<float>(tokens) + top_k_bytes(backend, tokens);
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
    const std::span<float> scores(ctx.scratch.template take<float>(others), others);
    score(ctx, evidence, b, first, scores);
    const std::size_t count = count_of(scores, most - first);
    if (count == others) return tokens;
    select_top_k(ctx, make_matrix<const float>(scores.data(), 1, others), make_matrix(kept.data() + first, 1, count), Order);
    each(ctx, count, detail::count_from{kept.data() + first, static_cast<std::int32_t>(first)});
    return first + count;
  }

 private:
  template <class Backend>
  void score([[maybe_unused]] context<Backend> ctx, const token_evidence& evidence, std::size_t b, std::size_t first, std::span<float> scores) const {
    if constexpr (prefers_whole_maps<Backend>) {
      static_assert(counts_are_known, "heddle::dropout: how many tokens stay must be known before a device has scored them");
      static_assert(requires { rank.at(evidence, b, first); }, "heddle::dropout: on a device a ranking needs `at(evidence, sequence, token)`");
      each(ctx, scores.size(), detail::score_one<Rank>{rank, evidence, b, first, scores.data()});
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
