/// @file
/// Lets the hooks of attention policies run on vectors.
#pragma once

#include <heddle/attention/batch.hpp>
#include <heddle/simd/math.hpp>

namespace heddle::inline v0 {

template <class Isa>
struct batch_traits<vec<Isa>> {
  using mask = vec_mask<Isa>;
  static constexpr std::size_t width = vec<Isa>::size;
  static HEDDLE_ALWAYS_INLINE vec<Isa> broadcast(float x) noexcept { return vec<Isa>(x); }
  static HEDDLE_ALWAYS_INLINE vec<Isa> positions(float first) noexcept { return vec<Isa>(first) + vec<Isa>::iota(); }

  template <class F>
  static vec<Isa> from_lanes(F&& f) {
    alignas(64) float lanes[width];
    for (std::size_t i = 0; i < width; ++i) lanes[i] = f(i);
    return vec<Isa>::load(lanes);
  }
  template <class F>
  static mask mask_from_lanes(F&& f) {
    return from_lanes([&](std::size_t i) { return f(i) ? 1.0F : 0.0F; }) > vec<Isa>(0.0F);
  }
  static float lane(vec<Isa> x, std::size_t i) noexcept {
    alignas(64) float lanes[width];
    x.store(lanes);
    return lanes[i];
  }
};

}  // namespace heddle::inline v0
