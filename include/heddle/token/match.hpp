/// @file
/// Which tokens are merged: the `Match` of `heddle::merging`.
///
/// A match policy says how many tokens it leaves (`remaining(tokens)`), how much scratch it needs
/// (`bytes(backend, tokens, dims)`), and where every token of one sequence goes:
/// `match(ctx, metric, rows, target)` with `rows` the positions of the sequence's tokens among the rows of `metric`, and
/// `target[i]` the position of token i among the tokens that remain (-1: dropped).
#pragma once

#include <algorithm>
#include <type_traits>

#include "../core/extents.hpp"
#include "../primitive/each.hpp"
#include "../primitive/select/bipartite.hpp"
#include "../primitive/select/top_k.hpp"

namespace heddle::inline v0 {

/// Tokens at the start of a sequence that are never merged away, and into which none is merged.
enum class protected_tokens : std::size_t { none = 0, class_token = 1, class_and_distillation = 2 };

namespace detail {

template <class Backend>
void identity_targets(context<Backend> ctx, std::span<std::int32_t> target) {
  each(ctx, target.size(), count_up{target.data(), 0});
}

/// Tokens at even places are sources, at odd ones destinations.
struct split_by_turns {
  const std::int32_t* rows;
  std::int32_t* even;
  std::int32_t* odd;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { (i % 2 == 0 ? even : odd)[i / 2] = rows[i]; }
};

/// Where token i of an alternating match goes, asked for every token alone: for devices. `order` are the sources behind the
/// protected one, most similar first, of which `count` are merged.
struct place_by_turns {
  const std::int32_t* order;
  std::size_t candidates;
  std::size_t count;
  const std::int32_t* best;
  std::size_t unmerged;
  std::size_t first_source;
  std::size_t first_destination;
  std::int32_t* target;

  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    target[i] = static_cast<std::int32_t>(i % 2 == 0 ? of_source(i / 2) : destination(i / 2));
  }

 private:
  HEDDLE_HOST_DEVICE std::size_t destination(std::size_t b) const {
    return first_destination == 1 && b == 0 ? 1 : unmerged + b;
  }
  HEDDLE_HOST_DEVICE std::size_t of_source(std::size_t a) const {
    if (a < first_source) return 0;
    const auto s = static_cast<std::int32_t>(a - first_source);
    std::size_t rank = 0;
    std::size_t merged_before = 0;
    for (std::size_t r = 0; r < candidates; ++r) {
      if (order[r] == s) rank = r;
      merged_before += r < count && order[r] < s ? 1U : 0U;
    }
    if (rank < count) return destination(static_cast<std::size_t>(best[a]) + first_destination);
    const std::size_t place = first_source == 0 ? rank - count : a - first_source - merged_before;
    return place + first_source + first_destination;
  }
};

/// Every `k`-th token is a destination.
struct split_every_kth {
  const std::int32_t* rows;
  std::size_t k;
  std::int32_t* sources;
  std::int32_t* destinations;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    (i % k == k - 1 ? destinations[i / k] : sources[i - i / k]) = rows[i];
  }
};
struct place_every_kth {
  std::size_t k;
  std::size_t used;  ///< tokens of whole groups
  const std::int32_t* best;
  std::int32_t* target;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    target[i] = i >= used ? -1 : i % k == k - 1 ? static_cast<std::int32_t>(i / k) : best[i - i / k];
  }
};

/// `list[i] = rows[order[i]]`.
struct take_in_order {
  const std::int32_t* rows;
  const std::int32_t* order;
  std::int32_t* list;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { list[i] = rows[order[i]]; }
};
struct place_in_order {
  const std::int32_t* order;
  std::size_t sources;
  const std::int32_t* best;
  std::int32_t* target;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    target[order[i]] = i < sources ? best[i] : static_cast<std::int32_t>(i - sources);
  }
};

/// Scratch of a match of up to `sources` and `destinations`: their lists, and what the two primitives need.
template <class Backend>
constexpr std::size_t split_match_bytes(const Backend& backend, std::size_t sources, std::size_t destinations,
                                        std::size_t dims) {
  return 3 * scratch_bytes<std::int32_t>(sources) + scratch_bytes<std::int32_t>(destinations) + scratch_bytes<float>(sources) +
         std::max(match_bytes(backend, sources, destinations, dims), top_k_bytes(backend, sources));
}

