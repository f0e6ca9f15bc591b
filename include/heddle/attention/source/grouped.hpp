/// @file
/// Heads of queries that share heads of keys and values.
#pragma once

#include <cstddef>

#include "source.hpp"

namespace heddle::inline v0 {

/// Grouped-query attention (Ainslie et al. 2023): `QueryHeads` neighbouring heads of queries read the same head of keys
/// and values; query head h reads head `h / QueryHeads`. 0: as many as the shapes say, a number that divides.
///
/// Nothing is copied: k and v are views with fewer heads.
/// @throws shape_error from `attend` if the heads of k or v are not `heads / QueryHeads`
template <std::size_t QueryHeads = 0, class Source = self_source>
struct grouped {
  static_assert(policy_of<Source, source_tag>, "heddle::grouped: the second argument must be a source policy");
  using policy_category = source_tag;
  static constexpr bool same_tokens = Source::same_tokens;
  static constexpr std::size_t query_heads = QueryHeads;
};

/// Multi-query attention (Shazeer 2019): one head of keys and values for all heads of queries.
template <class Source = self_source>
struct multi_query {
  static_assert(policy_of<Source, source_tag>, "heddle::multi_query: the argument must be a source policy");
  using policy_category = source_tag;
  static constexpr bool same_tokens = Source::same_tokens;
  static constexpr std::size_t query_heads = 0;
  static constexpr bool one_key_head = true;
};

}  // namespace heddle::inline v0
