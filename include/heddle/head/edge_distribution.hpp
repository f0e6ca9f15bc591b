/// @file
/// A box from prediction tokens: each of four tokens becomes the distribution of one edge.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "../layer/linear.hpp"
#include "../layer/norm.hpp"
#include "../primitive/each.hpp"
#include "../primitive/map.hpp"

namespace heddle::inline v0 {

/// In which order prediction tokens stand for the edges of a box. It is not the order of the box's own numbers.
enum class box_edge : std::size_t { left, right, top, bottom };

/// Edges of a box in shares of the side of the picture.
struct edge_box {
  float left = 0;
  float right = 0;
  float top = 0;
  float bottom = 0;

  float centre_x() const noexcept { return 0.5F * (left + right); }
  float centre_y() const noexcept { return 0.5F * (top + bottom); }
  float width() const noexcept { return right - left; }  ///< below 0 where the edges are the wrong way round
  float height() const noexcept { return bottom - top; }
};

namespace detail {

HEDDLE_HOST_DEVICE inline float largest_logit(const float* logits, std::size_t bins) noexcept {
  float largest = logits[0];
  for (std::size_t i = 1; i < bins; ++i) largest = largest < logits[i] ? logits[i] : largest;
  return largest;
}
HEDDLE_HOST_DEVICE inline void edge_softmax(const float* logits, std::size_t bins, float* probabilities) noexcept {
  const float largest = largest_logit(logits, bins);
  double sum = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    probabilities[i] = std::exp(logits[i] - largest);
    sum += static_cast<double>(probabilities[i]);
  }
  for (std::size_t i = 0; i < bins; ++i) probabilities[i] = static_cast<float>(static_cast<double>(probabilities[i]) / sum);
}
HEDDLE_HOST_DEVICE inline float edge_mean(const float* logits, std::size_t bins) noexcept {
  const float largest = largest_logit(logits, bins);
  double sum = 0;
  double weighted = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    const double p = std::exp(static_cast<double>(logits[i] - largest));
    sum += p;
    weighted += p * static_cast<double>(i);
  }
  return static_cast<float>(weighted / (sum * static_cast<double>(bins)));
}

struct softmax_of_row {
  matrix_view<const float> logits;
  matrix_view<float> probabilities;
  HEDDLE_HOST_DEVICE void operator()(std::size_t r) const {
    edge_softmax(logits.data_handle() + r * logits.stride(0), logits.extent(1),
                 probabilities.data_handle() + r * probabilities.stride(0));
  }
};
struct box_of_rows {
  matrix_view<const float> logits;
  matrix_view<float> boxes;
  HEDDLE_HOST_DEVICE void operator()(std::size_t item) const {
    float edge[4];
    for (std::size_t e = 0; e < 4; ++e)
      edge[e] = edge_mean(logits.data_handle() + (4 * item + e) * logits.stride(0), logits.extent(1));
    float* const y = boxes.data_handle() + item * boxes.stride(0);
    y[0] = 0.5F * (edge[0] + edge[1]);
    y[1] = 0.5F * (edge[2] + edge[3]);
    y[2] = edge[1] - edge[0];
    y[3] = edge[3] - edge[2];
  }
};

}  // namespace detail

/// The softmax of logits; `probabilities` may be `logits`.
inline void edge_probabilities(std::span<const float> logits, std::span<float> probabilities) {
  require_extent("edge_probabilities: probabilities", "bins", logits.size(), probabilities.size());
  if (!logits.empty()) detail::edge_softmax(logits.data(), logits.size(), probabilities.data());
}
/// The same for every row of a matrix, where the backend has it. @throws shape_error
template <class Backend>
void edge_probabilities(context<Backend> ctx, matrix_view<const float> logits, matrix_view<float> probabilities) {
  require_extent("edge_probabilities: probabilities", "rows", logits.extent(0), probabilities.extent(0));
  require_extent("edge_probabilities: probabilities", "bins", logits.extent(1), probabilities.extent(1));
  if (logits.extent(1) != 0) each(ctx, logits.extent(0), detail::softmax_of_row{logits, probabilities});
}

/// The expected position of an edge, `sum_i p_i i / K` with `p = softmax(logits)` over `K` bins, in `[0, (K - 1) / K]`: a bin
/// stands for its left end (Cui et al., MixFormerV2, arXiv 2305.15896, equation 3).
inline float expected_edge(std::span<const float> logits) {
  if (logits.empty()) detail::raise<shape_error>("expected_edge: expected at least 1 bin, got 0");
  return detail::edge_mean(logits.data(), logits.size());
}

/// The box of four rows of logits `[4, K]` in the order of `box_edge`.
inline edge_box expected_box(matrix_view<const float> logits) {
  require_extent("expected_box: logits", "edges", 4, logits.extent(0));
  std::array<float, 4> edge{};
  for (std::size_t e = 0; e < 4; ++e) edge[e] = expected_edge({logits.data_handle() + e * logits.stride(0), logits.extent(1)});
  return {edge[0], edge[1], edge[2], edge[3]};
}

/// The boxes of rows of logits, four for every item: `[4 items, K]` to `[items, 4]` = (cx, cy, w, h), where the backend has
/// them. @throws shape_error
template <class Backend>
void expected_boxes(context<Backend> ctx, matrix_view<const float> logits, matrix_view<float> boxes) {
  require_extent("expected_boxes: logits", "rows, four for every item,", 4 * boxes.extent(0), logits.extent(0));
  require_extent("expected_boxes: boxes", "numbers", 4, boxes.extent(1));
  if (logits.extent(1) == 0) detail::raise<shape_error>("expected_boxes: expected at least 1 bin, got 0");
  each(ctx, boxes.extent(0), detail::box_of_rows{logits, boxes});
}

/// The head of MixFormerV2 (section 3.2): `LN(W2 relu(LN(W1 t + b1)) + b2)` of every prediction token, `[tokens, C]` to logits
/// `[tokens, Bins]`; the second norm works on the logits themselves. `expected_box` decodes them. A row module; children by
/// the official names `layers.0.0` (linear), `layers.0.1` (norm), `layers.1.0`, `layers.1.1`.
template <std::size_t C, std::size_t Bins, ratio Epsilon = ratio{1, 100000}>
struct edge_distribution_head {
  static constexpr std::size_t in_channels = C;
  static constexpr std::size_t out_channels = Bins;

  linear<C, C> fc1;
  layer_norm<C, Epsilon> norm1;
  linear<C, Bins> fc2;
  layer_norm<Bins, Epsilon> norm2;

  static constexpr auto members() {
    return heddle::members<&edge_distribution_head::fc1, &edge_distribution_head::norm1, &edge_distribution_head::fc2,
                           &edge_distribution_head::norm2>("layers.0.0", "layers.0.1", "layers.1.0", "layers.1.1");
  }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return std::uint64_t{C} * (C + Bins); }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend&, std::size_t rows) noexcept {
    return heddle::scratch_bytes<float>(rows * C);
  }
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    const auto hidden = make_matrix(ctx.scratch.template take<float>(x.extent(0) * C), x.extent(0), C);
    fc1.forward_rows(ctx, x, hidden);
    norm1.forward_rows(ctx, as_const(hidden), hidden);
    map(ctx, as_const(hidden), hidden, relu{});
    fc2.forward_rows(ctx, as_const(hidden), y);
    norm2.forward_rows(ctx, as_const(y), y);
  }
};

}  // namespace heddle::inline v0
