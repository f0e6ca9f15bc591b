/// @file
/// Many sequences one behind the other in one row of tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "../../core/error.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// Sequence `s` is the tokens `offsets[s]` to `offsets[s + 1] - 1` (the cumulative lengths of variable-length kernels);
/// tokens of different sequences never see each other, those behind the last offset see nothing and are not seen. Where
/// keys are other tokens than queries they have offsets of their own, for the same number of sequences.
///
/// Together with `causal`: `all_of{packed_lengths{offsets}, causal<>{}}`.
struct packed_lengths {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  std::span<const std::int32_t> offsets{};      ///< `[sequences + 1]`, from 0, not falling
  std::span<const std::int32_t> key_offsets{};  ///< of the keys; empty: those of the queries

  /// Called by `attend` before any work. @throws shape_error for offsets that fall, or reach behind the tokens
  constexpr void check(const attend_call& call) const {
    check_offsets("packed_lengths: offsets", offsets, call.queries);
    check_offsets("packed_lengths: key_offsets", of_keys(), call.keys);
    if (of_keys().size() != offsets.size())
      detail::raise_shape("packed_lengths: key_offsets", "numbers", offsets.size(), of_keys().size());
  }

  /// Exact: rectangles are skipped where no sequence is in both sides, and full inside one sequence.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context&, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    const std::span<const std::int32_t> keys = of_keys();
    const std::size_t queries_end = end_of(offsets);
    const std::size_t keys_end = end_of(keys);
    if (q0 >= queries_end || k0 >= keys_end) return tile::skip;
    const bool inside = q1 <= queries_end && k1 <= keys_end;
    const std::size_t first_q = sequence(offsets, q0);
    const std::size_t last_q = sequence(offsets, q1 <= queries_end ? q1 - 1 : queries_end - 1);
    const std::size_t first_k = sequence(keys, k0);
    const std::size_t last_k = sequence(keys, k1 <= keys_end ? k1 - 1 : keys_end - 1);
    const std::size_t low = first_q < first_k ? first_k : first_q;
    const std::size_t high = last_q < last_k ? last_q : last_k;
    for (std::size_t s = low; s <= high; ++s)
      if (offset(offsets, s) < offset(offsets, s + 1) && offset(keys, s) < offset(keys, s + 1))
        return inside && first_q == last_q && first_k == last_k ? tile::full : tile::partial;
    return tile::skip;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context&, T q, T k) const noexcept {
    using traits = batch_traits<T>;
    using mask_type = typename traits::mask;
    // Neighbouring lanes mostly ask about the same sequence: it is looked up once.
    stretch found{};
    const auto keys_of = [&](std::size_t lane) {
      const auto token = static_cast<std::size_t>(traits::lane(q, lane));
      if (token < found.begin || token >= found.end) found = look_up(token);
      return found;
    };
    const T begin = traits::from_lanes([&](std::size_t lane) { return static_cast<float>(keys_of(lane).key_begin); });
    const T end = traits::from_lanes([&](std::size_t lane) { return static_cast<float>(keys_of(lane).key_end); });
    return static_cast<mask_type>((k >= begin) & (k < end));
  }

 private:
  /// Queries `[begin, end)` see keys `[key_begin, key_end)`.
  struct stretch {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t key_begin = 0;
    std::size_t key_end = 0;
  };

  HEDDLE_HOST_DEVICE constexpr std::span<const std::int32_t> of_keys() const noexcept {
    return key_offsets.empty() ? offsets : key_offsets;
  }
  HEDDLE_HOST_DEVICE static constexpr std::size_t offset(std::span<const std::int32_t> o, std::size_t i) noexcept {
    return static_cast<std::size_t>(o.data()[i]);
  }
  HEDDLE_HOST_DEVICE static constexpr std::size_t end_of(std::span<const std::int32_t> o) noexcept {
    return o.empty() ? 0 : offset(o, o.size() - 1);
  }

  /// The sequence of a token before the last offset: the last that begins at or before it (empty ones have no tokens).
  HEDDLE_HOST_DEVICE static constexpr std::size_t sequence(std::span<const std::int32_t> o, std::size_t token) noexcept {
    std::size_t low = 0;
    std::size_t high = o.size() - 1;
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      (offset(o, middle) <= token ? low : high) = middle;
    }
    return low;
  }

  HEDDLE_HOST_DEVICE constexpr stretch look_up(std::size_t token) const noexcept {
    const std::size_t last = end_of(offsets);
    if (token >= last) return {last, static_cast<std::size_t>(-1), 0, 0};
    const std::size_t s = sequence(offsets, token);
    return {offset(offsets, s), offset(offsets, s + 1), offset(of_keys(), s), offset(of_keys(), s + 1)};
  }

  static constexpr void check_offsets(const char* name, std::span<const std::int32_t> o, std::size_t tokens) {
    if (o.empty() || o[0] != 0)
      detail::raise<shape_error>(std::string(name) + ": expected cumulative lengths that begin with 0");
    for (std::size_t i = 1; i < o.size(); ++i)
      if (o[i] < o[i - 1])
        detail::raise<shape_error>(std::string(name) + ": expected at least " + std::to_string(o[i - 1]) + " at " +
                                   std::to_string(i) + ", got " + std::to_string(o[i]));
    if (end_of(o) > tokens)
      detail::raise<shape_error>(std::string(name) + ": expected at most " + std::to_string(tokens) + " tokens, got " +
                                 std::to_string(end_of(o)));
  }
};

}  // namespace heddle::inline v0
