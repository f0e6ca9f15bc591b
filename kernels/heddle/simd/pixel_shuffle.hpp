/// @file
/// `pixel_shuffle` and `pixel_unshuffle` row by row; the factor is a constant, so the inner loops are unrolled.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/pixel_shuffle.hpp>

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::pixel_shuffle, simd_backend<Isa, Executor>> {
  template <std::size_t R>
  static void shuffle(context<simd_backend<Isa, Executor>> ctx, const map_view<const float>& x, const map_view<float>& y) {
    rows<R>(ctx, x.extents(), y.extent(3), [&](const std::size_t coarse, const std::size_t fine) {
      move<R>(x.data_handle() + coarse, y.data_handle() + fine, x.extent(2), y.extent(3),
              [](const float& from, float& to) { to = from; });
    });
  }

  template <std::size_t R>
  static void unshuffle(context<simd_backend<Isa, Executor>> ctx, const map_view<const float>& x, const map_view<float>& y) {
    rows<R>(ctx, y.extents(), x.extent(3), [&](const std::size_t coarse, const std::size_t fine) {
      move<R>(y.data_handle() + coarse, x.data_handle() + fine, y.extent(2), x.extent(3),
              [](float& to, const float& from) { to = from; });
    });
  }

 private:
  /// `f(offset in the coarse map, offset in the fine map)` for every row of the fine map; the coarse offset includes the
  /// row's place among the `R * R` channels.
  template <std::size_t R, class F>
  static void rows(context<simd_backend<Isa, Executor>>& ctx, const dynamic_extents<4>& coarse, std::size_t channels, F f) {
    const std::size_t row = coarse.extent(2) * coarse.extent(3);
    ctx.backend.parallel_for(coarse.extent(0) * coarse.extent(1) * R, [&](std::size_t i, std::size_t) {
      f(i / R * row + i % R * R, i * coarse.extent(2) * R * channels);
    });
  }

  template <std::size_t R, class Coarse, class Fine, class Copy>
  static HEDDLE_ALWAYS_INLINE void move(Coarse* coarse, Fine* fine, std::size_t width, std::size_t channels, Copy copy) {
    for (std::size_t j = 0; j < width; ++j, coarse += channels * R * R, fine += channels * R)
      for (std::size_t q = 0; q < R; ++q)
        for (std::size_t c = 0; c < channels; ++c) copy(coarse[c * R * R + q], fine[q * channels + c]);
  }
};

}  // namespace heddle::inline v0
