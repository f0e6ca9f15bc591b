/// @file
/// `windowed`: merging inside the groups of a partition.
#pragma once

#include "../attention/token_grid.hpp"
#include "match.hpp"

namespace heddle::inline v0 {

namespace detail {

/// The tokens of one group that are no padding, in order, and their rows: token number i is asked for alone.
template <class Map>
struct list_group {
  Map map;
  std::size_t group;
  const std::int32_t* rows;  ///< of the tokens behind the prefix
  std::int32_t* tokens;
  std::int32_t* group_rows;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    std::size_t seen = 0;
    for (std::size_t k = 0; k < map.group_size(); ++k) {
      const std::int32_t token = map.token(group, k);
      if (token < 0) continue;
      if (seen++ != i) continue;
      tokens[i] = token;
      group_rows[i] = rows[token];
      return;
    }
  }
};
/// Where the tokens of one group go: behind `next` others.
struct place_group {
  const std::int32_t* tokens;
  const std::int32_t* group_target;
  std::int32_t next;
  std::int32_t* target;  ///< of the tokens behind the prefix
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    target[tokens[i]] = group_target[i] < 0 ? -1 : next + group_target[i];
  }
};

}  // namespace detail

/// Applies a match policy to every group of a partition by itself, so that only tokens of one window (block, row, frame) meet:
/// `windowed<window<7>, bipartite<8>>`. Any partition of attention will do; padded positions are left out.
///
/// The first `prefix` tokens (a class token) belong to no group and stay in front. Behind them the tokens that remain stand
/// group by group, inside each as `Match` orders them.
template <class Partition, class Match>
struct windowed {
  token_grid grid{};  ///< of the tokens behind the prefix
  std::size_t prefix = 0;
  [[no_unique_address]] Match match_policy{};
  [[no_unique_address]] Partition partition{};

  static constexpr bool is_static = false;

  /// @throws shape_error for another number of tokens than prefix and grid have
  constexpr std::size_t remaining(std::size_t tokens) const {
    require_extent("windowed: x", "tokens", prefix + grid.size(), tokens);
    const auto map = partition.map(grid);
    std::size_t left = prefix;
    for (std::size_t g = 0; g < map.groups(); ++g) left += match_policy.remaining(tokens_of(map, g));
    return left;
  }

  template <class Backend>
  constexpr std::size_t bytes(const Backend& backend, std::size_t /*tokens*/, std::size_t dims) const {
    if (grid.size() == 0) return 0;
    const std::size_t size = partition.map(grid).group_size();
    return 3 * scratch_bytes<std::int32_t>(size) + match_policy.bytes(backend, size, dims);
  }

  template <class Backend>
  void match(context<Backend> ctx, const metric_rows& metric, std::span<const std::int32_t> rows,
             std::span<std::int32_t> target) const {
    require_extent("windowed: x", "tokens", prefix + grid.size(), rows.size());
    const auto map = partition.map(grid);
    const auto take = [&](std::size_t n) { return std::span<std::int32_t>(ctx.scratch.template take<std::int32_t>(n), n); };
    const auto tokens = take(map.group_size());
    const auto group_rows = take(map.group_size());
    const auto group_target = take(map.group_size());
    detail::identity_targets(ctx, target.first(prefix));
    std::size_t next = prefix;
    for (std::size_t g = 0; g < map.groups(); ++g) {
      const std::size_t count = tokens_of(map, g);
      list(ctx, map, g, count, rows.subspan(prefix), tokens, group_rows);
      match_policy.match(ctx, metric, group_rows.first(count), group_target.first(count));
      each(ctx, count,
           detail::place_group{tokens.data(), group_target.data(), static_cast<std::int32_t>(next), target.data() + prefix});
      next += match_policy.remaining(count);
    }
  }

 private:
  /// Tokens of a group that are no padding.
  template <class Map>
  static constexpr std::size_t tokens_of(const Map& map, std::size_t g) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < map.group_size(); ++i) count += map.token(g, i) >= 0 ? 1U : 0U;
    return count;
  }

  template <class Backend, class Map>
  static void list(context<Backend> ctx, const Map& map, std::size_t g, std::size_t count, std::span<const std::int32_t> rows,
                   std::span<std::int32_t> tokens, std::span<std::int32_t> group_rows) {
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, count, detail::list_group<Map>{map, g, rows.data(), tokens.data(), group_rows.data()});
    } else {
      map.tokens(g, tokens.data());
      std::size_t next = 0;
      for (std::size_t i = 0; i < map.group_size(); ++i) {
        if (tokens[i] < 0) continue;
        tokens[next] = tokens[i];
        group_rows[next] = rows[static_cast<std::size_t>(tokens[i])];
        ++next;
      }
    }
  }
};

}  // namespace heddle::inline v0
