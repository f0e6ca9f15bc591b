/// @file
/// Where keys and values come from.
#pragma once

#include <concepts>
#include <cstddef>

#include "../../core/error.hpp"
#include "../category.hpp"

namespace heddle::inline v0 {

/// The tokens of the queries.
struct self_source {
  using policy_category = source_tag;
  static constexpr bool same_tokens = true;
};

/// Other tokens, of another number: only with the partition `global`.
///
/// Pooled attention (PVT, MViT: keys and values of a coarser map) is this source over the pooled rows of K and V. A stored
/// prefix, a concatenation and a compressed memory before the recent tokens are `joined_heads` of their rows; a cache is
/// `kv_cache`. In each case position i counts the rows in the order of the views.
struct cross_source {
  using policy_category = source_tag;
  static constexpr bool same_tokens = false;
};

namespace detail {

/// How many heads of queries share a head of keys: 1 unless the source says otherwise, 0 for any number that divides.
template <class Source>
inline constexpr std::size_t heads_per_key_head = [] {
  if constexpr (requires { Source::query_heads; }) {
    return std::size_t{Source::query_heads};
  } else {
    return std::size_t{1};
  }
}();
template <class Source>
inline constexpr bool one_key_head = requires { requires bool(Source::one_key_head); };

/// @throws shape_error if `key_heads` heads of keys do not serve `heads` heads of queries
template <class Source>
void require_key_heads(const char* name, std::size_t heads, std::size_t key_heads) {
  constexpr std::size_t shared = heads_per_key_head<Source>;
  if constexpr (one_key_head<Source>) {
    require_extent(name, "heads (source multi_query)", 1, key_heads);
  } else if constexpr (shared == 0) {
    if (key_heads == 0 || heads % key_heads != 0)
      raise<shape_error>(std::string(name) + ": expected a number of heads that divides " + std::to_string(heads) + ", got " +
                         std::to_string(key_heads));
  } else {
    if (heads % shared != 0)
      raise<shape_error>(std::string("attend: q: expected a multiple of ") + std::to_string(shared) +
                         " heads (source grouped), got " + std::to_string(heads));
    require_extent(name, "heads", heads / shared, key_heads);
  }
}

}  // namespace detail
}  // namespace heddle::inline v0
