/// @file
/// What hooks need to know about the number type they run on: one float, or a vector of them in a kernel.
#pragma once

#include <concepts>
#include <cstddef>

#include "../config.hpp"

namespace heddle::inline v0 {

/// How a kernel's number type `T` is filled and asked. A vector kernel specialises it for its vector type; hooks are
/// written once, for any `T` with arithmetic, comparisons and a constructor from `float`.
///
/// @code
/// using mask;                        // what a comparison gives
/// static constexpr std::size_t width;
/// static T broadcast(float);         // the same in every lane
/// static T positions(float first);   // first, first + 1, ...
/// static T from_lanes(f);            // lane i is f(i), a float
/// static mask mask_from_lanes(f);    // lane i is f(i), a bool
/// static float lane(T, i);
/// @endcode
template <class T>
struct batch_traits;

template <>
struct batch_traits<float> {
  using mask = bool;
  static constexpr std::size_t width = 1;
  HEDDLE_HOST_DEVICE static constexpr float broadcast(float x) noexcept { return x; }
  HEDDLE_HOST_DEVICE static constexpr float positions(float first) noexcept { return first; }
  template <class F>
  HEDDLE_HOST_DEVICE static constexpr float from_lanes(F&& f) {
    return f(std::size_t{0});
  }
  template <class F>
  HEDDLE_HOST_DEVICE static constexpr bool mask_from_lanes(F&& f) {
    return f(std::size_t{0});
  }
  HEDDLE_HOST_DEVICE static constexpr float lane(float x, std::size_t) noexcept { return x; }
};

namespace detail {

/// A number type that nothing converts to or from: what can be called with it is generic in its number type.
struct probe {
  struct truth {
    HEDDLE_HOST_DEVICE friend truth operator&(truth, truth);
    HEDDLE_HOST_DEVICE friend truth operator|(truth, truth);
    HEDDLE_HOST_DEVICE friend truth operator&&(truth, truth);
    HEDDLE_HOST_DEVICE friend truth operator||(truth, truth);
    HEDDLE_HOST_DEVICE friend truth operator!(truth);
  };
  probe() = default;
  HEDDLE_HOST_DEVICE probe(float);
  HEDDLE_HOST_DEVICE friend probe operator+(probe, probe);
  HEDDLE_HOST_DEVICE friend probe operator-(probe, probe);
  HEDDLE_HOST_DEVICE friend probe operator*(probe, probe);
  HEDDLE_HOST_DEVICE friend probe operator/(probe, probe);
  HEDDLE_HOST_DEVICE friend probe operator-(probe);
  HEDDLE_HOST_DEVICE friend truth operator<(probe, probe);
  HEDDLE_HOST_DEVICE friend truth operator<=(probe, probe);
  HEDDLE_HOST_DEVICE friend truth operator>(probe, probe);
  HEDDLE_HOST_DEVICE friend truth operator>=(probe, probe);
  HEDDLE_HOST_DEVICE friend truth operator==(probe, probe);
  HEDDLE_HOST_DEVICE friend truth operator!=(probe, probe);
};

/// Becomes any whole number type that a parameter asks for, and no other type.
struct as_index {
  std::size_t value;
  template <std::integral T>
  HEDDLE_HOST_DEVICE constexpr operator T() const noexcept {
    return static_cast<T>(value);
  }
};

}  // namespace detail

template <>
struct batch_traits<detail::probe> {
  using mask = detail::probe::truth;
  HEDDLE_HOST_DEVICE static detail::probe broadcast(float);
  HEDDLE_HOST_DEVICE static detail::probe positions(float);
};

namespace detail {

/// A whole number in every lane.
template <class T>
HEDDLE_HOST_DEVICE constexpr T batch_value(std::size_t n) noexcept {
  return batch_traits<T>::broadcast(static_cast<float>(n));
}

/// 1.5 * 2^23: adding and subtracting it rounds a float below 2^22 to the nearest whole number, lane by lane.
inline constexpr float rounding_bias = 12582912.0F;

/// `floor(position / length)` for whole `position` and `length` below 2^20, without an integer division: the quotient of
/// `position + 1/2` is at least `1 / (2 length)` away from every whole number.
template <class T>
HEDDLE_HOST_DEVICE constexpr T row_of(T position, std::size_t length) noexcept {
  const T inverse = batch_traits<T>::broadcast(1.0F / static_cast<float>(length));
  const T half = batch_traits<T>::broadcast(0.5F);
  const T bias = batch_traits<T>::broadcast(rounding_bias);
  const T centred = (position + half) * inverse - half;
  return (centred + bias) - bias;
}

}  // namespace detail
}  // namespace heddle::inline v0
