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
  std::size_t points = 0;  ///< sample points: the number of tokens that can remain behind the protected ones
  bool from_zero = false;  ///< let the lowest score take part (see `inverse_cdf_options`)

  constexpr std::size_t limit(std::size_t scores) const noexcept { return inverse_cdf_limit(scores, points); }
  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t scores) noexcept {
    return inverse_cdf_bytes(backend, scores);
  }
  template <class Backend>
  static constexpr std::size_t bytes_of_rows(const Backend& backend, std::size_t rows, std::size_t scores) noexcept {
    return inverse_cdf_rows_bytes(backend, rows, scores);
  }
  template <class Backend>
  void select_rows(context<Backend> ctx, matrix_view<const float> scores, std::span<const inverse_cdf_row> rows,
                   matrix_view<std::int32_t> picked, std::span<std::int32_t> counts,
                   const inverse_cdf_trace& trace = {}) const {
    inverse_cdf_rows(ctx, scores, rows, points, picked, counts, trace);
  }
  template <class Backend>
  std::size_t select(context<Backend> ctx, std::span<const float> scores, std::span<std::int32_t> picked,
                     const inverse_cdf_trace& trace = {}) const {
    return inverse_cdf(ctx, scores, {points, from_zero}, picked, trace);
  }
};

/// Sequences of different lengths, each in as many places, of which the first are its tokens: a batch whose lengths lie where the backend
/// has its memory, so that nobody waits for them. The mask `lengths` hides the places behind. A view; the memory is the caller's.
struct padded_batch {
  std::span<std::int32_t> lengths{};  ///< `[batch]`
  std::size_t places = 0;             ///< of a sequence

  std::size_t batch() const noexcept { return lengths.size(); }
};

namespace detail {

/// What of a sequence is sampled. `below`: with the lowest score only in sequences shorter than this; 0: than the longest.
struct describe_sampled {
  const std::int32_t* lengths;
  std::size_t batch;
  std::int32_t prefix;
  bool from_zero;
  std::int32_t below;
  inverse_cdf_row* rows;
  HEDDLE_HOST_DEVICE void operator()(std::size_t b) const {
    std::int32_t limit = below;
    if (limit == 0)
      for (std::size_t i = 0; i < batch; ++i) limit = lengths[i] > limit ? lengths[i] : limit;
    const std::int32_t others = lengths[b] - prefix;
    rows[b] = {others < 0 ? 0 : others, from_zero && lengths[b] < limit ? 1 : 0};
  }
};
/// Place number i of a sequence: protected tokens, then those that were picked.
struct place_sampled {
  const std::int32_t* lengths;
  const std::int32_t* picked;  ///< `[batch, most - prefix]`
  std::size_t prefix;
  std::size_t most;    ///< places of a sequence
  std::int32_t* kept;  ///< `[batch, most]`
  HEDDLE_HOST_DEVICE void operator()(std::size_t n) const {
    const std::size_t b = n / most;
    const std::size_t i = n % most;
    const auto first = static_cast<std::int32_t>(prefix);
    if (i < prefix) {
      kept[n] = static_cast<std::int32_t>(i) < lengths[b] ? static_cast<std::int32_t>(i) : -1;
    } else {
      const std::int32_t p = picked[b * (most - prefix) + i - prefix];
      kept[n] = p < 0 ? -1 : p + first;
    }
  }
};
/// The protected tokens are counted, too.
struct count_protected {
  const std::int32_t* lengths;
  std::int32_t prefix;
  std::int32_t* counts;
  HEDDLE_HOST_DEVICE void operator()(std::size_t b) const { counts[b] += lengths[b] < prefix ? lengths[b] : prefix; }
};

}  // namespace detail

/// Which sequences of a batch let their lowest score take part, if the sampler is one `from_zero` at all.
enum class lowest_score : std::size_t {
  of_all,               ///< all of them
  of_shorter_sequences  ///< those shorter than the longest: what padding with scores of 0 does (the released code of ATS)
};

