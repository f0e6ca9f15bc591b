/// @file
/// Biases of all pairs, as they lie in memory.
#pragma once

#include <array>
#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/view.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// `[batch, groups, heads, queries, keys]` with free strides; the keys of a row are neighbours.
using bias_view = view<const float, extents<dyn, dyn, dyn, dyn, dyn>, strided>;

namespace detail {

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
class additive_bias {
  const float* data_ = nullptr;
  std::array<std::size_t, 5> sizes_{};
  std::array<std::size_t, 5> steps_{};  ///< 0: shared

 public:
  using policy_category = score_mod_tag;

  constexpr additive_bias() = default;
  /// From a view (`bias_view`, or any of five axes).
  template <class View>
    requires(View::rank() == 5)
  constexpr explicit additive_bias(const View& values) noexcept : data_(values.data_handle()) {
    for (std::size_t i = 0; i < 5; ++i) {
      sizes_[i] = values.extent(i);
      steps_[i] = sizes_[i] == 1 ? 0 : values.stride(i);
    }
  }
  /// Without gaps.
  constexpr additive_bias(const float* data, const std::array<std::size_t, 5>& sizes) noexcept : data_(data), sizes_(sizes) {
    std::size_t step = 1;
    for (std::size_t i = 5; i-- > 0; step *= sizes[i]) steps_[i] = sizes[i] == 1 ? 0 : step;
  }

  constexpr void check(const attend_call& call) const {
    if (data_ == nullptr) detail::raise<shape_error>("additive_bias: the view is not set");
    detail::require_broadcast("additive_bias", "batch items", call.batch, sizes_[0]);
    detail::require_broadcast("additive_bias", "groups", call.groups, sizes_[1]);
    detail::require_broadcast("additive_bias", "heads", call.heads, sizes_[2]);
    detail::require_broadcast("additive_bias", "queries", call.queries, sizes_[3]);
    require_extent("additive_bias", "keys", call.keys, sizes_[4]);
    if (call.keys > 1) require_extent("additive_bias", "as the stride of keys", 1, steps_[4]);
  }

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr const float* row(const Context& c, std::size_t q) const noexcept {
    return data_ + c.batch * steps_[0] + c.group * steps_[1] + c.head * steps_[2] + q * steps_[3];
  }
};

/// Biases `[batches, groups, heads, queries, keys]` without gaps; sizes that are left out are 1.
constexpr additive_bias dense_bias(const float* data, std::size_t keys, std::size_t queries = 1, std::size_t heads = 1,
                                   std::size_t groups = 1, std::size_t batches = 1) {
  return {data, {batches, groups, heads, queries, keys}};
}

}  // namespace heddle::inline v0
