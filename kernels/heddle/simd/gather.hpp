/// @file
/// `gather_rows`, `scatter_rows`, `scatter_add_rows` on vectors: a row is one copy or one multiply-add after the other.
#pragma once

#include <cstring>

#include <heddle/primitive/gather.hpp>

#include "map.hpp"

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::gather, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;

  static void gather(context<backend_type> ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                     const matrix_view<float>& y) {
    detail::for_row_ranges(ctx.backend, positions.size(), [&](std::size_t first, std::size_t count) {
      for (std::size_t i = first; i < first + count; ++i) {
        float* const to = y.data_handle() + i * y.stride(0);
        if (positions[i] < 0) {
          std::memset(to, 0, y.extent(1) * sizeof(float));
        } else {
          std::memcpy(to, x.data_handle() + static_cast<std::size_t>(positions[i]) * x.stride(0), y.extent(1) * sizeof(float));
        }
      }
    });
  }

  /// One row after the other, whatever the threads: the later of two rows of one position stays.
  static void scatter(context<backend_type>, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                      const matrix_view<float>& y) {
    for (std::size_t i = 0; i < positions.size(); ++i)
      if (positions[i] >= 0)
        std::memcpy(y.data_handle() + static_cast<std::size_t>(positions[i]) * y.stride(0), x.data_handle() + i * x.stride(0),
                    x.extent(1) * sizeof(float));
  }

  /// Shared out by columns, so that every sum runs in the order of the rows for any number of threads.
  static void scatter_add(context<backend_type> ctx, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                          const matrix_view<float>& y, std::span<const float> weights) {
    const std::size_t columns = x.extent(1);
    const std::size_t tasks = ctx.backend.concurrency() == 1 || columns <= slice ? 1 : (columns + slice - 1) / slice;
    const std::size_t width = tasks == 1 ? columns : slice;
    ctx.backend.parallel_for(tasks, [&](std::size_t task, std::size_t) {
      const std::size_t c = task * width;
      const std::size_t n = columns - c < width ? columns - c : width;
      for (std::size_t i = 0; i < positions.size(); ++i)
        if (positions[i] >= 0)
          add(x.data_handle() + i * x.stride(0) + c, weights.empty() ? 1.0F : weights[i],
              y.data_handle() + static_cast<std::size_t>(positions[i]) * y.stride(0) + c, n);
    });
  }

  static void scatter_max(context<backend_type>, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                          const matrix_view<float>& y) {
    for (std::size_t i = 0; i < positions.size(); ++i) {
      if (positions[i] < 0) continue;
      const float* const from = x.data_handle() + i * x.stride(0);
      float* const to = y.data_handle() + static_cast<std::size_t>(positions[i]) * y.stride(0);
      detail::for_row_vectors<Isa>(x.extent(1), [&](std::size_t c, std::size_t n) {
        const v a = detail::load_lanes<Isa>(to + c, n);
        const v b = detail::load_lanes<Isa>(from + c, n);
        detail::store_lanes<Isa>(select((b > a) | (b != b), b, a), to + c, n);
      });
    }
  }

 private:
  static constexpr std::size_t slice = 256;  ///< columns that one task sums

  static HEDDLE_ALWAYS_INLINE void add(const float* from, float weight, float* to, std::size_t columns) {
    const v w(weight);
    detail::for_row_vectors<Isa>(columns, [&](std::size_t c, std::size_t n) {
      detail::store_lanes<Isa>(fma(w, detail::load_lanes<Isa>(from + c, n), detail::load_lanes<Isa>(to + c, n)), to + c, n);
    });
  }
};

}  // namespace heddle::inline v0