/// Adaptive token sampling (Fayyaz et al., ECCV 2022): `Importance` scores the tokens behind the protected ones, `Sampler`
/// picks among them. The number of tokens is another one for every sequence, so sequences are planned one by one; the rows
/// of a ragged batch follow each other without padding (`ragged_batch`). `plan_all` plans a padded batch on any backend without
/// waiting for the numbers.
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
    static_assert(
        !prefers_whole_maps<Backend>,
        "heddle::sampling: how many tokens stay is not known before a device has sampled; plan_all leaves the numbers there");
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

  /// Scratch of `plan_all`.
  template <class Backend>
  constexpr std::size_t bytes_of_all(const Backend& backend, std::size_t batch, std::size_t places,
                                     std::size_t prefix) const noexcept {
    const std::size_t others = places <= prefix ? 0 : places - prefix;
    return 2 * scratch_bytes<float>(batch * others) + scratch_bytes<std::int32_t>(batch * sampler.limit(others)) +
           scratch_bytes<inverse_cdf_row>(batch) + Sampler::bytes_of_rows(backend, batch, others);
  }

  /// Which tokens of every sequence stay, with the numbers where the backend has its memory. Needs an importance that can be asked for
  /// one token (`at`).
  /// @param sequences  lengths with the protected tokens
  /// @param kept       `[batch, limit(places, prefix)]`, rows without gaps: positions in their sequence, then -1
  /// @param counts     `[batch]`: how many stay; not the memory of the lengths
  /// @param longest    with `lowest_score::of_shorter_sequences`: the length to be shorter than; 0: that of the longest sequence
  /// @throws shape_error, workspace_error before any work
  template <class Backend, class... Trace>
  void plan_all(context<Backend> ctx, const token_evidence& evidence, const padded_batch& sequences, std::size_t prefix,
                matrix_view<std::int32_t> kept, std::span<std::int32_t> counts, lowest_score lowest = lowest_score::of_all,
                std::size_t longest = 0, const Trace&... trace) const {
    const std::size_t batch = sequences.batch();
    if (sequences.places < prefix) detail::raise_shape("sampling: sequences", "places at least", prefix, sequences.places);
    const std::size_t others = sequences.places - prefix;
    const std::size_t most = prefix + sampler.limit(others);
    require_extent("sampling: kept", "sequences", batch, kept.extent(0));
    require_extent("sampling: kept", "positions", most, kept.extent(1));
    require_extent("sampling: kept", "as the stride of sequences", most, kept.stride(0));
    require_extent("sampling: counts", "sequences", batch, counts.size());
    auto* const scores = ctx.scratch.template take<float>(batch * others);
    auto* const spare = ctx.scratch.template take<float>(batch * others);
    const auto picked = make_matrix(ctx.scratch.template take<std::int32_t>(batch * (most - prefix)), batch, most - prefix);
    auto* const rows = ctx.scratch.template take<inverse_cdf_row>(batch);
    const std::size_t below = lowest == lowest_score::of_all ? sequences.places + 1 : longest;
    detail::score_tokens(ctx, importance, evidence, 0, batch, prefix, others, sequences.lengths.data(), scores, spare);
    each(ctx, batch,
         detail::describe_sampled{sequences.lengths.data(), batch, static_cast<std::int32_t>(prefix), sampler.from_zero,
                                  static_cast<std::int32_t>(below), rows});
    sampler.select_rows(ctx, make_matrix<const float>(scores, batch, others), std::span<const inverse_cdf_row>(rows, batch),
                        picked, counts, trace...);
    each(ctx, batch * most,
         detail::place_sampled{sequences.lengths.data(), picked.data_handle(), prefix, most, kept.data_handle()});
    each(ctx, batch, detail::count_protected{sequences.lengths.data(), static_cast<std::int32_t>(prefix), counts.data()});
  }
};

/// Sequences of different lengths whose rows follow each other: sequence b has rows `starts[b] .. starts[b + 1]`. A view; the
/// memory is the caller's.
struct ragged_batch {
  std::span<std::size_t> starts{};  ///< `[batch + 1]`, the first is 0

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
