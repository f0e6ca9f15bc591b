/// @file
/// How much a token matters: rankings that token sampling and token dropout share.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "../attention/head_view.hpp"
#include "../primitive/each.hpp"

namespace heddle::inline v0 {

/// What is known about the tokens of a batch when some must go. Views that no ranking asks for stay empty.
struct token_evidence {
  head_rows<const float> class_row{};   ///< `[batch, heads, tokens]`: the class token's weights (observer `class_row`)
  head_rows<const float> importance{};  ///< `[batch, heads, tokens]`: sums of columns (observer `key_importance`)
  head_view<const float> values{};      ///< `[batch, heads, tokens, head_dim]`
  matrix_view<const float> rows{};      ///< `[batch * tokens, channels]`: the tokens themselves
  std::size_t sequences = 1;            ///< of `rows`; plans that ask for one token alone set it
};

/// A ranking gives every token behind the first ones a score, the larger the more it matters:
/// `rank.score(evidence, sequence, first, scores)` sets `scores[i]` for token `first + i`. One that also has a
/// `HEDDLE_HOST_DEVICE float at(evidence, sequence, token)` works on devices.
template <class R>
concept token_ranking =
    requires(const R& r, const token_evidence& e, std::span<float> s) { r.score(e, std::size_t{}, std::size_t{}, s); };

namespace detail {

/// Sums over heads of one token's column in every head.
inline void sum_heads(const head_rows<const float>& x, const char* what, std::size_t b, std::size_t first,
                      std::span<float> scores) {
  require_extent(what, "tokens", first + scores.size(), x.extent(2));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    double sum = 0.0;
    for (std::size_t h = 0; h < x.extent(1); ++h) sum += static_cast<double>(x(b, h, first + i));
    scores[i] = static_cast<float>(sum);
  }
}

/// The same for one token, scaled by one over the heads.
HEDDLE_HOST_DEVICE inline float mean_over_heads(const head_rows<const float>& x, std::size_t b, std::size_t token) noexcept {
  double sum = 0.0;
  for (std::size_t h = 0; h < x.extent(1); ++h) sum += static_cast<double>(x(b, h, token));
  return static_cast<float>(static_cast<double>(static_cast<float>(sum)) * (1.0 / static_cast<double>(x.extent(1))));
}

/// Scores one token, for rankings that ask every token alone: `rank.at(evidence, sequence, token)`. Of several sequences from
/// `sequence` on, `count` scores each; tokens behind the length of theirs get 0.
template <class Rank>
struct score_one {
  Rank rank;
  token_evidence evidence;
  std::size_t sequence;
  std::size_t first;
  std::size_t count;
  const std::int32_t* lengths;  ///< null: all tokens are there
  float* scores;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t b = sequence + i / count;
    const std::size_t token = first + i % count;
    const bool there = lengths == nullptr || static_cast<std::int32_t>(token) < lengths[b];
    scores[i] = there ? static_cast<float>(rank.at(evidence, b, token)) : 0.0F;
  }
};
/// Scores of sequences of `count`, each divided by the sum of its sequence.
struct share_of_scores {
  const float* scores;
  std::size_t count;
  float* shares;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const float* const all = scores + i / count * count;
    double total = 0.0;
    for (std::size_t k = 0; k < count; ++k) total += static_cast<double>(all[k]);
    shares[i] = total > 0.0 ? static_cast<float>(static_cast<double>(scores[i]) * (1.0 / total)) : scores[i];
  }
};

/// Scores of `batch` sequences from `sequence` on, `[batch, count]`, where the backend has its memory, for the tokens behind the
/// first ones. `spare` has as much room.
template <class Backend, class Rank>
void score_tokens(context<Backend> ctx, const Rank& rank, const token_evidence& e, std::size_t sequence, std::size_t batch,
                  std::size_t first, std::size_t count, const std::int32_t* lengths, float* scores,
                  [[maybe_unused]] float* spare) {
  static_assert(
      requires { rank.at(e, sequence, first); },
      "heddle: on a device, and for many sequences at once, a ranking needs `at(evidence, sequence, token)`");
  token_evidence evidence = e;
  if (first + count > 0) evidence.sequences = e.rows.extent(0) / (first + count);
  const auto ask = [&](float* to) {
    each(ctx, batch * count, score_one<Rank>{rank, evidence, sequence, first, count, lengths, to});
  };
  if constexpr (requires { requires bool(Rank::sums_to_one); }) {
    ask(spare);
    each(ctx, batch * count, share_of_scores{spare, count, scores});
  } else {
    ask(scores);
  }
}
/// `row_weights` of `keyframe_attention` for one query.
struct weigh_keyframe {
  float* weights;
  std::size_t count;
  std::size_t keyframe;
  float weight;
  HEDDLE_HOST_DEVICE void operator()(std::size_t q) const {
    const float each = 1.0F / static_cast<float>(count);
    weights[q] = q < keyframe ? weight * each : each;
  }
};

inline void scale_scores(std::span<float> scores, double factor) noexcept {
  for (float& s : scores) s = static_cast<float>(static_cast<double>(s) * factor);
}

}  // namespace detail

/// How much the class token attends to a token, the mean over heads (EViT, Liang et al. 2022).
struct class_attention {
  static void score(const token_evidence& e, std::size_t b, std::size_t first, std::span<float> scores) {
    detail::sum_heads(e.class_row, "class_attention: class_row", b, first, scores);
    detail::scale_scores(scores, 1.0 / static_cast<double>(e.class_row.extent(1)));
  }
  HEDDLE_HOST_DEVICE static float at(const token_evidence& e, std::size_t b, std::size_t token) noexcept {
    return detail::mean_over_heads(e.class_row, b, token);
  }
};

