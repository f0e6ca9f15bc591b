/// @file
/// Scores that cannot grow beyond a bound.
#pragma once

#include <cstddef>

#include "../../core/error.hpp"
#include "../../core/math.hpp"
#include "../batch.hpp"
#include "../category.hpp"
#include "../context.hpp"

namespace heddle::inline v0 {

/// `cap tanh(score / cap)`: between `-cap` and `cap`, the score itself near 0 (Gemma 2, 2024, section 2; cap 50 there).
/// @throws shape_error (from `attend`) for a cap that is not positive
struct soft_cap {
  using policy_category = score_mod_tag;
  float cap = 50.0F;

  constexpr void check(const attend_call&) const {
    if (!(cap > 0.0F)) detail::raise<shape_error>("soft_cap: the cap must be positive");
  }

  template <class T>
  HEDDLE_HOST_DEVICE constexpr T operator()(T score, std::size_t /*head*/, T, T) const noexcept {
    using math::tanh;
    return batch_traits<T>::broadcast(cap) * tanh(score * batch_traits<T>::broadcast(1.0F / cap));
  }
};

}  // namespace heddle::inline v0
