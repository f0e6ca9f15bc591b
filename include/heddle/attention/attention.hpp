/// @file
/// Attention as a composition of policies, and every built-in policy.
///
/// `out_g = normalise(mask(modifiers(scale * Q_g K_g^T))) V_g` for every group g that the partition makes.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "concepts.hpp"
#include "mask/block_sparse.hpp"
#include "mask/causal.hpp"
#include "mask/combined.hpp"
#include "mask/full.hpp"
#include "mask/lengths.hpp"
#include "mask/mixed.hpp"
#include "mask/open_if_empty.hpp"
#include "mask/packed_lengths.hpp"
#include "mask/prefix.hpp"
#include "mask/same_region.hpp"
#include "mask/sliding.hpp"
#include "mask/visible_if.hpp"
#include "normalizer/decoupled.hpp"
#include "normalizer/kind.hpp"
#include "normalizer/linear_scores.hpp"
#include "normalizer/policy_weighted.hpp"
#include "normalizer/sigmoid_weights.hpp"
#include "normalizer/smoothed_softmax.hpp"
#include "normalizer/softmax.hpp"
#include "normalizer/softmax_sink.hpp"
#include "normalizer/top_k.hpp"
#include "observer/logsumexp.hpp"
#include "observer/observe.hpp"
#include "observer/outputs.hpp"
#include "observer/weights.hpp"
#include "partition/adaptive.hpp"
#include "partition/axial.hpp"
#include "partition/block.hpp"
#include "partition/dilated.hpp"
#include "partition/gathered.hpp"
#include "partition/global.hpp"
#include "partition/neighborhood.hpp"
#include "partition/neighborhood_groups.hpp"
#include "partition/spatial.hpp"
#include "partition/temporal.hpp"
#include "partition/window.hpp"
#include "position/none.hpp"
#include "position/positions.hpp"
#include "position/qk_norm.hpp"
#include "position/role.hpp"
#include "position/rotary.hpp"
#include "score/additive_bias.hpp"
#include "score/alibi.hpp"
#include "score/box_geometry.hpp"
#include "score/continuous_position_bias.hpp"
#include "score/coordinate_network.hpp"
#include "score/cosine.hpp"
#include "score/key_bias.hpp"
#include "score/log_coordinate_bias.hpp"
#include "score/neighborhood_bias.hpp"
#include "score/region_penalty.hpp"
#include "score/relative_position_bias.hpp"
#include "score/resized_position_bias.hpp"
#include "score/scaled_dot.hpp"
#include "score/soft_cap.hpp"
#include "score/space_time_position_bias.hpp"
#include "source/grouped.hpp"
#include "source/joined_heads.hpp"
#include "source/key_rows.hpp"
#include "source/kv_cache.hpp"
#include "source/ring_heads.hpp"
#include "source/source.hpp"

