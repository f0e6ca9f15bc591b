/// @file
/// The corner head of trackers: a heat map for each of two corners, and the expected position under its softmax (Yan et
/// al., STARK, arXiv 2103.17154, section 3.1; Cui et al., MixFormer, arXiv 2203.11082, section 3.3).
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "../layer/convolution.hpp"
#include "../layer/sequential.hpp"

namespace heddle::inline v0 {

/// A position on a map, in cells, from the left edge of the first cell.
struct map_position {
  double x = 0;
  double y = 0;
};

/// The softmax of all scores of a map: `p_i = exp(s_i - max s) / sum_j exp(s_j - max s)`. `p` may be `scores`.
/// @throws shape_error
inline void map_softmax(std::span<const float> scores, std::span<float> p) {
  require_extent("map_softmax: p", "cells", scores.size(), p.size());
  float largest = -std::numeric_limits<float>::infinity();
  for (const float s : scores) largest = s > largest ? s : largest;
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] = std::exp(scores[i] - largest);
    sum += static_cast<double>(p[i]);
  }
  for (float& v : p) v = static_cast<float>(static_cast<double>(v) / sum);
}

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

namespace detail {
/// A 3 x 3 convolution with the norm of the head and ReLU.
template <std::size_t In, std::size_t Out, template <std::size_t> class Norm>
using corner_convolution = convolution<In, Out, convolution_options{}, Norm<Out>, relu>;
}  // namespace detail

/// What stands after the convolutions of the published trackers: a batch norm that is not trained.
template <std::size_t C>
using corner_norm = frozen_batch_norm<C>;

/// One corner's heat map at the resolution of the features: four 3 x 3 convolutions that halve the channels, then one of
/// size 1. Children: `conv1` ... `conv5`. Output: `[batch, height, width, 1]`.
template <std::size_t In, std::size_t Channels, template <std::size_t> class Norm = corner_norm>
using corner_branch =
    sequential<named<"conv1", detail::corner_convolution<In, Channels, Norm>>,
               named<"conv2", detail::corner_convolution<Channels, Channels / 2, Norm>>,
               named<"conv3", detail::corner_convolution<Channels / 2, Channels / 4, Norm>>,
               named<"conv4", detail::corner_convolution<Channels / 4, Channels / 8, Norm>>,
               named<"conv5", pointwise_convolution<Channels / 8, 1>>>;

/// Both corners: `[batch, height, width, In]` to boxes `[batch, 1, 1, 4]` = (x1, y1, x2, y2) as shares of the map's sides.
/// The corners are independent, so a box may be inverted. Children: `tl`, `br`, each a `Branch`.
template <class Branch>
struct corner_head {
  Branch tl;
  Branch br;

  static constexpr auto members() { return heddle::members<&corner_head::tl, &corner_head::br>("tl", "br"); }
  static constexpr map_extents output_extents(const map_extents& x) {
    heat_extents(x);   // throws where the input does not fit
    return map_extents(x.extent(0), 1, 1, 4);
  }
  /// Shape of a heat map.
  static constexpr map_extents heat_extents(const map_extents& x) { return Branch::output_extents(x); }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) { return 2 * Branch::multiply_adds(x); }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return heddle::scratch_bytes<float>(heat_extents(x).size()) + Branch::scratch_bytes(backend, x);
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents e = heat_extents(x.extents());
    const map_view<float> heat(ctx.scratch.template take<float>(e.size()), e);
    tl.forward(ctx, x, heat);
    decode(heat, y, 0);
    br.forward(ctx, x, heat);
    decode(heat, y, 2);
  }

  /// Expected corners of heat maps `[batch, height, width, 1]` into columns `first` and `first + 1` of the boxes.
  static void decode(map_view<const float> heat, map_view<float> boxes, std::size_t first) {
    const std::size_t rows = heat.extent(1);
    const std::size_t columns = heat.extent(2);
    for (std::size_t b = 0; b < heat.extent(0); ++b) {
      const map_position at = soft_argmax(make_matrix(heat.data_handle() + b * rows * columns, rows, columns));
      boxes(b, 0, 0, first) = static_cast<float>(at.x / static_cast<double>(columns));
      boxes(b, 0, 0, first + 1) = static_cast<float>(at.y / static_cast<double>(rows));
    }
  }
};

}  // namespace heddle::inline v0
