/// @file
/// How kernels apply a position policy.
#pragma once

#include <cstddef>
#include <type_traits>

#include "../../config.hpp"
#include "none.hpp"

namespace heddle::inline v0 {

/// Whether a row is a query or a key.
enum class row_role { query, key };

namespace detail {

template <class P>
concept position_with_role = requires(const P& p, float* row, std::size_t i, row_role role) { p(row, i, i, i, role); };
template <class P>
concept position_without_role = requires(const P& p, float* row, std::size_t i) { p(row, i, i, i); };

/// A position policy that changes rows.
template <class P>
inline constexpr bool changes_rows = position_with_role<P> || position_without_role<P>;

/// A score policy that prepares rows: `void prepare(float* row, std::size_t head_dim) const`.
template <class S>
concept prepares_rows = requires(const S& s, float* row, std::size_t dim) { s.prepare(row, dim); };

/// Every query and key of the composition is changed first.
template <class Composition>
inline constexpr bool copies_rows =
    changes_rows<typename Composition::position_type> || prepares_rows<typename Composition::score_type>;

/// Applies the position and then the score policy to a copy of one row. `head` counts in the heads of its own tensor.
template <class Composition>
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void change_row(const Composition& c, float* row, std::size_t dim, std::size_t head,
                                                        std::size_t token, row_role role) {
  using position = typename Composition::position_type;
  if constexpr (position_with_role<position>) {
    c.position()(row, dim, head, token, role);
  } else if constexpr (position_without_role<position>) {
    c.position()(row, dim, head, token);
  }
  if constexpr (prepares_rows<typename Composition::score_type>) c.score().prepare(row, dim);
}

}  // namespace detail
}  // namespace heddle::inline v0
