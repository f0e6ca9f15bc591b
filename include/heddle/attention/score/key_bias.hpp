/// @file
/// A bias for every key.
#pragma once

#include <cstddef>

#include "additive_bias.hpp"

namespace heddle::inline v0 {

/// `score + values[batch, head, k]`, the same for all queries: with `values = ln(size)` the proportional attention of token
/// merging, where a merged token counts as often as the tokens it stands for (ToMe, Bolya et al. 2023, eq. 1; ln(size)
/// belongs to the keys of all heads). One number of batch items or heads: shared by all. Positions count inside the group.
/// @throws shape_error (from `attend`) for sizes that do not fit
struct key_bias {
  using policy_category = score_mod_tag;

  const float* values = nullptr;  ///< `[batches, heads, keys]`
  std::size_t keys = 0;
  std::size_t batches = 1;
  std::size_t heads = 1;

  constexpr void check(const attend_call& call) const {
    if (values == nullptr) detail::raise<shape_error>("key_bias: the values are not set");
    detail::require_broadcast("key_bias", "batch items", call.batch, batches);
    detail::require_broadcast("key_bias", "heads", call.heads, heads);
    require_extent("key_bias", "keys", call.keys, keys);
  }

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr const float* row(const Context& c, std::size_t /*q*/) const noexcept {
    const std::size_t b = batches == 1 ? 0 : c.batch;
    const std::size_t h = heads == 1 ? 0 : c.head;
    return values + (b * heads + h) * keys;
  }
};

}  // namespace heddle::inline v0
