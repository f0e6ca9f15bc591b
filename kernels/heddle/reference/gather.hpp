/// @file
/// `gather_rows`, `scatter_rows`, `scatter_add_rows` as their definitions read; sums in double precision.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/gather.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::gather, reference> {
  static void gather(context<reference>, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                     const matrix_view<float>& y) {
    for (std::size_t i = 0; i < positions.size(); ++i)
      for (std::size_t c = 0; c < y.extent(1); ++c)
        y(i, c) = positions[i] < 0 ? 0.0F : x(static_cast<std::size_t>(positions[i]), c);
  }

  static void scatter(context<reference>, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                      const matrix_view<float>& y) {
    for (std::size_t i = 0; i < positions.size(); ++i)
      for (std::size_t c = 0; c < y.extent(1); ++c)
        if (positions[i] >= 0) y(static_cast<std::size_t>(positions[i]), c) = x(i, c);
  }

  static void scatter_add(context<reference>, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                          const matrix_view<float>& y, std::span<const float> weights) {
    for (std::size_t row = 0; row < y.extent(0); ++row)
      for (std::size_t c = 0; c < y.extent(1); ++c) {
        double sum = static_cast<double>(y(row, c));
        for (std::size_t i = 0; i < positions.size(); ++i)
          if (positions[i] >= 0 && static_cast<std::size_t>(positions[i]) == row)
            sum += (weights.empty() ? 1.0 : static_cast<double>(weights[i])) * static_cast<double>(x(i, c));
        y(row, c) = static_cast<float>(sum);
      }
  }

  static void scatter_max(context<reference>, const matrix_view<const float>& x, std::span<const std::int32_t> positions,
                          const matrix_view<float>& y) {
    for (std::size_t i = 0; i < positions.size(); ++i)
      for (std::size_t c = 0; c < y.extent(1); ++c) {
        if (positions[i] < 0) continue;
        float& to = y(static_cast<std::size_t>(positions[i]), c);
        if (x(i, c) > to || x(i, c) != x(i, c)) to = x(i, c);
      }
  }
};

}  // namespace heddle::inline v0
