/// @file
/// A query sees the keys near it.
#pragma once

#include "../../core/extents.hpp"
#include "causal.hpp"

namespace heddle::inline v0 {

/// Where the keys of a sliding window lie.
enum class band_side {
  past,  ///< the last `reach` keys, the one level with the query included
  both   ///< `reach` keys before and `reach` keys behind the one level with the query
};

namespace detail {

/// A band of the matrix of queries and keys: query `q` sees keys `level(q) - before` to `level(q) + after`.
template <alignment Align>
struct band_rule {
  std::ptrdiff_t before;
  std::ptrdiff_t after;

  HEDDLE_HOST_DEVICE constexpr band_rule(band_side side, std::size_t reach) noexcept
      : before(static_cast<std::ptrdiff_t>(reach) - (side == band_side::past ? 1 : 0)),
        after(side == band_side::past ? 0 : static_cast<std::ptrdiff_t>(reach)) {}

  /// How much later than its query a key is counted.
  template <class Context>
  HEDDLE_HOST_DEVICE static constexpr std::ptrdiff_t lead(const Context& c) noexcept {
    return Align == alignment::bottom_right ? static_cast<std::ptrdiff_t>(c.keys) - static_cast<std::ptrdiff_t>(c.queries) : 0;
  }

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    if (before < 0) return tile::skip;
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(q0) + lead(c);
    const std::ptrdiff_t last = static_cast<std::ptrdiff_t>(q1) - 1 + lead(c);
    const std::ptrdiff_t low = static_cast<std::ptrdiff_t>(k0);
    const std::ptrdiff_t high = static_cast<std::ptrdiff_t>(k1) - 1;
    if (low > last + after || high < first - before) return tile::skip;
    return high <= first + after && low >= last - before ? tile::full : tile::partial;
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask visible(const Context& c, T q, T k) const noexcept {
    using mask_type = typename batch_traits<T>::mask;
    const T distance = k - q;  // from lead - before to lead + after
    const T low = batch_traits<T>::broadcast(static_cast<float>(lead(c) - before));
    const T high = batch_traits<T>::broadcast(static_cast<float>(lead(c) + after));
    return static_cast<mask_type>((distance >= low) & (distance <= high));
  }
};

}  // namespace detail

/// A band along the diagonal: `q - Reach < k <= q` (`band_side::past`; Mistral, Jiang et al. 2023, section 2) or
/// `|q - k| <= Reach` (`band_side::both`; Longformer, Beltagy et al. 2020, with a window of `2 Reach + 1`). With
/// `alignment::bottom_right` the last query is level with the last key. `sliding<>{reach}` at run time.
///
/// What lies outside the band is never computed: the cost is linear in the length.
template <std::size_t Reach = dyn, band_side Side = band_side::past, alignment Align = alignment::top_left>
struct sliding {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  static_assert(Reach > 0, "heddle::sliding: the reach must be positive");

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    return detail::band_rule<Align>(Side, Reach).classify(c, q0, q1, k0, k1);
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return detail::band_rule<Align>(Side, Reach).visible(c, q, k);
  }
};

/// A band whose reach is known at run time; 0 with `band_side::past`: nobody sees anybody.
template <band_side Side, alignment Align>
struct sliding<dyn, Side, Align> {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  std::size_t reach = 0;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    return detail::band_rule<Align>(Side, reach).classify(c, q0, q1, k0, k1);
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return detail::band_rule<Align>(Side, reach).visible(c, q, k);
  }
};

}  // namespace heddle::inline v0
