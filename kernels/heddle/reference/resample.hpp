/// @file
/// `resize`, `roi_align`, `precise_roi_pool` and `grid_sample` as their definitions read.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/resample.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::resample, reference> {
  template <class Rows, class Columns>
  static constexpr std::size_t bytes(const reference&, std::size_t /*width*/, std::size_t /*channels*/, const Rows& rows,
                                     const Columns& columns) {
    return scratch_bytes<double>(rows.max_taps()) + scratch_bytes<double>(columns.max_taps());
  }

  template <class Rows, class Columns>
  static void run(context<reference> ctx, const detail::image_view& x, const Rows& rows, const Columns& columns, float* y) {
    double* row_weights = ctx.scratch.take<double>(rows.max_taps());
    double* column_weights = ctx.scratch.take<double>(columns.max_taps());
    for (std::size_t i = 0; i < rows.outputs(); ++i) {
      tap_run<double> row(row_weights);
      rows.taps(i, row);
      for (std::size_t j = 0; j < columns.outputs(); ++j) {
        tap_run<double> column(column_weights);
        columns.taps(j, column);
        for (std::size_t c = 0; c < x.channels; ++c) *y++ = static_cast<float>(sum(x, row, column, c));
      }
    }
  }

 private:
  static double sum(const detail::image_view& x, const tap_run<double>& row, const tap_run<double>& column, std::size_t c) {
    double total = 0;
    for (std::size_t i = 0; i < row.count(); ++i)
      for (std::size_t j = 0; j < column.count(); ++j)
        total += row[i] * column[j] *
                 static_cast<double>(x.data[((row.first() + i) * x.width + column.first() + j) * x.channels + c]);
    return total;
  }
};

template <>
struct kernel<op::grid_sample, reference> {
  template <class Mode, class Padding, bool AlignCorners>
  static void run(context<reference>, const map_view<const float>& x, const map_view<const float>& grid,
                  const map_view<float>& y) {
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t i = 0; i < y.extent(1); ++i)
        for (std::size_t j = 0; j < y.extent(2); ++j) {
          const auto columns = detail::grid_taps<Mode, Padding, AlignCorners, double>(grid(b, i, j, 0), x.extent(2));
          const auto rows = detail::grid_taps<Mode, Padding, AlignCorners, double>(grid(b, i, j, 1), x.extent(1));
          for (std::size_t c = 0; c < y.extent(3); ++c) {
            double total = 0;
            for (std::size_t r = 0; r < rows.count; ++r)
              for (std::size_t s = 0; s < columns.count; ++s)
                total += rows.weight[r] * columns.weight[s] * static_cast<double>(x(b, rows.index[r], columns.index[s], c));
            y(b, i, j, c) = static_cast<float>(total);
          }
        }
  }
};

}  // namespace heddle::inline v0
