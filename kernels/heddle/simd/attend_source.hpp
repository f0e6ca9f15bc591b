/// @file
/// The rows of one head, by position in the group.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <heddle/simd/attend_widen.hpp>

namespace heddle::inline v0::detail {

/// The tokens of positions `[first, ...)` of a group: `tokens[i - first]`, negative for padding. Null `tokens`: position
/// i is token i.
struct token_range {
  const std::int32_t* tokens = nullptr;
  std::size_t first = 0;

  HEDDLE_ALWAYS_INLINE bool present(std::size_t i) const noexcept { return tokens == nullptr || tokens[i - first] >= 0; }
  HEDDLE_ALWAYS_INLINE std::size_t token(std::size_t i) const noexcept {
    return tokens == nullptr ? i : static_cast<std::size_t>(tokens[i - first]);
  }
};

/// Rows of one head in memory: position i lies in the row of its token, or in row i where the rows are `local`.
template <class Rows>
struct head_source {
  using value_type = std::remove_cvref_t<decltype(*std::declval<const Rows&>().row(0, 0, 0))>;

  Rows rows;
  std::size_t batch = 0;
  std::size_t head = 0;
  token_range tokens{};
  bool local = false;

  HEDDLE_ALWAYS_INLINE bool present(std::size_t i) const noexcept { return tokens.present(i); }
  HEDDLE_ALWAYS_INLINE const value_type* row(std::size_t i, std::size_t /*slot*/ = 0) const noexcept {
    return rows.row(batch, head, local ? i : tokens.token(i));
  }
};

/// The same after `change(float* row, token)`, which works on a copy: one of V slots of `stage`.
template <class Isa, class Rows, class Change>
struct changed_source : head_source<Rows> {
  using value_type = float;

  const Change& change;
  float* stage;  ///< `[V, pitch]`
  std::size_t pitch;
  std::size_t head_dim;

  changed_source(const head_source<Rows>& source, const Change& c, float* copies, std::size_t copy_pitch, std::size_t dim)
      : head_source<Rows>(source), change(c), stage(copies), pitch(copy_pitch), head_dim(dim) {}

  const float* row(std::size_t i, std::size_t slot = 0) const {
    const auto* from = head_source<Rows>::row(i);
    float* copy = stage + slot * pitch;
    for (std::size_t d = 0; d < head_dim; d += vec<Isa>::size) load_part<Isa>(from, d, head_dim).store(copy + d);
    change(copy, this->tokens.token(i));
    return copy;
  }
};

}  // namespace heddle::inline v0::detail
