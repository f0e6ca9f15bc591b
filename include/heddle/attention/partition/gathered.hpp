/// @file
/// Groups by a list of indices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "../../core/error.hpp"
#include "../../core/extents.hpp"
#include "../category.hpp"
#include "../token_grid.hpp"

namespace heddle::inline v0 {

/// The index map of `gathered`: the list itself.
template <std::size_t Size = dyn>
struct gathered_groups {
  static constexpr std::size_t static_size = Size;

  const std::int32_t* indices = nullptr;  ///< `[groups, size]`
  std::size_t count = 0;                  ///< of groups
  std::size_t size = Size == dyn ? 0 : Size;
  bool has_padding = false;

  HEDDLE_HOST_DEVICE constexpr std::size_t groups() const noexcept { return count; }
  HEDDLE_HOST_DEVICE constexpr std::size_t group_size() const noexcept { return Size == dyn ? size : Size; }
  HEDDLE_HOST_DEVICE constexpr window_extents window() const noexcept { return {1, group_size()}; }
  HEDDLE_HOST_DEVICE constexpr bool padded() const noexcept { return has_padding; }
  HEDDLE_HOST_DEVICE constexpr std::int32_t token(std::size_t group, std::size_t i) const noexcept {
    return indices[group * group_size() + i];
  }
  HEDDLE_HOST_DEVICE constexpr void tokens(std::size_t group, std::int32_t* out) const noexcept {
    const std::int32_t* from = indices + group * group_size();
    for (std::size_t i = 0; i < group_size(); ++i) out[i] = from[i];
  }
};

/// Group `g` is the tokens `indices[g * size ... ]`, -1 for padding: clusters, sorted buckets (Reformer), kept tokens, class
/// tokens that join the patches of their frame. `gathered<49>` knows the size of a group, `gathered<>` holds it. The list
/// is the caller's and must outlive the plan. Tokens in no group are not written.
///
/// Precondition: a token is in one group at most (its output would be written twice).
/// @throws shape_error for an index outside the grid
template <std::size_t Size = dyn>
struct gathered {
  using policy_category = partition_tag;
  using map_type = gathered_groups<Size>;
  static_assert(Size > 0, "heddle::gathered: the size of a group must be positive");

  const std::int32_t* indices = nullptr;  ///< `[groups, size]`
  std::size_t groups = 0;
  std::size_t size = Size == dyn ? 0 : Size;

  constexpr map_type map(const token_grid& g) const {
    detail::require_tokens("gathered", g);
    if constexpr (Size != dyn) require_extent("gathered", "indices in a group", Size, size);
    if (groups != 0 && size != 0 && indices == nullptr) detail::raise<shape_error>("gathered: the list of indices is not set");
    bool padding = false;
    for (std::size_t i = 0; i < groups * size; ++i) {
      padding = padding || indices[i] < 0;
      if (indices[i] < -1 || (indices[i] >= 0 && static_cast<std::size_t>(indices[i]) >= g.size()))
        detail::raise<shape_error>("gathered: expected indices from -1 to below " + std::to_string(g.size()) + ", got " +
                                   std::to_string(indices[i]) + " at " + std::to_string(i));
    }
    return {indices, groups, size, padding};
  }
};

}  // namespace heddle::inline v0
