/// @file
/// The mask of shifted windows (Swin, Liu et al. 2021, section 3.2).
#pragma once

#include "../../core/math.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"
#include "../partition/strided_groups.hpp"

namespace heddle::inline v0 {

/// Tokens that share a window only because the grid was rolled do not see each other, along rows, columns and frames. Acts
/// in the last windows along each axis; all others are `tile::full`, so that an unshifted window costs nothing.
///
/// Where a model was trained with -100 instead of -inf, `region_penalty` is its exact counterpart.
struct same_region {
  using policy_category = mask_tag;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    const auto split = c.map->split(c.group);
    const auto sides = c.map->window();
    if (split.y == sides.height && split.x == sides.width && split.t == sides.depth) return tile::full;
    const unsigned of_queries = regions(split, sides, q0, q1);
    const unsigned of_keys = regions(split, sides, k0, k1);
    if ((of_queries & of_keys) == 0) return tile::skip;
    const bool one = (of_queries & (of_queries - 1)) == 0;
    return one && of_queries == of_keys ? tile::full : tile::partial;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return label(c, q) == label(c, k);
  }

  /// The region of a position, 0 to 7: behind the vertical split, behind the horizontal one, behind that in time.
  template <class Context, class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr T label(const Context& c, T position) const noexcept {
    using math::select;
    const auto split = c.map->split(c.group);
    const auto sides = c.map->window();
    const T zero = batch_traits<T>::broadcast(0.0F);
    const T row = detail::row_of(position, sides.width);
    const T column = position - row * detail::batch_value<T>(sides.width);
    const T frame = detail::row_of(row, sides.height);
    const T line = row - frame * detail::batch_value<T>(sides.height);
    const T right = select(column >= detail::batch_value<T>(split.x), batch_traits<T>::broadcast(1.0F), zero);
    const T lower = select(line >= detail::batch_value<T>(split.y), batch_traits<T>::broadcast(2.0F), zero);
    const T later = select(frame >= detail::batch_value<T>(split.t), batch_traits<T>::broadcast(4.0F), zero);
    return right + lower + later;
  }

 private:
  /// The regions that positions `[begin, end)` lie in, a bit for each: row by row.
  HEDDLE_HOST_DEVICE static constexpr unsigned regions(const region_split& split, const window_extents& sides,
                                                       std::size_t begin, std::size_t end) noexcept {
    constexpr unsigned everywhere = 0xffU;
    unsigned found = 0;
    while (begin < end && found != everywhere) {
      const std::size_t row = begin / sides.width;
      const std::size_t left = begin % sides.width;
      const std::size_t right = end - row * sides.width < sides.width ? end - row * sides.width : sides.width;
      const unsigned columns = (left < split.x ? 1U : 0U) | (right > split.x ? 2U : 0U);
      const unsigned lower = row % sides.height >= split.y ? 2U : 0U;
      const unsigned later = row / sides.height >= split.t ? 4U : 0U;
      found |= columns << (lower + later);
      begin = (row + 1) * sides.width;
    }
    return found;
  }
};

}  // namespace heddle::inline v0
