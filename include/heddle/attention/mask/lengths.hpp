/// @file
/// Sequences of different lengths in one batch.
#pragma once

#include <cstdint>
#include <span>

#include "../../core/error.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// Batch item `b` has `values[b]` keys; those behind are never seen. Rows of queries behind are computed like others.
struct lengths {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  static constexpr bool same_for_queries = true;  ///< all queries of a batch item see the same keys
  std::span<const std::int32_t> values{};         ///< `[batch]`, not negative

  /// Called by `attend` before any work. @throws shape_error if a batch item has no length
  constexpr void check(std::size_t batch) const {
    if (values.size() < batch) detail::raise_shape("lengths", "values", batch, values.size());
  }

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t, std::size_t, std::size_t k0,
                                             std::size_t k1) const noexcept {
    const std::size_t length = of(c.batch);
    if (k1 <= length) return tile::full;
    return k0 < length ? tile::partial : tile::skip;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T, T k) const noexcept {
    return k < detail::batch_value<T>(of(c.batch));
  }

 private:
  HEDDLE_HOST_DEVICE constexpr std::size_t of(std::size_t batch) const noexcept {
    const std::int32_t n = values.data()[batch];
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
};

}  // namespace heddle::inline v0
