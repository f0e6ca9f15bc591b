/// @file
/// `merge_attention` on vectors.
#pragma once

#include <cmath>
#include <limits>

#include <heddle/primitive/merge.hpp>
#include <heddle/simd/map.hpp>

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::merge_attention, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;

  template <std::size_t D>
  static void run(context<backend_type> ctx, const merge_input<D>& a, const merge_input<D>& b, const head_view<float, D>& out,
                  const head_rows<float>& logsumexp) {
    const std::size_t heads = out.extent(1);
    const std::size_t tokens = out.extent(2);
    detail::for_row_ranges(ctx.backend, out.extent(0) * heads * tokens, [&](std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r)
        row(a, b, out, logsumexp, r / tokens / heads, r / tokens % heads, r % tokens);
    });
  }

 private:
  /// exp(l) of a result, relative to the larger of both; nothing where it saw nothing.
  static float mass(float l, float largest) noexcept {
    return l == -std::numeric_limits<float>::infinity() ? 0.0F : std::exp(l - largest);
  }

  template <std::size_t D>
  static void row(const merge_input<D>& a, const merge_input<D>& b, const head_view<float, D>& out,
                  const head_rows<float>& logsumexp, std::size_t i, std::size_t h, std::size_t t) noexcept {
    const float la = a.logsumexp(i, h, t);
    const float lb = b.logsumexp(i, h, t);
    const float largest = la > lb ? la : lb;
    const float ma = mass(la, largest);
    const float mb = mass(lb, largest);
    const float sum = ma + mb;
    const v wa(sum == 0.0F ? 0.0F : ma / sum);
    const v wb(sum == 0.0F ? 0.0F : mb / sum);
    const bool use_a = ma != 0.0F;
    const bool use_b = mb != 0.0F;
    const float* x = &a.out(i, h, t, 0);
    const float* y = &b.out(i, h, t, 0);
    float* to = &out(i, h, t, 0);
    detail::for_row_vectors<Isa>(D == dyn ? out.extent(3) : D, [&](std::size_t d, std::size_t n) {
      v value = v::zero();  // a result without weight is not read
      if (use_a) value = detail::load_lanes<Isa>(x + d, n) * wa;
      if (use_b) value = fma(detail::load_lanes<Isa>(y + d, n), wb, value);
      detail::store_lanes<Isa>(value, to + d, n);
    });
    logsumexp(i, h, t) = sum == 0.0F ? largest : largest + std::log(sum);
  }
};

}  // namespace heddle::inline v0
