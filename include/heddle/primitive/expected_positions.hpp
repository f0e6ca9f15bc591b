/// @file
/// `expected_positions`: where the mass of a heat map lies.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "../backend/tags.hpp"
#include "../core/context.hpp"
#include "convolution_window.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::expected_positions`, for backends whose memory the host may not follow.
struct expected_positions {};
}  // namespace op

/// A position on a map, in cells, from the left edge of the first cell.
struct map_position {
  double x = 0;
  double y = 0;
};

/// The expected cell under the softmax of a map `[rows, columns]`: `x = sum_i p_i column_i`, `y = sum_i p_i row_i`. No half
/// cell is added.
inline map_position soft_argmax(matrix_view<const float> scores) noexcept {
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < scores.extent(0); ++i)
    for (std::size_t j = 0; j < scores.extent(1); ++j) largest = scores(i, j) > largest ? scores(i, j) : largest;
  double sum = 0, x = 0, y = 0;
  for (std::size_t i = 0; i < scores.extent(0); ++i) {
    double row = 0;
    for (std::size_t j = 0; j < scores.extent(1); ++j) {
      const auto p = static_cast<double>(std::exp(scores(i, j) - largest));
      row += p;
      x += p * static_cast<double>(j);
    }
    sum += row;
    y += row * static_cast<double>(i);
  }
  return {x / sum, y / sum};
}

/// `soft_argmax` of maps `[maps, rows, columns, 1]`, where the backend has them: `shares` `[maps, 2]` = (x, y) as shares of the
/// map's sides. Scores without a largest one (NaN, or minus infinity throughout) give NaN. @throws shape_error before any work
template <class Backend>
void expected_positions([[maybe_unused]] context<Backend> ctx, map_view<const float> scores, matrix_view<float> shares) {
  require_extent("expected_positions: scores", "channels", 1, scores.extent(3));
  require_extent("expected_positions: shares", "maps", scores.extent(0), shares.extent(0));
  require_extent("expected_positions: shares", "numbers", 2, shares.extent(1));
  const std::size_t rows = scores.extent(1);
  const std::size_t columns = scores.extent(2);
  if (rows == 0 || columns == 0) detail::raise<shape_error>("expected_positions: the maps have no cells");
  if constexpr (prefers_whole_maps<Backend>) {
    kernel<op::expected_positions, Backend>::run(ctx, scores, shares);
  } else {
    for (std::size_t m = 0; m < scores.extent(0); ++m) {
      const map_position at = soft_argmax(make_matrix(scores.data_handle() + m * rows * columns, rows, columns));
      shares(m, 0) = static_cast<float>(at.x / static_cast<double>(columns));
      shares(m, 1) = static_cast<float>(at.y / static_cast<double>(rows));
    }
  }
}

}  // namespace heddle::inline v0
