/// @file
/// A query sees a prefix, and behind it the keys up to itself.
#pragma once

#include "../../core/extents.hpp"
#include "causal.hpp"

namespace heddle::inline v0 {

namespace detail {

/// What `prefix` of `length` keys says.
template <alignment Align>
struct prefix_rule {
  template <class Context>
  HEDDLE_HOST_DEVICE static constexpr tile classify(const Context& c, std::size_t length, std::size_t q0, std::size_t q1,
                                                    std::size_t k0, std::size_t k1) noexcept {
    if (k1 <= length) return tile::full;
    if (k0 >= length) return causal<Align>{}.classify(c, q0, q1, k0, k1);
    return causal<Align>{}.classify(c, q0, q1, length, k1) == tile::full ? tile::full : tile::partial;
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE static constexpr typename batch_traits<T>::mask visible(const Context& c, std::size_t length, T q,
                                                                             T k) noexcept {
    using mask_type = typename batch_traits<T>::mask;
    const mask_type past = causal<Align>{}(c, q, k);
    return static_cast<mask_type>((k < batch_value<T>(length)) | past);
  }
};

}  // namespace detail

/// Key `k` is visible to query `q` where `k < Length` or `causal<Align>` says so: a prompt that sees itself whole, and text
/// that is written after it (prefix language models, Raffel et al. 2020, section 3.2.1). `prefix<>{length}` at run time.
template <std::size_t Length = dyn, alignment Align = alignment::top_left>
struct prefix {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    return detail::prefix_rule<Align>::classify(c, Length, q0, q1, k0, k1);
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return detail::prefix_rule<Align>::visible(c, Length, q, k);
  }
};

/// A prefix whose length is known at run time.
template <alignment Align>
struct prefix<dyn, Align> {
  using policy_category = mask_tag;
  static constexpr bool exact_tiles = true;
  std::size_t length = 0;

  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    return detail::prefix_rule<Align>::classify(c, length, q0, q1, k0, k1);
  }
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask operator()(const Context& c, T q, T k) const noexcept {
    return detail::prefix_rule<Align>::visible(c, length, q, k);
  }
};

}  // namespace heddle::inline v0