/// A static number is a type, one that is known at run time is stored.
template <std::size_t N>
using maybe_static = std::conditional_t<N == dyn, std::size_t, std::integral_constant<std::size_t, N>>;

}  // namespace detail

/// Bipartite soft matching (ToMe, Bolya et al., arXiv 2210.09461, section 3): tokens at even places choose the most similar
/// token at an odd place, and the `R` most similar pairs merge. Exactly `R` tokens vanish, at most half of the unprotected
/// ones. With `R = dyn` the number is the member `r`.
///
/// The tokens that remain are `[even tokens that stay, odd tokens]`: with a class token the even ones in their order, without
/// in descending order of similarity. This alternation makes other pairs meet in the next layer. A distillation token stays
/// at place 1.
template <std::size_t R = dyn, protected_tokens Protected = protected_tokens::none>
struct bipartite {
  [[no_unique_address]] detail::maybe_static<R> r{};

  static constexpr bool is_static = R != dyn;

  /// Tokens that are merged away of `tokens`.
  constexpr std::size_t merged(std::size_t tokens) const noexcept {
    const std::size_t kept = static_cast<std::size_t>(Protected);
    return tokens <= kept ? 0 : std::min<std::size_t>(r, (tokens - kept) / 2);
  }
  constexpr std::size_t remaining(std::size_t tokens) const noexcept { return tokens - merged(tokens); }

  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t tokens, std::size_t dims) {
    return detail::split_match_bytes(backend, (tokens + 1) / 2, tokens / 2, dims);
  }

  template <class Backend>
  void match(context<Backend> ctx, const metric_rows& metric, std::span<const std::int32_t> rows,
             std::span<std::int32_t> target) const {
    const std::size_t count = merged(rows.size());
    if (count == 0) return detail::identity_targets(ctx, target);
    const std::size_t sources = (rows.size() + 1) / 2;
    const std::size_t destinations = rows.size() / 2;
    const auto take = [&](std::size_t n) { return std::span<std::int32_t>(ctx.scratch.template take<std::int32_t>(n), n); };
    const auto a = take(sources);
    const auto b = take(destinations);
    each(ctx, rows.size(), detail::split_by_turns{rows.data(), a.data(), b.data()});
    const auto best = take(sources);
    const auto order = take(sources);
    const std::span<float> similarity(ctx.scratch.template take<float>(sources), sources);
    // what is protected is neither source nor destination
    match_bipartite(ctx, metric, a.subspan(first_source), b.subspan(first_destination), best.subspan(first_source),
                    similarity.subspan(first_source));
    const std::size_t candidates = sources - first_source;
    select_top_k(ctx, make_matrix<const float>(similarity.data() + first_source, 1, candidates),
                 make_matrix(order.data(), 1, candidates));
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, target.size(),
           detail::place_by_turns{order.data(), candidates, count, best.data(), sources - count, first_source,
                                  first_destination, target.data()});
    } else {
      place<Backend>(order.first(candidates), best, count, sources, target);
    }
  }

 private:
  static constexpr std::size_t first_source = Protected == protected_tokens::none ? 0 : 1;
  static constexpr std::size_t first_destination = Protected == protected_tokens::class_and_distillation ? 1 : 0;

  /// Ascending; a type of its own for every backend, so that instances of `std::sort` belong to one instruction set.
  template <class Backend>
  struct ascending {
    bool operator()(std::int32_t a, std::int32_t b) const noexcept { return a < b; }
  };

  /// `order`: the sources behind the protected one, most similar first.
  template <class Backend>
  static void place(std::span<std::int32_t> order, std::span<const std::int32_t> best, std::size_t count, std::size_t sources,
                    std::span<std::int32_t> target) {
    const std::size_t unmerged = sources - count;
    const auto destination = [&](std::size_t b) {  // the protected destination stands behind the class token
      return static_cast<std::int32_t>(first_destination == 1 && b == 0 ? 1 : unmerged + b);
    };
    for (std::size_t b = 0; b < target.size() / 2; ++b) target[2 * b + 1] = destination(b);
    for (const std::int32_t s : order.first(count)) {
      const std::size_t a = static_cast<std::size_t>(s) + first_source;
      target[2 * a] = destination(static_cast<std::size_t>(best[a]) + first_destination);
    }
    const auto rest = order.subspan(count);
    if constexpr (Protected != protected_tokens::none) {
      target[0] = 0;
      std::sort(rest.begin(), rest.end(), ascending<Backend>{});
    }
    for (std::size_t i = 0; i < rest.size(); ++i)
      target[2 * (static_cast<std::size_t>(rest[i]) + first_source)] =
          static_cast<std::int32_t>(i + first_source + first_destination);
  }
};

