/// @file
/// `map` and `reduce` on vectors.
#pragma once

#include <heddle/primitive/map.hpp>

#include <algorithm>
#include <limits>

#include "math.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Rows that one worker takes at a time in row-wise kernels.
inline constexpr std::size_t rows_per_task = 256;

/// Runs `f(first, count)` over ranges of rows, on all workers.
template <class Backend, class F>
HEDDLE_ALWAYS_INLINE void for_row_ranges(const Backend& backend, std::size_t rows, F&& f) {
  if (rows <= rows_per_task) {
    if (rows > 0) f(std::size_t{0}, rows);
    return;
  }
  backend.parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](std::size_t task, std::size_t) {
    const std::size_t first = task * rows_per_task;
    f(first, std::min(rows_per_task, rows - first));
  });
}

/// Calls `f(column, lanes)` for every vector of a row: `lanes` is the full size but for the last one.
template <class Isa, class F>
HEDDLE_ALWAYS_INLINE void for_row_vectors(std::size_t columns, F&& f) {
  constexpr std::size_t lanes = vec<Isa>::size;
  std::size_t c = 0;
  HEDDLE_NO_UNROLL
  for (; c + lanes <= columns; c += lanes) f(c, lanes);
  if (c < columns) f(c, columns - c);
}

template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> load_lanes(const float* p, std::size_t n) noexcept {
  return n == vec<Isa>::size ? vec<Isa>::load(p) : vec<Isa>::load_partial(p, n);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE void store_lanes(vec<Isa> v, float* p, std::size_t n) noexcept {
  if (n == vec<Isa>::size) {
    v.store(p);
  } else {
    v.store_partial(p, n);
  }
}

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::map, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;

  template <class F>
  static void unary(context<backend_type> ctx, matrix_view<const float> x, matrix_view<float> y, F f) {
    detail::for_row_ranges(ctx.backend, x.extent(0), [&](std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const float* const from = x.data_handle() + r * x.stride(0);
        float* const to = y.data_handle() + r * y.stride(0);
        detail::for_row_vectors<Isa>(x.extent(1), [&](std::size_t c, std::size_t n) {
          detail::store_lanes<Isa>(f(detail::load_lanes<Isa>(from + c, n)), to + c, n);
        });
      }
    });
  }

  template <class F>
  static void binary(context<backend_type> ctx, matrix_view<const float> a, matrix_view<const float> b, matrix_view<float> y,
                     F f) {
    const std::size_t b_stride = b.extent(0) == 1 ? 0 : b.stride(0);
    detail::for_row_ranges(ctx.backend, a.extent(0), [&](std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const float* const left = a.data_handle() + r * a.stride(0);
        const float* const right = b.data_handle() + r * b_stride;
        float* const to = y.data_handle() + r * y.stride(0);
        detail::for_row_vectors<Isa>(a.extent(1), [&](std::size_t c, std::size_t n) {
          detail::store_lanes<Isa>(f(detail::load_lanes<Isa>(left + c, n), detail::load_lanes<Isa>(right + c, n)), to + c, n);
        });
      }
    });
  }
};

/// Sums run down the rows, one vector of columns at a time, with four partial sums a column.
template <class Isa, class Executor>
struct kernel<op::reduce, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;

  static void mean(context<backend_type> ctx, matrix_view<const float> x, std::span<float> y) {
    const vec<Isa> rows(static_cast<float>(x.extent(0)));
    fold(ctx, x, y, vec<Isa>::zero(), [](vec<Isa> a, vec<Isa> b) { return a + b; }, [&](vec<Isa> s) { return s / rows; });
  }

  static void maximum(context<backend_type> ctx, matrix_view<const float> x, std::span<float> y) {
    const auto larger = [](vec<Isa> a, vec<Isa> b) { return select(a != a, a, select((b > a) || (b != b), b, a)); };
    fold(ctx, x, y, vec<Isa>(-std::numeric_limits<float>::infinity()), larger, [](vec<Isa> s) { return s; });
  }

 private:
  template <class Combine, class Finish>
  static void fold(context<backend_type> ctx, matrix_view<const float> x, std::span<float> y, vec<Isa> start, Combine combine,
                   Finish finish) {
    constexpr std::size_t lanes = vec<Isa>::size;
    ctx.backend.parallel_for((x.extent(1) + lanes - 1) / lanes, [&](std::size_t task, std::size_t) {
      const std::size_t c = task * lanes;
      const std::size_t n = std::min(lanes, x.extent(1) - c);
      const float* p = x.data_handle() + c;
      vec<Isa> part[4] = {start, start, start, start};
      std::size_t r = 0;
      for (; r + 4 <= x.extent(0); r += 4, p += 4 * x.stride(0)) {
        HEDDLE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) part[i] = combine(part[i], detail::load_lanes<Isa>(p + i * x.stride(0), n));
      }
      for (; r < x.extent(0); ++r, p += x.stride(0)) part[0] = combine(part[0], detail::load_lanes<Isa>(p, n));
      detail::store_lanes<Isa>(finish(combine(combine(part[0], part[1]), combine(part[2], part[3]))), y.data() + c, n);
    });
  }
};

}  // namespace heddle::inline v0
