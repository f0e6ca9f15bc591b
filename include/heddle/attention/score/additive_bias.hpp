/// @file
/// Biases of all pairs, as they lie in memory.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/view.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// `[batch, groups, heads, queries, keys]` with free strides; the keys of a row are neighbours.
using bias_view = view<const float, extents<dyn, dyn, dyn, dyn, dyn>, strided>;

namespace detail {

/// Biases without gaps, as a view.
constexpr bias_view dense_bias(const float* data, std::size_t batches, std::size_t groups, std::size_t heads, std::size_t queries,
                               std::size_t keys) {
  return {data, extents<dyn, dyn, dyn, dyn, dyn>(batches, groups, heads, queries, keys),
          {groups * heads * queries * keys, heads * queries * keys, queries * keys, keys, std::size_t{1}}};
}

/// An extent is that of the call, or 1: the same for all.
constexpr void require_broadcast(const char* policy, const char* what, std::size_t expected, std::size_t got) {
  if (got != 1 && got < expected) raise_shape(policy, what, expected, got);
}

}  // namespace detail

/// `score + values[batch, group, head, q, k]`; an extent of 1 is shared by all (an extent of 1 along the queries: the same for
/// every query). Masks of -100, biases made by another network, padding as numbers; nothing is copied.
///
/// A bias of -infinity hides its key where no other modifier follows; a mask that says so is faster, since it leaves tiles out.
/// @throws shape_error (from `attend`) for a view that does not fit
struct additive_bias {
  using policy_category = score_mod_tag;
  bias_view values{};

  constexpr void check(const attend_call& call) const {
    if (values.data_handle() == nullptr) detail::raise<shape_error>("additive_bias: the view is not set");
    detail::require_broadcast("additive_bias", "batch items", call.batch, values.extent(0));
    detail::require_broadcast("additive_bias", "groups", call.groups, values.extent(1));
    detail::require_broadcast("additive_bias", "heads", call.heads, values.extent(2));
    detail::require_broadcast("additive_bias", "queries", call.queries, values.extent(3));
    require_extent("additive_bias", "keys", call.keys, values.extent(4));
    if (call.keys > 1) require_extent("additive_bias", "as the stride of keys", 1, values.stride(4));
  }

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr const float* row(const Context& c, std::size_t q) const noexcept {
    return values.data_handle() + step(0, c.batch) + step(1, c.group) + step(2, c.head) + step(3, q);
  }

 private:
  HEDDLE_HOST_DEVICE constexpr std::size_t step(std::size_t axis, std::size_t i) const noexcept {
    return values.extent(axis) == 1 ? 0 : i * values.stride(axis);
  }
};

/// Biases `[batches, groups, heads, queries, keys]` without gaps; sizes that are left out are 1.
constexpr additive_bias dense_bias(const float* data, std::size_t keys, std::size_t queries = 1, std::size_t heads = 1,
                                   std::size_t groups = 1, std::size_t batches = 1) {
  return {detail::dense_bias(data, batches, groups, heads, queries, keys)};
}

}  // namespace heddle::inline v0