/// Every `K`-th token of the sequence is a destination, all others merge into the most similar one (ToMe's appendix on other
/// matchings). Tokens behind the last whole group of `K` are dropped; `K <= 1` changes nothing. With `K = dyn` it is the
/// member `k`.
template <std::size_t K = dyn>
struct every_kth {
  [[no_unique_address]] detail::maybe_static<K> k{};

  static constexpr bool is_static = K != dyn;

  constexpr std::size_t remaining(std::size_t tokens) const noexcept { return k <= 1 ? tokens : tokens / k; }

  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t tokens, std::size_t dims) {
    return detail::split_match_bytes(backend, tokens, tokens, dims);
  }

  template <class Backend>
  void match(context<Backend> ctx, const metric_rows& metric, std::span<const std::int32_t> rows,
             std::span<std::int32_t> target) const {
    if (k <= 1) return detail::identity_targets(ctx, target);
    const std::size_t destinations = rows.size() / k;
    const std::size_t sources = destinations * (k - 1);
    const auto take = [&](std::size_t n) { return std::span<std::int32_t>(ctx.scratch.template take<std::int32_t>(n), n); };
    const auto a = take(sources);
    const auto b = take(destinations);
    const auto best = take(sources);
    const std::span<float> similarity(ctx.scratch.template take<float>(sources), sources);
    each(ctx, destinations * k, detail::split_every_kth{rows.data(), k, a.data(), b.data()});
    match_bipartite(ctx, metric, a, b, best, similarity);
    each(ctx, rows.size(), detail::place_every_kth{k, destinations * k, best.data(), target.data()});
  }
};

/// `r` tokens that the caller drew merge into the most similar of the others (ToMe's ablation): `order` is a permutation of
/// the places of a sequence, its first `r` are merged away, the others remain in this order.
struct random_split {
  std::span<const std::int32_t> order{};
  std::size_t r = 0;

  static constexpr bool is_static = false;

  /// At least one token remains.
  constexpr std::size_t remaining(std::size_t tokens) const noexcept {
    return tokens - (tokens == 0 ? 0 : std::min(r, tokens - 1));
  }

  template <class Backend>
  static constexpr std::size_t bytes(const Backend& backend, std::size_t tokens, std::size_t dims) {
    return detail::split_match_bytes(backend, tokens, tokens, dims);
  }

  /// @throws shape_error if `order` has another length than the sequence
  template <class Backend>
  void match(context<Backend> ctx, const metric_rows& metric, std::span<const std::int32_t> rows,
             std::span<std::int32_t> target) const {
    require_extent("random_split: order", "tokens", rows.size(), order.size());
    detail::require_positions_of<Backend>("random_split: order", order, rows.size());
    const std::size_t sources = rows.size() - remaining(rows.size());
    const std::span<std::int32_t> list(ctx.scratch.template take<std::int32_t>(rows.size()), rows.size());
    const std::span<std::int32_t> best(ctx.scratch.template take<std::int32_t>(sources), sources);
    const std::span<float> similarity(ctx.scratch.template take<float>(sources), sources);
    each(ctx, rows.size(), detail::take_in_order{rows.data(), order.data(), list.data()});
    match_bipartite(ctx, metric, list.first(sources), list.subspan(sources), best, similarity);
    each(ctx, rows.size(), detail::place_in_order{order.data(), sources, best.data(), target.data()});
  }
};

}  // namespace heddle::inline v0
