/// @file
/// A composition made ready for one grid of tokens.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../core/workspace.hpp"
#include "attention.hpp"
#include "expanded_bias.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Keys of a group.
template <class Composition>
constexpr std::size_t keys_of(const typename Composition::map_type& map, const token_grid& key_grid) {
  if constexpr (!Composition::source_type::same_tokens) {
    return key_grid.size();
  } else if constexpr (keyed_index_map<typename Composition::map_type>) {
    return map.key_group_size();
  } else {
    return map.group_size();
  }
}

}  // namespace detail

/// A composition, its index map and its expanded biases: what all batch items, groups and heads share. Made by
/// `plan_attention`, once per forward pass or kept as long as the grid and the weights stay; the memory is the caller's.
/// `Isa` is that of the translation unit (see `expanded_bias`).
template <attention_composition Composition, class Isa = isa::native>
class attention_plan {
 public:
  using composition_type = Composition;
  using map_type = typename Composition::map_type;
  using bias_type = expanded_bias<Composition, Isa>;

 private:
  Composition composition_;
  map_type map_;
  token_grid grid_;
  token_grid key_grid_;
  std::size_t heads_;
  bias_type bias_;

 public:
  attention_plan(const Composition& c, const token_grid& grid, const token_grid& key_grid, std::size_t heads, arena& memory)
      : attention_plan(c, c.partition().map(grid), grid, key_grid, heads, memory) {}
  attention_plan(const Composition& c, const map_type& map, const token_grid& grid, const token_grid& key_grid,
                 std::size_t heads, arena& memory)
      : composition_(c), map_(map), grid_(grid), key_grid_(key_grid), heads_(heads), bias_(c, map_.window(), heads, memory) {}

  const Composition& composition() const noexcept { return composition_; }
  const map_type& map() const noexcept { return map_; }
  const token_grid& grid() const noexcept { return grid_; }
  const token_grid& key_grid() const noexcept { return key_grid_; }
  std::size_t heads() const noexcept { return heads_; }
  const bias_type& bias() const noexcept { return bias_; }
  /// Positions of one group.
  std::size_t queries() const noexcept { return map_.group_size(); }
  /// Keys of one group.
  std::size_t keys() const noexcept { return detail::keys_of<Composition>(map_, key_grid_); }

  /// The tokens of the keys of a group, from those of its queries: `keys()` numbers, -1 for padding.
  void key_tokens(std::size_t group, const std::int32_t* query_tokens, std::int32_t* out) const {
    if constexpr (!Composition::source_type::same_tokens) {
      for (std::size_t i = 0; i < keys(); ++i) out[i] = static_cast<std::int32_t>(i);
    } else if constexpr (keyed_index_map<map_type>) {
      map_.key_tokens(group, out);
    } else {
      for (std::size_t i = 0; i < keys(); ++i) out[i] = query_tokens[i];
    }
  }
};

/// The plan of a composition whose kernel others share is theirs, with the composition itself beside it.
template <attention_composition Composition, class Isa>
  requires(!std::is_same_v<Composition, typename Composition::kernel_type>)
class attention_plan<Composition, Isa> : public attention_plan<typename Composition::kernel_type, Isa> {
  Composition composition_;

 public:
  using composition_type = Composition;
  using kernel_plan = attention_plan<typename Composition::kernel_type, Isa>;

  attention_plan(const Composition& c, const token_grid& grid, const token_grid& key_grid, std::size_t heads, arena& memory)
      : kernel_plan(c.for_kernel(), c.partition().map(grid), grid, key_grid, heads, memory), composition_(c) {}

  const Composition& composition() const noexcept { return composition_; }
};

namespace detail {

/// The plan that kernels are given.
template <class Composition, class Isa>
const attention_plan<typename Composition::kernel_type, Isa>& plan_of_kernel(
    const attention_plan<Composition, Isa>& plan) noexcept {
  return plan;
}

/// What cannot be, whatever the sizes.
template <class Composition>
constexpr void check_source() {
  constexpr bool self = Composition::source_type::same_tokens;
  constexpr bool own_keys = keyed_index_map<typename Composition::map_type>;
  using observer = observed<typename Composition::observer_type>;
  static_assert(self || std::is_same_v<typename Composition::partition_type, global>,
                "heddle::attention: the source cross_source needs the partition global");
  static_assert(self || bias_runs<Composition>::count == 0,
                "heddle::attention: a relative bias needs queries and keys from the same tokens (source self_source)");
  static_assert(
      !own_keys || bias_runs<Composition>::count == 0,
      "heddle::attention: a relative bias needs groups whose keys are their queries; this partition gives them other keys");
  static_assert(!own_keys || !observer::class_row,
                "heddle::attention: the observer class_row needs groups that do not share keys; those of this partition do");
  static_assert(!observer::logsumexp || Composition::normalizer_type::kind == normalizer_kind::exponential,
                "heddle::attention: the observer logsumexp needs a normalizer that takes exponentials, like softmax");
}

}  // namespace detail

/// Bytes that `plan_attention` takes. @throws shape_error for a grid that the partition refuses
template <attention_composition Composition>
constexpr std::size_t plan_bytes(const Composition& c, const token_grid& grid, std::size_t heads) {
  detail::check_source<Composition>();
  return expanded_bias<Composition>::bytes(c.partition().map(grid).window(), heads);
}
template <attention_composition Composition>
constexpr std::size_t plan_bytes(const Composition& c, const token_grid& grid, const token_grid& /*key_grid*/,
                                 std::size_t heads) {
  return plan_bytes(c, grid, heads);
}

/// Makes the plan of a composition for queries and keys of one grid. The biases stay in `memory`, which the plan must not
/// outlive. @throws shape_error, weight_error, workspace_error before anything is written
template <attention_composition Composition>
attention_plan<Composition> plan_attention(const Composition& c, const token_grid& grid, std::size_t heads, arena& memory) {
  detail::check_source<Composition>();
  static_assert(Composition::source_type::same_tokens,
                "heddle::plan_attention: the source cross_source needs the grid of the keys too");
  return {c, grid, grid, heads, memory};
}

/// The same for keys from elsewhere (source `cross_source`).
template <attention_composition Composition>
attention_plan<Composition> plan_attention(const Composition& c, const token_grid& grid, const token_grid& key_grid,
                                           std::size_t heads, arena& memory) {
  detail::check_source<Composition>();
  static_assert(!Composition::source_type::same_tokens,
                "heddle::plan_attention: a grid of keys is for the source cross_source");
  return {c, grid, key_grid, heads, memory};
}

}  // namespace heddle::inline v0