/// The same times the length of the token's value over all heads, and normalised to a sum of 1: equation 4 of ATS (Fayyaz et
/// al., ECCV 2022): `S_j = A_0j |V_j| / sum_i A_0i |V_i|`, A summed over heads. All zero where nothing is attended to.
struct class_attention_times_value_norm {
  static void score(const token_evidence& e, std::size_t b, std::size_t first, std::span<float> scores) {
    detail::sum_heads(e.class_row, "class_attention_times_value_norm: class_row", b, first, scores);
    require_extent("class_attention_times_value_norm: values", "tokens", first + scores.size(), e.values.extent(2));
    double total = 0.0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double m = static_cast<double>(scores[i]) * std::sqrt(squared_length(e.values, b, first + i));
      scores[i] = static_cast<float>(m);
      total += m;
    }
    if (total > 0.0) detail::scale_scores(scores, 1.0 / total);
  }
  static constexpr bool sums_to_one = true;  ///< of all tokens, what `at` says of each only up to a factor
  HEDDLE_HOST_DEVICE static float at(const token_evidence& e, std::size_t b, std::size_t token) noexcept {
    double sum = 0.0;
    for (std::size_t h = 0; h < e.class_row.extent(1); ++h) sum += static_cast<double>(e.class_row(b, h, token));
    return static_cast<float>(static_cast<double>(static_cast<float>(sum)) * std::sqrt(squared_length(e.values, b, token)));
  }

 private:
  HEDDLE_HOST_DEVICE static double squared_length(const head_view<const float>& v, std::size_t b, std::size_t token) noexcept {
    double sum = 0.0;
    for (std::size_t h = 0; h < v.extent(1); ++h) {
      const float* const row = v.data_handle() + v.offset(b, h, token, std::size_t{0});
      float part[4] = {};  // independent sums
      std::size_t d = 0;
      for (; d + 4 <= v.extent(3); d += 4)
        for (std::size_t i = 0; i < 4; ++i) part[i] += row[d + i] * row[d + i];
      for (; d < v.extent(3); ++d) part[0] += row[d] * row[d];
      sum += static_cast<double>(part[0] + part[1]) + static_cast<double>(part[2] + part[3]);
    }
    return sum;
  }
};

/// How much all queries attend to a token, the mean over heads of what `key_importance` sums.
struct mean_attention {
  static void score(const token_evidence& e, std::size_t b, std::size_t first, std::span<float> scores) {
    detail::sum_heads(e.importance, "mean_attention: importance", b, first, scores);
    detail::scale_scores(scores, 1.0 / static_cast<double>(e.importance.extent(1)));
  }
  HEDDLE_HOST_DEVICE static float at(const token_evidence& e, std::size_t b, std::size_t token) noexcept {
    return detail::mean_over_heads(e.importance, b, token);
  }
};

/// The same where the queries of the first tokens (the key frame of a video) count `weight` times as much: the score of EVAD
/// (Chen et al., ICCV 2023, section 3.2): `score_j = mean over heads and queries q of w_q A[q, j]`.
struct keyframe_attention {
  float weight = 1.0F;

  /// What `attend_outputs::row_weights` must hold for the queries of one sequence, the same for every head.
  void set_row_weights(std::size_t keyframe_tokens, std::span<float> row_weights) const noexcept {
    const float each = 1.0F / static_cast<float>(row_weights.size());
    for (std::size_t q = 0; q < row_weights.size(); ++q) row_weights[q] = q < keyframe_tokens ? weight * each : each;
  }
  /// The same where the backend has them.
  template <class Backend>
  void set_row_weights(context<Backend> ctx, std::size_t keyframe_tokens, std::span<float> row_weights) const {
    each(ctx, row_weights.size(), detail::weigh_keyframe{row_weights.data(), row_weights.size(), keyframe_tokens, weight});
  }
  static void score(const token_evidence& e, std::size_t b, std::size_t first, std::span<float> scores) {
    mean_attention::score(e, b, first, scores);
  }
  HEDDLE_HOST_DEVICE static float at(const token_evidence& e, std::size_t b, std::size_t token) noexcept {
    return mean_attention::at(e, b, token);
  }
};

/// The length of a token's row.
struct token_norm {
  static void score(const token_evidence& e, std::size_t b, std::size_t first, std::span<float> scores) {
    const std::size_t tokens = first + scores.size();
    if (e.rows.extent(0) < (b + 1) * tokens)
      detail::raise_shape("token_norm: rows", "rows at least", (b + 1) * tokens, e.rows.extent(0));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const float* const row = e.rows.data_handle() + (b * tokens + first + i) * e.rows.stride(0);
      double sum = 0.0;
      for (std::size_t c = 0; c < e.rows.extent(1); ++c) sum += static_cast<double>(row[c]) * static_cast<double>(row[c]);
      scores[i] = static_cast<float>(std::sqrt(sum));
    }
  }
  /// The rows are those of sequences of one length.
  HEDDLE_HOST_DEVICE static float at(const token_evidence& e, std::size_t b, std::size_t token) noexcept {
    const std::size_t tokens = e.rows.extent(0) / (e.sequences == 0 ? 1 : e.sequences);
    const float* const row = e.rows.data_handle() + (b * tokens + token) * e.rows.stride(0);
    double sum = 0.0;
    for (std::size_t c = 0; c < e.rows.extent(1); ++c) sum += static_cast<double>(row[c]) * static_cast<double>(row[c]);
    return static_cast<float>(std::sqrt(sum));
  }
};

}  // namespace heddle::inline v0
