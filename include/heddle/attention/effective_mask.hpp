/// @file
/// The mask that kernels ask: that of the mask slot, and what the index map and the normalizer hide by themselves.
#pragma once

#include <cstddef>
#include <type_traits>

#include "attention.hpp"

namespace heddle::inline v0::detail {

/// A policy of another slot that hides pairs: `tile classify(context, q0, q1, k0, k1)` and
/// `template <class Context, class T> mask visible(context, q, k)`.
template <class P, class Context>
concept hides_pairs = requires(const P& p, const Context& c, std::size_t i, float t) {
  { p.classify(c, i, i, i, i) } -> std::same_as<tile>;
  { p.visible(c, t, t) } -> std::convertible_to<bool>;
};

/// A mask by which a query sees the keys that have its label: `template <class Context, class T> T label(context, position)`.
/// Labels are made once for every position, not for every pair.
template <class M, class Context>
concept labels_positions = requires(const M& m, const Context& c, float position) {
  { m.label(c, position) } -> std::same_as<float>;
};

/// Visible is what all of them call visible. Empty and free where there is nothing to ask (`masked` is false).
template <class Composition>
class effective_mask {
 public:
  using map_type = typename Composition::map_type;
  using context_type = group_context<map_type>;
  using normalizer_type = typename Composition::normalizer_type;

  static constexpr bool by_slot = !std::is_same_v<typename Composition::mask_type, full>;
  static constexpr bool by_map = hides_pairs<map_type, context_type>;
  static constexpr bool by_normalizer = hides_pairs<normalizer_type, context_type>;
  static constexpr bool masked = by_slot || by_map || by_normalizer;

  /// `label` says it all.
  static constexpr bool labelled =
      by_slot && !by_map && !by_normalizer && labels_positions<typename Composition::mask_type, context_type>;

  HEDDLE_HOST_DEVICE constexpr explicit effective_mask(const Composition& c) noexcept : composition_(&c) {}

  HEDDLE_HOST_DEVICE constexpr tile classify(const context_type& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const {
    tile t = tile::full;
    if constexpr (by_map) t = c.map->classify(c, q0, q1, k0, k1);
    if constexpr (by_normalizer) {
      if (t != tile::skip) t = both(t, composition_->normalizer().classify(c, q0, q1, k0, k1));
    }
    if constexpr (by_slot) {
      if (t != tile::skip) t = both(t, detail::classify(composition_->mask(), c, q0, q1, k0, k1));
    }
    return t;
  }

  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr T label(const context_type& c, T position) const
    requires labelled
  {
    return composition_->mask().label(c, position);
  }

  /// Whether query `q` sees key `k`, lane by lane.
  template <class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const context_type& c, T q, T k) const {
    using mask_type = typename batch_traits<T>::mask;
    if constexpr (by_slot && !by_map && !by_normalizer) {
      return visible<T>(composition_->mask(), c, q, k);
    } else {
      mask_type m = static_cast<mask_type>(q == q);
      if constexpr (by_map) m = static_cast<mask_type>(m && c.map->visible(c, q, k));
      if constexpr (by_normalizer) m = static_cast<mask_type>(m && composition_->normalizer().visible(c, q, k));
      if constexpr (by_slot) m = static_cast<mask_type>(m && visible<T>(composition_->mask(), c, q, k));
      return m;
    }
  }

 private:
  const Composition* composition_;
};

}  // namespace heddle::inline v0::detail
