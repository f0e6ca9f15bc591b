/// @file
/// Attention with linear biases.
#pragma once

#include <array>
#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/extents.hpp"
#include "../../core/math.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"
#include "../mask/causal.hpp"

namespace heddle::inline v0 {

namespace detail {

/// `2^(-8 / heads)` for a power of two: the square root of `2^-8`, as often as it takes.
constexpr double alibi_ratio(std::size_t heads) noexcept {
  double x = 1.0 / 256.0;
  for (; heads > 1; heads /= 2) {
    double root = 1.0;  // Newton from above
    for (int i = 0; i < 40; ++i) root = 0.5 * (root + x / root);
    x = root;
  }
  return x;
}

template <alignment Align, class Context, class T>
HEDDLE_HOST_DEVICE constexpr T alibi_score(const Context& c, float slope, T score, T q, T k) noexcept {
  using math::abs;
  T distance = q - k;
  if constexpr (Align == alignment::bottom_right)
    distance = distance + batch_traits<T>::broadcast(
                              static_cast<float>(static_cast<std::ptrdiff_t>(c.keys) - static_cast<std::ptrdiff_t>(c.queries)));
  return score - batch_traits<T>::broadcast(slope) * abs(distance);
}

}  // namespace detail

/// Writes the slopes of `heads` heads: `2^(-8 i / heads)`, i = 1, 2, ..., where `heads` is a power of two; else those of the
/// power m below, then every other slope of 2 m (Press et al. 2022, section 3 and the authors' code).
constexpr void alibi_slopes(std::size_t heads, float* out) noexcept {
  std::size_t power = 1;
  while (2 * power <= heads) power *= 2;
  const auto geometric = [](double ratio, double first, std::size_t count, float* to) {
    for (std::size_t i = 0; i < count; ++i, first *= ratio) to[i] = static_cast<float>(first);
  };
  const double ratio = detail::alibi_ratio(power);
  geometric(ratio, ratio, heads < power ? heads : power, out);
  if (heads > power) geometric(ratio, detail::alibi_ratio(2 * power), heads - power, out + power);
}

/// `score - slope[head] |q - k|` (ALiBi, Press et al. 2022). `alibi<8>{}` knows the slopes of eight heads; `alibi<>` is given
/// them, filled by `alibi_slopes`. With `alignment::bottom_right` the last query is level with the last key, as in a decoding
/// step.
/// @throws shape_error (from `attend`) if the number of heads differs
template <std::size_t Heads = dyn, alignment Align = alignment::top_left>
struct alibi {
  using policy_category = score_mod_tag;
  static_assert(Heads > 0, "heddle::alibi: the number of heads must be positive");

  std::array<float, Heads> slopes = [] {
    std::array<float, Heads> s{};
    alibi_slopes(Heads, s.data());
    return s;
  }();

  constexpr void check(const attend_call& call) const { require_extent("alibi", "heads", call.heads, Heads); }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(const Context& c, T score, T q, T k) const noexcept {
    return detail::alibi_score<Align>(c, slopes[c.head], score, q, k);
  }
};

/// Slopes for a number of heads that is known at run time.
template <alignment Align>
struct alibi<dyn, Align> {
  using policy_category = score_mod_tag;

  const float* slopes = nullptr;  ///< `[heads]`
  std::size_t heads = 0;

  constexpr void check(const attend_call& call) const {
    if (slopes == nullptr) detail::raise<weight_error>("alibi: the slopes are not set");
    require_extent("alibi", "heads", call.heads, heads);
  }

  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(const Context& c, T score, T q, T k) const noexcept {
    return detail::alibi_score<Align>(c, slopes[c.head], score, q, k);
  }
};

}  // namespace heddle::inline v0
