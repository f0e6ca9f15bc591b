/// @file
/// `match_bipartite` on vectors: destinations lie in panels of one register's width, four sources meet two panels at a time,
/// and the largest similarity of every lane is kept until the row is done.
#pragma once

#include <cmath>
#include <limits>

#include <heddle/primitive/select/bipartite.hpp>

#include "map.hpp"

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::match_bipartite, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;

  static constexpr std::size_t bytes(const backend_type&, std::size_t sources, std::size_t destinations,
                                     std::size_t dims) noexcept {
    return scratch_bytes<float>(padded(sources, source_block) * dims) +
           scratch_bytes<float>(padded(destinations, 2 * v::size) * dims) + scratch_bytes<float>(dims);
  }

  static void run(context<backend_type> ctx, const metric_rows& metric, std::span<const std::int32_t> sources,
                  std::span<const std::int32_t> destinations, std::span<std::int32_t> best, std::span<float> similarity) {
    const std::size_t dims = metric.rows.extent(1);
    auto* const a = ctx.scratch.template take<float>(padded(sources.size(), source_block) * dims);
    auto* const b = ctx.scratch.template take<float>(padded(destinations.size(), 2 * v::size) * dims);
    auto* const row = ctx.scratch.template take<float>(dims);
    for (std::size_t i = 0; i < padded(sources.size(), source_block); ++i) {
      if (i < sources.size()) {
        unit_row(metric, sources[i], a + i * dims);
      } else {
        for (std::size_t c = 0; c < dims; ++c) a[i * dims + c] = 0.0F;
      }
    }
    for (std::size_t j = 0; j < padded(destinations.size(), 2 * v::size); ++j) {
      float* const to = b + j / v::size * v::size * dims + j % v::size;
      if (j < destinations.size()) unit_row(metric, destinations[j], row);
      for (std::size_t c = 0; c < dims; ++c) to[c * v::size] = j < destinations.size() ? row[c] : 0.0F;
    }
    ctx.backend.parallel_for((sources.size() + source_block - 1) / source_block, [&](std::size_t task, std::size_t) {
      const std::size_t first = task * source_block;
      const std::size_t count = sources.size() - first < source_block ? sources.size() - first : source_block;
      block(a + first * dims, b, dims, destinations.size(), count, best.data() + first, similarity.data() + first);
    });
  }

 private:
  static constexpr std::size_t source_block = 4;

  static constexpr std::size_t padded(std::size_t n, std::size_t block) noexcept { return (n + block - 1) / block * block; }

  /// The sum over groups, which has the direction of the mean, divided by its length.
  static void unit_row(const metric_rows& metric, std::int32_t position, float* to) {
    const float* const from = metric.rows.data_handle() + static_cast<std::size_t>(position) * metric.rows.stride(0);
    const std::size_t dims = metric.rows.extent(1);
    v squares = v::zero();
    detail::for_row_vectors<Isa>(dims, [&](std::size_t c, std::size_t n) {
      v sum = detail::load_lanes<Isa>(from + c, n);
      for (std::size_t g = 1; g < metric.groups; ++g) sum += detail::load_lanes<Isa>(from + g * metric.group_stride + c, n);
      squares = fma(sum, sum, squares);
      detail::store_lanes<Isa>(sum, to + c, n);
    });
    const float length = std::sqrt(reduce_add(squares));
    const v factor(length == 0.0F ? 0.0F : 1.0F / length);
    detail::for_row_vectors<Isa>(dims, [&](std::size_t c, std::size_t n) {
      detail::store_lanes<Isa>(detail::load_lanes<Isa>(to + c, n) * factor, to + c, n);
    });
  }

  static void block(const float* a, const float* b, std::size_t dims, std::size_t destinations, std::size_t count,
                    std::int32_t* best, float* similarity) {
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    v largest[source_block];
    v where[source_block];
    for (std::size_t i = 0; i < source_block; ++i) {
      largest[i] = v(nothing);
      where[i] = v::iota();
    }
    for (std::size_t j = 0; j < destinations; j += 2 * v::size) {
      v sum[source_block][2];
      products(a, b + j * dims, dims, sum);
      for (std::size_t p = 0; p < 2; ++p) {
        const std::size_t at = j + p * v::size;
        const v position = v::iota() + v(static_cast<float>(at));
        const auto inside = position < v(static_cast<float>(destinations));
        for (std::size_t i = 0; i < source_block; ++i) {
          const auto better = (sum[i][p] > largest[i]) & inside;
          largest[i] = select(better, sum[i][p], largest[i]);
          where[i] = select(better, position, where[i]);
        }
      }
    }
    for (std::size_t i = 0; i < count; ++i) finish(largest[i], where[i], best[i], similarity[i]);
  }

  static HEDDLE_ALWAYS_INLINE void products(const float* a, const float* b, std::size_t dims, v (&sum)[source_block][2]) {
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < source_block; ++i) sum[i][0] = sum[i][1] = v::zero();
    for (std::size_t c = 0; c < dims; ++c) {
      const v b0 = v::load(b + c * v::size);
      const v b1 = v::load(b + (dims + c) * v::size);
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < source_block; ++i) {
        const v x = v::broadcast(a + i * dims + c);
        sum[i][0] = fma(x, b0, sum[i][0]);
        sum[i][1] = fma(x, b1, sum[i][1]);
      }
    }
  }

  /// The largest lane; among equal ones the lowest position.
  static void finish(v largest, v where, std::int32_t& best, float& similarity) {
    float values[v::size];
    float positions[v::size];
    largest.store(values);
    where.store(positions);
    std::size_t first = 0;
    for (std::size_t l = 1; l < v::size; ++l)
      if (values[l] > values[first] || (values[l] == values[first] && positions[l] < positions[first])) first = l;
    similarity = values[first];
    best = similarity == -std::numeric_limits<float>::infinity() ? 0 : static_cast<std::int32_t>(positions[first]);
  }
};

}  // namespace heddle::inline v0
