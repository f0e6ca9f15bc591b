/// @file
/// A composition made ready for one grid of tokens.
#pragma once

#include <cstddef>

#include "../core/workspace.hpp"
#include "attention.hpp"
#include "expanded_bias.hpp"

namespace heddle::inline v0 {

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
      : composition_(c), map_(c.partition().map(grid)), grid_(grid), key_grid_(key_grid), heads_(heads),
        bias_(c, map_.window(), heads, memory) {}

  const Composition& composition() const noexcept { return composition_; }
  const map_type& map() const noexcept { return map_; }
  const token_grid& grid() const noexcept { return grid_; }
  const token_grid& key_grid() const noexcept { return key_grid_; }
  std::size_t heads() const noexcept { return heads_; }
  const bias_type& bias() const noexcept { return bias_; }
  /// Positions of one group.
  std::size_t queries() const noexcept { return map_.group_size(); }
  std::size_t keys() const noexcept { return Composition::source_type::same_tokens ? map_.group_size() : key_grid_.size(); }
};

namespace detail {

template <class Composition>
constexpr void check_source() {
  constexpr bool self = Composition::source_type::same_tokens;
  static_assert(self || std::is_same_v<typename Composition::partition_type, global>,
                "heddle::attention: the source cross_source needs the partition global");
  static_assert(self || bias_runs<Composition>::count == 0,
                "heddle::attention: a relative bias needs queries and keys from the same tokens (source self_source)");
}

}  // namespace detail

/// Bytes that `plan_attention` takes. @throws shape_error for a grid that the partition refuses
template <attention_composition Composition>
constexpr std::size_t plan_bytes(const Composition& c, const token_grid& grid, std::size_t heads) {
  detail::check_source<Composition>();
  return expanded_bias<Composition>::bytes(c.partition().map(grid).window(), heads);
}
template <attention_composition Composition>
constexpr std::size_t plan_bytes(const Composition& c, const token_grid& grid, const token_grid& /*key_grid*/, std::size_t heads) {
  return plan_bytes(c, grid, heads);
}

/// Makes the plan of a composition for queries and keys of one grid. The biases stay in `memory`, which the plan must not
/// outlive. @throws shape_error, weight_error, workspace_error before anything is written
template <attention_composition Composition>
attention_plan<Composition> plan_attention(const Composition& c, const token_grid& grid, std::size_t heads, arena& memory) {
  detail::check_source<Composition>();
  static_assert(Composition::source_type::same_tokens, "heddle::plan_attention: the source cross_source needs the grid of the keys too");
  return {c, grid, grid, heads, memory};
}

/// The same for keys from elsewhere (source `cross_source`).
template <attention_composition Composition>
attention_plan<Composition> plan_attention(const Composition& c, const token_grid& grid, const token_grid& key_grid, std::size_t heads,
                                           arena& memory) {
  detail::check_source<Composition>();
  static_assert(!Composition::source_type::same_tokens, "heddle::plan_attention: a grid of keys is for the source cross_source");
  return {c, grid, key_grid, heads, memory};
}

}  // namespace heddle::inline v0
