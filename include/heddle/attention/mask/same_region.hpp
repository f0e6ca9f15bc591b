/// @file
/// The mask of shifted windows (Swin, Liu et al. 2021, section 3.2).
#pragma once

#include "../../core/math.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// Tokens that share a window only because the grid was rolled do not see each other. Acts in the last row and column
/// of windows; all others are `tile::full`, so that an unshifted window costs nothing.
struct same_region {
  using policy_category = mask_tag;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    const auto split = c.map->split(c.group);
    const auto sides = c.map->window();
    const std::size_t border = split.y * sides.width;   // first position of the lower region
    if ((q1 <= border && k0 >= border) || (k1 <= border && q0 >= border)) return tile::skip;
    const bool one_row = (q1 <= border && k1 <= border) || (q0 >= border && k0 >= border);
    return one_row && split.x == sides.width ? tile::full : tile::partial;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return region(c, q) == region(c, k);
  }

 private:
  /// 0 to 3: behind the vertical split, behind the horizontal one.
  template <class Context, class T>
  HEDDLE_HOST_DEVICE static constexpr T region(const Context& c, T position) noexcept {
    using math::select;
    const auto split = c.map->split(c.group);
    const std::size_t width = c.map->window().width;
    const T zero = batch_traits<T>::broadcast(0.0F);
    const T column = position - detail::row_of(position, width) * detail::batch_value<T>(width);
    const T lower = select(position >= detail::batch_value<T>(split.y * width), batch_traits<T>::broadcast(2.0F), zero);
    const T right = select(column >= detail::batch_value<T>(split.x), batch_traits<T>::broadcast(1.0F), zero);
    return lower + right;
  }
};

}  // namespace heddle::inline v0