namespace heddle::inline v0 {

namespace detail {

/// One argument of `attention`, checked apart so that the compiler prints one sentence and the expression that failed.
template <class P>
struct checked_policy {
  static_assert(attention_policy<P>,
                "heddle::attention: every argument must be a policy, a type with `using policy_category = heddle::..._tag`");
  template <class Tag>
  static constexpr bool is = policy_of<P, Tag>;
  static_assert(!is<partition_tag> || partition_policy<P>,
                "heddle::attention: a partition policy needs `map(token_grid)` that returns an index map");
  static_assert(
      !is<mask_tag> || mask_policy<P>,
      "heddle::attention: a mask policy needs `operator()(q, k)` or `operator()(context, q, k)` that returns a truth value");
  static_assert(!is<score_tag> || score_policy<P>, "heddle::attention: a score policy needs `float scale(head, head_dim)`");
  static_assert(!is<score_mod_tag> || score_modifier_policy<P>,
                "heddle::attention: a score modifier needs `template <class T> T operator()(T score, std::size_t head, T q, T "
                "k) const`, the "
                "same with `(context, T score, T q, T k)`, or `const float* row(context, q) const`");
  static_assert(!is<normalizer_tag> || normalizer_policy<P>,
                "heddle::attention: a normalizer policy needs `kind` and what goes with it: `weight(score)` for elementwise, "
                "`weigh(context, q, scores, keys)` for whole_row, the four functions of parts where `parts` is 2");
  static_assert(
      !is<position_tag> || position_policy<P>,
      "heddle::attention: a position policy needs `void operator()(float* row, head_dim, head, token, row_role) const`");
  static_assert(!is<source_tag> || source_policy<P>, "heddle::attention: a source policy needs `same_tokens`");
  static_assert(!is<observer_tag> || observer_policy<P>, "heddle::attention: an observer policy needs `returns_logsumexp`");
  static constexpr bool ok = true;
};

inline constexpr std::size_t no_slot = static_cast<std::size_t>(-1);

template <class Tag, class... Ps>
inline constexpr std::size_t slot_count = (std::size_t{policy_of<Ps, Tag> ? 1U : 0U} + ... + 0);

/// Index of the n-th policy with a tag.
template <class Tag, class... Ps>
constexpr std::size_t slot_index(std::size_t n) noexcept {
  const std::array<bool, sizeof...(Ps) + 1> matches{policy_of<Ps, Tag>..., false};
  for (std::size_t i = 0; i != sizeof...(Ps); ++i)
    if (matches[i] && n-- == 0) return i;
  return no_slot;
}

/// Storage of one policy; the index keeps equal empty policies apart. Built by constructors: as an aggregate, an empty
/// policy that shares its address with another would be written as one zero byte.
template <std::size_t I, class P>
struct policy_entry {
  [[no_unique_address]] P policy;
  constexpr policy_entry() : policy() {}
  HEDDLE_HOST_DEVICE constexpr explicit policy_entry(const P& p) : policy(p) {}
};

template <class Indices, class... Ps>
struct policy_list;
template <std::size_t... I, class... Ps>
struct policy_list<std::index_sequence<I...>, Ps...> : policy_entry<I, Ps>... {
  constexpr policy_list() = default;
  constexpr explicit policy_list(const Ps&... ps)
    requires(sizeof...(Ps) > 0)
      : policy_entry<I, Ps>(ps)... {}
};

template <std::size_t I, class P>
HEDDLE_HOST_DEVICE constexpr const P& entry_of(const policy_entry<I, P>& e) noexcept {
  return e.policy;
}
template <class P, std::size_t I>
constexpr P& entry_named(policy_entry<I, P>& e) noexcept {
  return e.policy;
}
template <class P, std::size_t I>
constexpr const P& entry_named(const policy_entry<I, P>& e) noexcept {
  return e.policy;
}

template <class... Ps>
using policy_list_of = policy_list<std::index_sequence_for<Ps...>, Ps...>;

template <std::size_t I, class Default, class... Ps>
struct nth_policy {
  using type = std::remove_cvref_t<decltype(entry_of<I>(std::declval<const policy_list_of<Ps...>&>()))>;
};
template <class Default, class... Ps>
struct nth_policy<no_slot, Default, Ps...> {
  using type = Default;
};

template <class Tag, class Default, class... Ps>
using slot_type = typename nth_policy<slot_index<Tag, Ps...>(0), Default, Ps...>::type;
template <std::size_t N, class... Ps>
using modifier_type = typename nth_policy<slot_index<score_mod_tag, Ps...>(N), void, Ps...>::type;

/// Stands for every partition whose index map is a `Map`.
template <class Map>
struct mapped_partition {
  using policy_category = partition_tag;
  using map_type = Map;
  Map map(const token_grid&) const;  ///< never called: the plan has the map
};

template <class>
inline constexpr bool is_strided_groups = false;
template <std::size_t... Sides>
inline constexpr bool is_strided_groups<strided_groups<Sides...>> = true;

/// What a kernel needs to know of a policy: of windows, blocks and grids only the kind of their index map, which is one.
template <class P>
struct kernel_policy {
  using type = P;
  static constexpr const P& of(const P& p) noexcept { return p; }
};
template <class P>
  requires(policy_of<P, partition_tag> && !std::is_same_v<P, global> &&
           requires { requires is_strided_groups<typename P::map_type>; })
struct kernel_policy<P> {
  using type = mapped_partition<typename P::map_type>;
  static constexpr type of(const P&) noexcept { return {}; }
};

}  // namespace detail

/// A composition: policies in any order, each naming its slot by `policy_category`. Score modifiers are applied in the
/// order given; every other slot is filled at most once, and an empty one takes its default:
///
/// | slot | default |
/// |---|---|
/// | partition | `global` |
/// | mask | `full` |
/// | score | `scaled_dot` |
/// | normalizer | `softmax` |
/// | source | `self_source` |
/// | position | `no_position` |
/// | observer | `no_observer` |
///
/// Policies may hold run-time values: `attention local{window<8>{}, gaussian_distance{0.02f}};`. Empty ones take no
/// space.
template <class... Ps>
class attention {
  static_assert((detail::checked_policy<Ps>::ok && ...));
  static_assert(detail::slot_count<partition_tag, Ps...> <= 1,
                "heddle::attention: two partition policies; a composition has one");
  static_assert(detail::slot_count<mask_tag, Ps...> <= 1,
                "heddle::attention: two mask policies; combine them with heddle::all_of or heddle::any_of");
  static_assert(detail::slot_count<score_tag, Ps...> <= 1, "heddle::attention: two score policies; a composition has one");
  static_assert(detail::slot_count<normalizer_tag, Ps...> <= 1,
                "heddle::attention: two normalizer policies; a composition has one");
  static_assert(detail::slot_count<source_tag, Ps...> <= 1, "heddle::attention: two source policies; a composition has one");
  static_assert(detail::slot_count<position_tag, Ps...> <= 1,
                "heddle::attention: two position policies; a composition has one");
  static_assert(detail::slot_count<observer_tag, Ps...> <= 1,
                "heddle::attention: two observer policies; a composition has one");

