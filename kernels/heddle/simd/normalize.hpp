/// @file
/// `normalize` on vectors: mean and variance in two passes over a row that stays in the first-level cache.
#pragma once

#include <heddle/primitive/normalize.hpp>

#include <cmath>

#include "map.hpp"

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::normalize, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;

  static void layer(context<backend_type> ctx, matrix_view<const float> x, std::span<const float> scale,
                    std::span<const float> shift, float epsilon, matrix_view<float> y) {
    const std::size_t channels = x.extent(1);
    const float per_channel = 1.0f / static_cast<float>(channels);
    detail::for_row_ranges(ctx.backend, x.extent(0), [&](std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const float* const from = x.data_handle() + r * x.stride(0);
        const float mean = sum_of(from, channels, [](v a, std::size_t) { return a; }) * per_channel;
        const v m(mean);
        const float variance = sum_of(from, channels,
                                      [&](v a, std::size_t n) {
                                        const v d = n == v::size ? a - m : select(vec_mask<Isa>::first(n), a - m, v::zero());
                                        return d * d;
                                      }) *
                               per_channel;
        write(from, y.data_handle() + r * y.stride(0), channels, m, 1.0f / std::sqrt(variance + epsilon), scale, shift);
      }
    });
  }

  static void rms(context<backend_type> ctx, matrix_view<const float> x, std::span<const float> scale, float epsilon,
                  matrix_view<float> y) {
    const std::size_t channels = x.extent(1);
    const float per_channel = 1.0f / static_cast<float>(channels);
    detail::for_row_ranges(ctx.backend, x.extent(0), [&](std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const float* const from = x.data_handle() + r * x.stride(0);
        const float squares = sum_of(from, channels, [](v a, std::size_t) { return a * a; }) * per_channel;
        write(from, y.data_handle() + r * y.stride(0), channels, v::zero(), 1.0f / std::sqrt(squares + epsilon), scale, {});
      }
    });
  }

 private:
  /// Sum of `f(vector, lanes in use)` over a row, in an order that depends on the length alone.
  template <class F>
  static HEDDLE_ALWAYS_INLINE float sum_of(const float* row, std::size_t channels, F f) {
    v even = v::zero();
    v odd = v::zero();
    std::size_t c = 0;
    for (; c + 2 * v::size <= channels; c += 2 * v::size) {
      even += f(v::load(row + c), v::size);
      odd += f(v::load(row + c + v::size), v::size);
    }
    for (; c < channels; c += v::size) {
      const std::size_t n = channels - c < v::size ? channels - c : v::size;
      even += f(detail::load_lanes<Isa>(row + c, n), n);
    }
    return reduce_add(even + odd);
  }

  static HEDDLE_ALWAYS_INLINE void write(const float* from, float* to, std::size_t channels, v mean, float factor,
                                         std::span<const float> scale, std::span<const float> shift) {
    const v f(factor);
    detail::for_row_vectors<Isa>(channels, [&](std::size_t c, std::size_t n) {
      v t = (detail::load_lanes<Isa>(from + c, n) - mean) * f;
      if (!scale.empty()) t = t * detail::load_lanes<Isa>(scale.data() + c, n);
      if (!shift.empty()) t = t + detail::load_lanes<Isa>(shift.data() + c, n);
      detail::store_lanes<Isa>(t, to + c, n);
    });
  }
};

}  // namespace heddle::inline v0
