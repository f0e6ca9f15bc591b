/// @file
/// Brings the rows of one group and head into the layouts that the tiles read, through the index map.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/core/extents.hpp>
#include <heddle/simd/vec.hpp>

namespace heddle::inline v0::detail {

/// Rows of one head: position i lies at `data + row(i) * stride`, where `tokens[i]` is not negative.
struct head_rows_source {
  const float* data = nullptr;
  std::size_t stride = 0;
  const std::int32_t* tokens = nullptr;
  bool local = false;   ///< row(i) is i, not tokens[i]

  HEDDLE_ALWAYS_INLINE bool present(std::size_t i) const noexcept { return tokens[i] >= 0; }
  HEDDLE_ALWAYS_INLINE const float* row(std::size_t i, std::size_t /*slot*/ = 0) const noexcept {
    return data + (local ? i : static_cast<std::size_t>(tokens[i])) * stride;
  }
};

/// The same after a position policy, which works on a copy: one of V slots of `stage`.
template <class Position>
struct positioned_source : head_rows_source {
  const Position& position;
  float* stage;   ///< `[V, head_dim]`
  std::size_t head_dim;
  std::size_t head;

  const float* row(std::size_t i, std::size_t slot = 0) const noexcept {
    const float* from = head_rows_source::row(i);
    float* copy = stage + slot * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) copy[d] = from[d];
    position(copy, head_dim, head, static_cast<std::size_t>(tokens[i]));
    return copy;
  }
};

/// One vector of a row from element `d` on; zero behind its end.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> load_part(const float* row, std::size_t d, std::size_t dim) noexcept {
  return dim - d >= vec<Isa>::size ? vec<Isa>::load(row + d) : vec<Isa>::load_partial(row + d, dim - d);
}

/// Positions `[first, first + count)` as rows `[count, pitch]`, times `factor`; missing ones are zeros, like the elements
/// behind `head_dim`. Returns false if an element is infinite or NaN (asked for by `Check`).
template <class Isa, std::size_t HeadDim, bool Check, class Source>
bool pack_rows(const Source& source, std::size_t first, std::size_t count, std::size_t head_dim, float factor, float* out,
               std::size_t pitch) noexcept {
  using v = vec<Isa>;
  const std::size_t dim = HeadDim == dyn ? head_dim : HeadDim;
  const v scale(factor);
  v probe = v::zero();
  for (std::size_t i = 0; i < count; ++i, out += pitch) {
    const bool present = source.present(first + i);
    const float* row = present ? source.row(first + i) : nullptr;
    for (std::size_t d = 0; d < dim; d += v::size) {
      const v x = present ? load_part<Isa>(row, d, dim) : v::zero();
      if constexpr (Check) probe = fma(x, v::zero(), probe);   // 0 * infinity and 0 * NaN are NaN
      (x * scale).store(out + d);
    }
  }
  if constexpr (Check) return (probe == probe).all();
  return true;
}

/// `count` positions as panels `[panels][head_dim][V]`: lane l of panel p is position `p V + l`; missing ones are zeros,
/// all times `factor`.
template <class Isa, std::size_t HeadDim, class Source>
void pack_panels(const Source& source, std::size_t count, std::size_t head_dim, float factor, float* out) noexcept {
  using v = vec<Isa>;
  const std::size_t dim = HeadDim == dyn ? head_dim : HeadDim;
  const v scale(factor);
  for (std::size_t first = 0; first < count; first += v::size, out += dim * v::size) {
    const float* rows[v::size];
    for (std::size_t i = 0; i < v::size; ++i)
      rows[i] = first + i < count && source.present(first + i) ? source.row(first + i, i) : nullptr;
    for (std::size_t d = 0; d < dim; d += v::size) {
      v block[v::size];
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < v::size; ++i) block[i] = rows[i] != nullptr ? load_part<Isa>(rows[i], d, dim) * scale : v::zero();
      transpose(block);
      if (dim - d >= v::size) {
        HEDDLE_UNROLL
        for (std::size_t i = 0; i < v::size; ++i) block[i].store(out + (d + i) * v::size);
      } else {
        HEDDLE_UNROLL
        for (std::size_t i = 0; i < v::size; ++i)
          if (i < dim - d) block[i].store(out + (d + i) * v::size);
      }
    }
  }
}

}  // namespace heddle::inline v0::detail
