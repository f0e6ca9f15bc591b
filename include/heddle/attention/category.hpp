/// @file
/// The slots of an attention composition. A policy names its slot by `using policy_category = ..._tag`.
#pragma once

#include <concepts>
#include <type_traits>

#include "../config.hpp"

namespace heddle::inline v0 {

struct partition_tag {};   ///< which tokens form one independent problem
struct mask_tag {};        ///< inside a problem, who sees whom
struct score_tag {};       ///< how a score is made from a query and a key
struct score_mod_tag {};   ///< what is done to a score; any number of these, in order
struct normalizer_tag {};  ///< how scores become weights
struct source_tag {};      ///< where keys and values come from
struct position_tag {};    ///< what is done to queries and keys first
struct observer_tag {};    ///< what is returned besides the output

/// A type that names one of the slots.
template <class P>
concept attention_policy =
    requires { typename P::policy_category; } &&
    (std::same_as<typename P::policy_category, partition_tag> || std::same_as<typename P::policy_category, mask_tag> ||
     std::same_as<typename P::policy_category, score_tag> || std::same_as<typename P::policy_category, score_mod_tag> ||
     std::same_as<typename P::policy_category, normalizer_tag> || std::same_as<typename P::policy_category, source_tag> ||
     std::same_as<typename P::policy_category, position_tag> || std::same_as<typename P::policy_category, observer_tag>);

/// A policy of slot `Tag`.
template <class P, class Tag>
concept policy_of = attention_policy<P> && std::same_as<typename P::policy_category, Tag>;

}  // namespace heddle::inline v0