  [[no_unique_address]] detail::policy_list_of<Ps...> policies_{};

  template <class Tag, class Default>
  HEDDLE_HOST_DEVICE constexpr decltype(auto) slot() const noexcept {
    constexpr std::size_t index = detail::slot_index<Tag, Ps...>(0);
    if constexpr (index == detail::no_slot) {
      return Default{};
    } else {
      return detail::entry_of<index>(policies_);
    }
  }

 public:
  constexpr attention() = default;
  constexpr explicit(sizeof...(Ps) == 1) attention(const Ps&... ps)
    requires(sizeof...(Ps) > 0)
      : policies_(ps...) {}

  /// Number of score modifiers.
  static constexpr std::size_t modifiers = detail::slot_count<score_mod_tag, Ps...>;

  HEDDLE_HOST_DEVICE constexpr decltype(auto) partition() const noexcept { return slot<partition_tag, global>(); }
  HEDDLE_HOST_DEVICE constexpr decltype(auto) mask() const noexcept { return slot<mask_tag, full>(); }
  HEDDLE_HOST_DEVICE constexpr decltype(auto) score() const noexcept { return slot<score_tag, scaled_dot>(); }
  HEDDLE_HOST_DEVICE constexpr decltype(auto) normalizer() const noexcept { return slot<normalizer_tag, softmax>(); }
  HEDDLE_HOST_DEVICE constexpr decltype(auto) source() const noexcept { return slot<source_tag, self_source>(); }
  HEDDLE_HOST_DEVICE constexpr decltype(auto) position() const noexcept { return slot<position_tag, no_position>(); }
  HEDDLE_HOST_DEVICE constexpr decltype(auto) observer() const noexcept { return slot<observer_tag, no_observer>(); }
  /// The n-th score modifier.
  template <std::size_t N>
  HEDDLE_HOST_DEVICE constexpr const auto& modifier() const noexcept {
    static_assert(N < modifiers, "heddle::attention: there is no such score modifier");
    return detail::entry_of<detail::slot_index<score_mod_tag, Ps...>(N)>(policies_);
  }

  /// The composition that kernels are generated for: one for all partitions that differ in nothing but their index map's
  /// values (a block and a grid, a window and a shifted one), so that a network with both compiles the kernel once.
  using kernel_type = attention<typename detail::kernel_policy<Ps>::type...>;
  constexpr kernel_type for_kernel() const noexcept {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return kernel_type(detail::kernel_policy<Ps>::of(detail::entry_of<I>(policies_))...);
    }(std::index_sequence_for<Ps...>{});
  }

  using partition_type = detail::slot_type<partition_tag, global, Ps...>;
  using mask_type = detail::slot_type<mask_tag, full, Ps...>;
  using score_type = detail::slot_type<score_tag, scaled_dot, Ps...>;
  using normalizer_type = detail::slot_type<normalizer_tag, softmax, Ps...>;
  using source_type = detail::slot_type<source_tag, self_source, Ps...>;
  using position_type = detail::slot_type<position_tag, no_position, Ps...>;
  using observer_type = detail::slot_type<observer_tag, no_observer, Ps...>;
  /// The n-th score modifier's type.
  template <std::size_t N>
  using modifier_type = detail::modifier_type<N, Ps...>;
  using map_type = std::remove_cvref_t<decltype(std::declval<const partition_type&>().map(token_grid{}))>;

  /// The policy of a type, for setting its run-time values: `get_policy<lengths>(a).values = n;`.
  template <class P>
  friend constexpr P& get_policy(attention& a) noexcept {
    return detail::entry_named<P>(a.policies_);
  }
  template <class P>
  friend constexpr const P& get_policy(const attention& a) noexcept {
    return detail::entry_named<P>(a.policies_);
  }
};

template <class... Ps>
attention(Ps...) -> attention<Ps...>;

namespace detail {
template <class>
inline constexpr bool is_attention = false;
template <class... Ps>
inline constexpr bool is_attention<attention<Ps...>> = true;
}  // namespace detail

/// An `attention<...>`.
template <class C>
concept attention_composition = detail::is_attention<C>;

}  // namespace heddle::inline v0
