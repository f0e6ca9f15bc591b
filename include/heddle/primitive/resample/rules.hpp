/// @file
/// Rules of `resize`: how an output position becomes weighted inputs along one axis. Output `k` of `o`, input length `n`,
/// `step = n / o` (or the inverse of a given factor); pixel centres at integers.
///
/// A rule is a type with
/// @code
/// static std::size_t max_taps(const resize_axis&);                           // upper bound of a run's length
/// template <class W> static void taps(const resize_axis&, std::size_t k, tap_run<W>&);
/// @endcode
/// `taps` is marked `HEDDLE_HOST_DEVICE` if devices shall use the rule.
#pragma once

#include <cstddef>

#include "../../core/math.hpp"
#include "axis.hpp"

namespace heddle::inline v0::resize_rule {

namespace detail {

/// Cubic convolution kernel (Keys 1981) for `a = Numerator / 100`.
template <int Numerator>
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr double cubic(double u) noexcept {
  constexpr double a = Numerator / 100.0;
  u = u < 0 ? -u : u;
  if (u <= 1) return math::product(math::product(math::product(a + 2, u) - (a + 3), u), u) + 1;
  if (u < 2) return math::product(math::product(math::product(a, u) - 5 * a, u) + 8 * a, u) - 4 * a;
  return 0;
}

/// Source position of output `k`, before any clamping.
template <bool AlignCorners>
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr double position(const resize_axis& axis, std::size_t k) noexcept {
  if constexpr (AlignCorners) {
    if (axis.outputs == 1) return 0;
    return static_cast<double>(k) * static_cast<double>(axis.inputs - 1) / static_cast<double>(axis.outputs - 1);
  } else {
    return math::product(static_cast<double>(k) + 0.5, axis.step) - 0.5;
  }
}

/// An index clamped to `[0, n - 1]`.
HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr std::size_t clamped(double index, std::size_t n) noexcept {
  if (!(index > 0)) return 0;
  return index >= static_cast<double>(n) ? n - 1 : static_cast<std::size_t>(index);
}

}  // namespace detail

/// Input `floor(k n / o)`; by factor `floor(k / factor)`.
struct nearest {
  static constexpr std::size_t max_taps(const resize_axis&) noexcept { return 1; }
  template <class W>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(const resize_axis& axis, std::size_t k, tap_run<W>& run) noexcept {
    const std::size_t source = axis.by_factor ? detail::clamped(math::floor(static_cast<double>(k) * axis.step), axis.inputs)
                                              : k * axis.inputs / axis.outputs;
    run.add(source, 1.0);
  }
};

/// Input `floor((k + 1/2) n / o)`: the pixel under the output's centre.
struct nearest_exact {
  static constexpr std::size_t max_taps(const resize_axis&) noexcept { return 1; }
  template <class W>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(const resize_axis& axis, std::size_t k, tap_run<W>& run) noexcept {
    const std::size_t source = axis.by_factor
                                   ? detail::clamped(math::floor((static_cast<double>(k) + 0.5) * axis.step), axis.inputs)
                                   : (2 * k + 1) * axis.inputs / (2 * axis.outputs);
    run.add(source, 1.0);
  }
};

/// Mean of the inputs in `[floor(k n / o), ceil((k + 1) n / o))`; a factor changes only the output length.
struct area {
  static constexpr std::size_t max_taps(const resize_axis& axis) noexcept { return axis.inputs / axis.outputs + 2; }
  template <class W>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(const resize_axis& axis, std::size_t k, tap_run<W>& run) noexcept {
    const std::size_t first = k * axis.inputs / axis.outputs;
    const std::size_t end = ((k + 1) * axis.inputs + axis.outputs - 1) / axis.outputs;
    for (std::size_t i = first; i < end; ++i) run.add(i, 1.0 / static_cast<double>(end - first));
  }
};

/// Linear interpolation between two neighbours; positions are clamped to the map.
template <bool AlignCorners = false>
struct bilinear {
  static constexpr std::size_t max_taps(const resize_axis&) noexcept { return 2; }
  template <class W>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(const resize_axis& axis, std::size_t k, tap_run<W>& run) noexcept {
    const double t = math::max(detail::position<AlignCorners>(axis, k), 0.0);
    const double low = math::floor(t);
    const double fraction = t - low;
    run.add(detail::clamped(low, axis.inputs), 1.0 - fraction);
    run.add(detail::clamped(low + 1, axis.inputs), fraction);
  }
};

/// Cubic convolution with `a = -0.75` over four neighbours, indices clamped to the map.
template <bool AlignCorners = false>
struct bicubic {
  static constexpr std::size_t max_taps(const resize_axis&) noexcept { return 4; }
  template <class W>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(const resize_axis& axis, std::size_t k, tap_run<W>& run) noexcept {
    const double t = detail::position<AlignCorners>(axis, k);
    const double low = math::floor(t);
    for (int i = -1; i <= 2; ++i) run.add(detail::clamped(low + i, axis.inputs), detail::cubic<-75>(t - low - i));
  }
};

/// Kernels of `antialiased`.
struct triangle {
  static constexpr double support = 1.0;
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr double at(double u) noexcept {
    return math::max(0.0, 1.0 - (u < 0 ? -u : u));
  }
};
/// Cubic convolution with `a = -0.5`.
struct catmull_rom {
  static constexpr double support = 2.0;
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr double at(double u) noexcept { return detail::cubic<-50>(u); }
};

/// `Kernel` widened to the step when shrinking, so that every input counts; weights outside the map are left out and the
/// rest normalised to one.
template <class Kernel>
struct antialiased {
  static constexpr std::size_t max_taps(const resize_axis& axis) noexcept {
    return static_cast<std::size_t>(2.0 * Kernel::support * math::max(axis.step, 1.0)) + 3;
  }
  template <class W>
  static HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE void taps(const resize_axis& axis, std::size_t k, tap_run<W>& run) noexcept {
    const double scale = math::max(axis.step, 1.0);
    const double centre = (static_cast<double>(k) + 0.5) * axis.step;
    const double reach = Kernel::support * scale;
    const auto first = static_cast<std::size_t>(math::max(centre - reach + 0.5, 0.0));
    const auto end = math::min(static_cast<std::size_t>(math::max(centre + reach + 0.5, 0.0)), axis.inputs);
    double sum = 0;
    for (std::size_t j = first; j < end; ++j) {
      const double weight = Kernel::at((static_cast<double>(j) - centre + 0.5) / scale);
      sum += weight;
      run.add(j, weight);
    }
    if (sum != 0) run.scale(1.0 / sum);
  }
};

/// Antialiased linear interpolation.
using bilinear_antialiased = antialiased<triangle>;
/// Antialiased cubic interpolation.
using bicubic_antialiased = antialiased<catmull_rom>;

}  // namespace heddle::inline v0::resize_rule
