/// @file
/// `match_bipartite` as its definition reads, in double precision.
#pragma once

#include <cmath>
#include <limits>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/select/bipartite.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::match_bipartite, reference> {
  static constexpr std::size_t bytes(const reference&, std::size_t sources, std::size_t destinations,
                                     std::size_t dims) noexcept {
    return scratch_bytes<double>(sources * dims) + scratch_bytes<double>(destinations * dims);
  }

  static void run(context<reference> ctx, const metric_rows& metric, std::span<const std::int32_t> sources,
                  std::span<const std::int32_t> destinations, std::span<std::int32_t> best, std::span<float> similarity) {
    const std::size_t dims = metric.rows.extent(1);
    const double* const a = unit_rows(ctx, metric, sources);
    const double* const b = unit_rows(ctx, metric, destinations);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      double largest = -std::numeric_limits<double>::infinity();
      best[i] = 0;
      for (std::size_t j = 0; j < destinations.size(); ++j) {
        double s = 0.0;
        for (std::size_t c = 0; c < dims; ++c) s += a[i * dims + c] * b[j * dims + c];
        if (s > largest) {
          largest = s;
          best[i] = static_cast<std::int32_t>(j);
        }
      }
      similarity[i] = static_cast<float>(largest);
    }
  }

 private:
  static const double* unit_rows(context<reference>& ctx, const metric_rows& metric, std::span<const std::int32_t> positions) {
    const std::size_t dims = metric.rows.extent(1);
    auto* const rows = ctx.scratch.take<double>(positions.size() * dims);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      double* const row = rows + i * dims;
      const float* const from = metric.rows.data_handle() + static_cast<std::size_t>(positions[i]) * metric.rows.stride(0);
      double squares = 0.0;
      for (std::size_t c = 0; c < dims; ++c) {
        row[c] = 0.0;
        for (std::size_t g = 0; g < metric.groups; ++g) row[c] += static_cast<double>(from[g * metric.group_stride + c]);
        row[c] /= static_cast<double>(metric.groups);
        squares += row[c] * row[c];
      }
      const double norm = std::sqrt(squares);
      for (std::size_t c = 0; c < dims; ++c) row[c] = norm == 0.0 ? 0.0 : row[c] / norm;
    }
    return rows;
  }
};

}  // namespace heddle::inline v0
