/// @file
/// `sampling<Importance, Sampler>`: tokens kept by sampling a distribution of scores, as many as it needs.
#pragma once

#include <algorithm>

#include "../primitive/select/inverse_cdf.hpp"
#include "kept.hpp"
#include "ranking.hpp"

namespace heddle::inline v0 {

/// Inverse transform sampling with equally spaced points (`inverse_cdf`): how many tokens remain depends on the scores.
struct inverse_transform {
  std::size_t points = 0;   ///< sample points: the number of tokens that can remain behind the protected ones
  bool from_zero = false;   ///< let the lowest score take part (see `inverse_cdf_options`)

  constexpr std::size_t limit(std::size_t scores) const noexcept { return inverse_cdf_limit(scores, points); }
  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t scores) noexcept {
    return inverse_cdf_bytes(backend, scores);
  }
  template <class Backend>
  std::size_t select(context<Backend> ctx, std::span<const float> scores, std::span<std::int32_t> picked,
                     const inverse_cdf_trace& trace = {}) const {
    return inverse_cdf(ctx, scores, {points, from_zero}, picked, trace);
  }
};

/// Adaptive token sampling (Fayyaz et al., ECCV 2022): `Importance` scores the tokens behind the protected ones, `Sampler`
/// picks among them. The number of tokens is another one for every sequence, so sequences are planned one by one; the rows
/// of a ragged batch follow each other without padding (`ragged_batch`).
///
/// plan -> positions that stay; apply -> `keep_rows`; invert -> `put_back_rows`; source map -> `set_kept`.
/// @code
/// heddle::sampling<heddle::class_attention_times_value_norm, heddle::inverse_transform> sampler{{}, {.points = 196, .from_zero = false}};
/// const std::size_t count = sampler.plan(ctx, evidence, 0, tokens, 1, kept);
/// heddle::keep_rows(ctx, kept.first(count), x, y);
/// @endcode
template <token_ranking Importance, class Sampler>
struct sampling {
  Importance importance{};
  Sampler sampler{};

  /// Tokens that can remain of a sequence.
  constexpr std::size_t limit(std::size_t tokens, std::size_t prefix) const noexcept {
    return tokens <= prefix ? tokens : prefix + sampler.limit(tokens - prefix);
  }
  /// Scratch of `plan`.
  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t tokens) noexcept {
    return scratch_bytes<float>(tokens) + Sampler::bytes(backend, tokens);
  }

  /// Which tokens of sequence `b` stay: the first `prefix` (class token), then those that were picked, in ascending order of
  /// their scores.
  /// @param kept at least `limit` long
  /// @returns how many stay
  /// @throws shape_error, workspace_error before any work
  template <class Backend, class... Trace>
  std::size_t plan(context<Backend> ctx, const token_evidence& evidence, std::size_t b, std::size_t tokens, std::size_t prefix,
                   std::span<std::int32_t> kept, const Trace&... trace) const {
    const std::size_t most = limit(tokens, prefix);
    if (kept.size() < most) detail::raise_shape("sampling: kept", "positions at least", most, kept.size());
    const std::size_t first = prefix < tokens ? prefix : tokens;
    for (std::size_t i = 0; i < first; ++i) kept[i] = static_cast<std::int32_t>(i);
    if (first == tokens) return first;
    const std::span<float> scores(ctx.scratch.template take<float>(tokens - first), tokens - first);
    importance.score(evidence, b, first, scores);
    const std::span<std::int32_t> picked = kept.subspan(first);
    const std::size_t count = sampler.select(ctx, scores, picked, trace...);
    for (std::size_t i = 0; i < count; ++i) picked[i] += static_cast<std::int32_t>(first);
    return first + count;
  }
};

/// Sequences of different lengths whose rows follow each other: sequence b has rows `starts[b] .. starts[b + 1]`. A view; the
/// memory is the caller's.
struct ragged_batch {
  std::span<std::size_t> starts{};   ///< `[batch + 1]`, the first is 0

  std::size_t batch() const noexcept { return starts.size() - 1; }
  std::size_t rows() const noexcept { return starts.back(); }
  std::size_t length(std::size_t b) const noexcept { return starts[b + 1] - starts[b]; }
  std::size_t longest() const noexcept {
    std::size_t n = 0;
    for (std::size_t b = 0; b < batch(); ++b) n = std::max(n, length(b));
    return n;
  }
  /// All sequences of one length.
  void set_equal(std::size_t length) const noexcept {
    for (std::size_t b = 0; b < starts.size(); ++b) starts[b] = b * length;
  }
  /// The rows of one sequence.
  template <class T>
  matrix_view<T> of(const matrix_view<T>& x, std::size_t b) const {
    return row_range(x, starts[b], length(b));
  }
};

}  // namespace heddle::inline v0
