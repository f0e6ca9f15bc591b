/// @file
/// What every separable resampling says about one axis: which neighbouring inputs an output reads, and with which weights.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"

namespace heddle::inline v0 {

/// The weights of a run of neighbouring inputs, written into memory of the caller. Taps that fall on the same input (at an
/// edge, where indices are clamped) are added up, so a run is as long as the inputs it spans.
template <class Weight>
class tap_run {
  Weight* weights_ = nullptr;
  std::size_t first_ = 0;
  std::size_t count_ = 0;

 public:
  constexpr tap_run() noexcept = default;
  /// Writes to `weights`, which must hold the rule's `max_taps`.
  HEDDLE_HOST_DEVICE constexpr explicit tap_run(Weight* weights) noexcept : weights_(weights) {}

  /// Adds a tap. No index may be smaller than the first one added.
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr void add(std::size_t index, double weight) noexcept {
    if (count_ == 0) first_ = index;
    HEDDLE_ASSERT(index >= first_, "tap_run: taps must start with the smallest index");
    const std::size_t at = index - first_;
    while (count_ <= at) weights_[count_++] = Weight{};
    weights_[at] += static_cast<Weight>(weight);
  }

  /// Multiplies all weights by `factor`.
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr void scale(double factor) noexcept {
    for (std::size_t i = 0; i < count_; ++i) weights_[i] = static_cast<Weight>(weights_[i] * factor);
  }

  HEDDLE_HOST_DEVICE constexpr std::size_t first() const noexcept { return first_; }
  HEDDLE_HOST_DEVICE constexpr std::size_t count() const noexcept { return count_; }
  HEDDLE_HOST_DEVICE constexpr std::size_t end() const noexcept { return first_ + count_; }
  HEDDLE_HOST_DEVICE constexpr Weight operator[](std::size_t i) const noexcept { return weights_[i]; }
};

/// One axis of a resize: its two lengths, and how many inputs one output steps over.
struct resize_axis {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  double step = 1.0;       ///< inputs per output
  bool by_factor = false;  ///< `step` is the inverse of a given factor, not `inputs / outputs`

  /// An axis whose output length is given.
  static constexpr resize_axis to_length(std::size_t inputs, std::size_t outputs) noexcept {
    return {inputs, outputs, static_cast<double>(inputs) / static_cast<double>(outputs), false};
  }
  /// An axis whose factor is given: `outputs = floor(inputs * factor)`, and the factor itself enters the positions.
  static constexpr resize_axis by(std::size_t inputs, double factor) noexcept {
    return {inputs, static_cast<std::size_t>(static_cast<double>(inputs) * factor), 1.0 / factor, true};
  }
};

}  // namespace heddle::inline v0
