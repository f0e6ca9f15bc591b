/// @file
/// `source_map`: where the tokens of a sequence went, and the way back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "../primitive/each.hpp"
#include "../primitive/gather.hpp"

namespace heddle::inline v0 {

/// For every one of `before` tokens of each sequence its position among the `after` tokens that a token operation left, or
/// -1 for a token that was dropped. A view: the memory `[batch, before]` is the caller's.
///
/// Merging sends several tokens to one position, dropping and sampling send some nowhere; undoing any of them is reading
/// through the map (`restore_rows`). The maps of layers that follow each other compose (`follow`), so that one map says where
/// the tokens of the first layer are now.
struct source_map {
  std::int32_t* positions = nullptr;  ///< `[batch, before]`
  std::size_t batch = 0;
  std::size_t before = 0;  ///< tokens of a sequence that went in
  std::size_t after = 0;   ///< tokens of a sequence that came out

  /// The positions of one sequence.
  constexpr std::span<std::int32_t> of(std::size_t b) const noexcept { return {positions + b * before, before}; }
};

/// Bytes of the memory of a map.
constexpr std::size_t source_map_bytes(std::size_t batch, std::size_t before) noexcept {
  return scratch_bytes<std::int32_t>(batch * before);
}

/// A map in the memory of `memory`, its positions not yet set. @throws workspace_error
inline source_map take_source_map(arena& memory, std::size_t batch, std::size_t before, std::size_t after) {
  return {memory.take<std::int32_t>(batch * before), batch, before, after};
}

namespace detail {
/// Token i of a sequence stays at i.
struct stay {
  std::int32_t* positions;
  std::size_t before;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const { positions[i] = static_cast<std::int32_t>(i % before); }
};
/// Where a token that is somewhere goes next.
struct go_on {
  std::int32_t* positions;
  std::size_t before;
  const std::int32_t* next;
  std::size_t next_before;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    if (positions[i] >= 0) positions[i] = next[i / before * next_before + static_cast<std::size_t>(positions[i])];
  }
};
/// Where token i of a sequence is among the kept ones.
struct find_kept {
  const std::int32_t* kept;
  std::size_t count;
  std::int32_t* positions;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    std::int32_t at = -1;
    for (std::size_t k = count; k-- > 0;)
      if (kept[k] == static_cast<std::int32_t>(i)) at = static_cast<std::int32_t>(k);
    positions[i] = at;
  }
};
/// One number of a membership.
struct find_member {
  const std::int32_t* positions;
  std::size_t before;
  view<float, dynamic_extents<3>> members;
  HEDDLE_HOST_DEVICE void operator()(std::size_t n) const {
    const std::size_t i = n % before;
    const std::size_t j = n / before % members.extent(1);
    const std::size_t b = n / before / members.extent(1);
    members(b, j, i) = positions[b * before + i] == static_cast<std::int32_t>(j) ? 1.0F : 0.0F;
  }
};
template <class Isa = isa::native>
void require_members(const source_map& map, const view<float, dynamic_extents<3>>& members) {
  require_extent("membership: members", "sequences", map.batch, members.extent(0));
  require_extent("membership: members", "tokens", map.after, members.extent(1));
  require_extent("membership: members", "sources", map.before, members.extent(2));
}
}  // namespace detail

/// Every token stays where it is.
template <class Isa = isa::native>
void set_identity(source_map& map) noexcept {
  map.after = map.before;
  for (std::size_t i = 0; i < map.batch * map.before; ++i) map.positions[i] = static_cast<std::int32_t>(i % map.before);
}

/// The same where the backend has its memory.
template <class Backend>
void set_identity(context<Backend> ctx, source_map& map) {
  map.after = map.before;
  each(ctx, map.batch * map.before, detail::stay{map.positions, map.before});
}

/// The map of tokens that are kept, in the order of `kept` (`[map.after]` positions before the operation), for sequence
/// `b`; all others are dropped. A token that is kept twice (sampling) is found at its first place.
/// @throws shape_error for another number of tokens, or a position that does not exist
template <class Isa = isa::native>
void set_kept(const source_map& map, std::size_t b, std::span<const std::int32_t> kept) {
  require_extent("set_kept: kept", "tokens", map.after, kept.size());
  detail::require_positions("set_kept: kept", kept, map.before);
  for (std::int32_t& p : map.of(b)) p = -1;
  for (std::size_t i = kept.size(); i-- > 0;)
    if (kept[i] >= 0) map.of(b)[static_cast<std::size_t>(kept[i])] = static_cast<std::int32_t>(i);
}

/// The same where the backend has its memory; positions that do not exist are left out there.
template <class Backend>
void set_kept(context<Backend> ctx, const source_map& map, std::size_t b, std::span<const std::int32_t> kept) {
  require_extent("set_kept: kept", "tokens", map.after, kept.size());
  detail::require_positions_of<Backend>("set_kept: kept", kept, map.before);
  each(ctx, map.before, detail::find_kept{kept.data(), kept.size(), map.of(b).data()});
}

/// `total` followed by `next`: afterwards `total` leads to where `next` leads.
/// @throws shape_error if `next` does not begin where `total` ends
template <class Isa = isa::native>
void follow(source_map& total, const source_map& next) {
  require_extent("follow: next", "sequences", total.batch, next.batch);
  require_extent("follow: next", "tokens", total.after, next.before);
  for (std::size_t b = 0; b < total.batch; ++b)
    for (std::int32_t& p : total.of(b))
      if (p >= 0) p = next.of(b)[static_cast<std::size_t>(p)];
  total.after = next.after;
}

/// The same where the backend has its memory.
template <class Backend>
void follow(context<Backend> ctx, source_map& total, const source_map& next) {
  require_extent("follow: next", "sequences", total.batch, next.batch);
  require_extent("follow: next", "tokens", total.after, next.before);
  each(ctx, total.batch * total.before, detail::go_on{total.positions, total.before, next.positions, next.before});
  total.after = next.after;
}

/// Which of the first tokens each token stands for, as numbers 0 and 1: `members[b, after, before]`.
/// @throws shape_error
template <class Isa = isa::native>
void membership(const source_map& map, const view<float, dynamic_extents<3>>& members) {
  detail::require_members(map, members);
  for (std::size_t b = 0; b < map.batch; ++b)
    for (std::size_t j = 0; j < map.after; ++j)
      for (std::size_t i = 0; i < map.before; ++i)
        members(b, j, i) = map.of(b)[i] == static_cast<std::int32_t>(j) ? 1.0F : 0.0F;
}

/// The same where the backend has its memory.
template <class Backend>
void membership(context<Backend> ctx, const source_map& map, const view<float, dynamic_extents<3>>& members) {
  detail::require_members(map, members);
  each(ctx, map.batch * map.after * map.before, detail::find_member{map.positions, map.before, members});
}

/// The way back: `y[b, i] = x[b, positions[b, i]]`, zeros for dropped tokens. Un-merges, scatters back, propagates.
/// @param x `[batch * after, channels]`
/// @param y `[batch * before, channels]`, apart from `x`
/// @throws shape_error before any work
template <class Backend>
void restore_rows(context<Backend> ctx, const source_map& map, matrix_view<const float> x, matrix_view<float> y) {
  require_extent("restore_rows: x", "rows", map.batch * map.after, x.extent(0));
  require_extent("restore_rows: y", "rows", map.batch * map.before, y.extent(0));
  for (std::size_t b = 0; b < map.batch; ++b)
    gather_rows(ctx, row_range(x, b * map.after, map.after), map.of(b), row_range(y, b * map.before, map.before));
}

}  // namespace heddle::inline v0
