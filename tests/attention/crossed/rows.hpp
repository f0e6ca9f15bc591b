// Which levels of which slots are composed: every pair of levels that is legal occurs in one of the rows.
#pragma once

#include <array>
#include <cstddef>

namespace heddle::test::crossed {

/// The levels of one composition. What is chosen at run time (which mask, which partition of one kind of map, ...) goes
/// through all its choices in every row.
struct row {
  std::size_t partition;   ///< global, any_partition, window<3, 4>, neighborhood<3>, gathered, window<2, 3, 4>
  std::size_t mask;        ///< full, any_mask
  std::size_t modifier;    ///< none, function, rows, relative, relative + function + rows, function + rows
  std::size_t normalizer;  ///< softmax, softmax_sink, elementwise, whole rows, decoupled in one part, in two
  std::size_t source;      ///< self, grouped, multi_query, cross, joined, ring
  std::size_t rows_of;     ///< as they are, position, cosine, both
  std::size_t observer;    ///< none, logsumexp, all that the composition may have
  std::size_t elements;    ///< f32 of dynamic head_dim, f32 of static, bf16 to bf16, bf16 to f32, f16 to f32
};

inline constexpr std::size_t factors = 8;
inline constexpr std::array<std::size_t, factors> levels{6, 2, 6, 6, 6, 4, 3, 5};

constexpr std::array<std::size_t, factors> as_array(const row& r) {
  return {r.partition, r.mask, r.modifier, r.normalizer, r.source, r.rows_of, r.observer, r.elements};
}

/// What may be composed; everything else is refused by a static_assert (tests/compile_fail).
constexpr bool legal(const row& r) {
  const bool own_keys = r.source >= 3;
  const bool relative = r.modifier == 3 || r.modifier == 4;
  if (own_keys && r.partition != 0) return false;                      // other tokens: only global
  if (relative && (own_keys || r.partition == 3)) return false;        // keys that are not the queries have no offset
  return r.observer != 1 || (r.normalizer != 2 && r.normalizer != 3);  // no exponentials, no logsumexp
}

/// Found by a greedy search; `coverage_test.cpp` checks what it claims.
inline constexpr std::array<row, 53> rows{{
    {0, 0, 0, 0, 5, 1, 1, 4}, {0, 0, 0, 2, 3, 0, 2, 3}, {0, 0, 0, 2, 4, 3, 2, 2}, {0, 0, 0, 3, 4, 3, 2, 4},
    {0, 0, 1, 1, 5, 3, 0, 2}, {0, 0, 1, 3, 3, 2, 2, 0}, {0, 0, 2, 3, 5, 0, 2, 3}, {0, 0, 2, 4, 3, 3, 1, 1},
    {0, 0, 2, 5, 4, 0, 0, 0}, {0, 0, 4, 2, 2, 2, 2, 4}, {0, 0, 5, 1, 3, 0, 1, 4}, {0, 0, 5, 1, 4, 2, 2, 1},
    {0, 0, 5, 4, 4, 1, 2, 0}, {0, 1, 0, 4, 5, 3, 1, 2}, {0, 1, 0, 5, 3, 0, 0, 1}, {0, 1, 1, 0, 4, 1, 1, 3},
    {0, 1, 1, 5, 5, 3, 2, 1}, {0, 1, 3, 4, 0, 1, 2, 0}, {0, 1, 4, 4, 1, 1, 0, 2}, {0, 1, 5, 0, 3, 1, 2, 2},
    {0, 1, 5, 2, 5, 2, 2, 0}, {1, 0, 0, 1, 2, 1, 0, 4}, {1, 0, 4, 0, 2, 0, 1, 0}, {1, 0, 5, 5, 1, 2, 2, 4},
    {1, 1, 1, 2, 2, 1, 0, 1}, {1, 1, 2, 4, 0, 2, 0, 3}, {1, 1, 3, 3, 1, 3, 2, 2}, {2, 0, 2, 0, 2, 3, 0, 1},
    {2, 0, 4, 5, 1, 1, 2, 0}, {2, 0, 5, 2, 0, 3, 0, 3}, {2, 1, 0, 4, 2, 2, 0, 2}, {2, 1, 1, 4, 0, 3, 2, 1},
    {2, 1, 3, 1, 0, 0, 1, 4}, {2, 1, 4, 3, 1, 3, 2, 0}, {3, 0, 0, 5, 0, 1, 1, 2}, {3, 0, 2, 1, 1, 3, 0, 0},
    {3, 0, 5, 3, 2, 1, 0, 4}, {3, 1, 0, 2, 1, 0, 0, 3}, {3, 1, 1, 0, 2, 2, 2, 1}, {3, 1, 1, 4, 1, 0, 0, 0},
    {4, 0, 1, 4, 1, 2, 1, 4}, {4, 0, 2, 2, 2, 0, 0, 2}, {4, 1, 0, 1, 1, 3, 2, 0}, {4, 1, 3, 5, 2, 3, 2, 3},
    {4, 1, 4, 0, 0, 1, 0, 1}, {4, 1, 5, 3, 1, 2, 0, 1}, {5, 0, 0, 5, 1, 0, 0, 1}, {5, 0, 1, 3, 0, 0, 2, 1},
    {5, 0, 3, 0, 1, 2, 0, 1}, {5, 0, 4, 1, 0, 3, 0, 3}, {5, 0, 5, 4, 0, 0, 1, 2}, {5, 1, 2, 1, 2, 1, 2, 4},
    {5, 1, 3, 2, 1, 3, 2, 0},
}};

}  // namespace heddle::test::crossed
