/// @file
/// Brings the rows of one group and head into the layouts that the tiles read, through the index map.
#pragma once

#include <cstddef>

#include <heddle/core/extents.hpp>
#include <heddle/simd/attend_source.hpp>

namespace heddle::inline v0::detail {

/// Positions `[first, first + count)` as rows `[count, pitch]`, times `factor`; missing ones are zeros, like the elements
/// behind `head_dim`. Returns false if an element is infinite or NaN (asked for by `Check`).
template <class Isa, std::size_t HeadDim, bool Check, class Source>
bool pack_rows(const Source& source, std::size_t first, std::size_t count, std::size_t head_dim, float factor, float* out,
               std::size_t pitch) {
  using v = vec<Isa>;
  const std::size_t dim = HeadDim == dyn ? head_dim : HeadDim;
  const v scale(factor);
  v probe = v::zero();
  for (std::size_t i = 0; i < count; ++i, out += pitch) {
    const bool present = source.present(first + i);
    const auto* row = present ? source.row(first + i) : nullptr;
    for (std::size_t d = 0; d < dim; d += v::size) {
      const v x = present ? load_part<Isa>(row, d, dim) : v::zero();
      if constexpr (Check) probe = fma(x, v::zero(), probe);  // 0 * infinity and 0 * NaN are NaN
      (x * scale).store(out + d);
    }
  }
  if constexpr (Check) return (probe == probe).all();
  return true;
}

/// Positions `[begin, begin + count)` as panels `[panels][head_dim][V]`: lane l of panel p is position `begin + p V + l`;
/// missing ones are zeros, all times `factor`.
template <class Isa, std::size_t HeadDim, class Source>
void pack_panels(const Source& source, std::size_t begin, std::size_t count, std::size_t head_dim, float factor, float* out) {
  using v = vec<Isa>;
  const std::size_t dim = HeadDim == dyn ? head_dim : HeadDim;
  const v scale(factor);
  for (std::size_t first = 0; first < count; first += v::size, out += dim * v::size) {
    const typename Source::value_type* rows[v::size];
    bool whole = true;
    for (std::size_t i = 0; i < v::size; ++i) {
      rows[i] = first + i < count && source.present(begin + first + i) ? source.row(begin + first + i, i) : nullptr;
      whole = whole && rows[i] != nullptr;
    }
    for (std::size_t d = 0; d < dim; d += v::size) {
      v block[v::size];
      if (whole && dim - d >= v::size) {  // nothing to ask about
        HEDDLE_UNROLL
        for (std::size_t i = 0; i < v::size; ++i)
          block[i] = stored<Isa, typename Source::value_type>::load(rows[i] + d) * scale;
        transpose(block);
        HEDDLE_UNROLL
        for (std::size_t i = 0; i < v::size; ++i) block[i].store(out + (d + i) * v::size);
        continue;
      }
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < v::size; ++i)
        block[i] = rows[i] != nullptr ? load_part<Isa>(rows[i], d, dim) * scale : v::zero();
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
