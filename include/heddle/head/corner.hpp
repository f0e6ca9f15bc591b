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
#include "../primitive/expected_positions.hpp"

namespace heddle::inline v0 {

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
using corner_branch = sequential<named<"conv1", detail::corner_convolution<In, Channels, Norm>>,
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
    heat_extents(x);  // throws where the input does not fit
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
    expected_positions(ctx, heat, corner(y, 0));
    br.forward(ctx, x, heat);
    expected_positions(ctx, heat, corner(y, 2));
  }

 private:
  /// Two neighbouring columns of the boxes.
  static matrix_view<float> corner(const map_view<float>& boxes, std::size_t first) {
    return make_matrix(boxes.data_handle() + first, boxes.extent(0), 2, 4);
  }
};

}  // namespace heddle::inline v0
