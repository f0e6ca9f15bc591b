/// @file
/// The two distillation losses of MixFormerV2 (Cui et al., arXiv 2305.15896, section 3.3) as pure functions.
///
/// Edge logits and distributions are `[4 batch, bins]`: four rows for every item in the order of `box_edge` (left, right, top,
/// bottom). Boxes are shares of the side of the search crop.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>

#include "../core/error.hpp"
#include "../core/view.hpp"
#include "box.hpp"

namespace heddle::inline v0 {

/// Factors of the parts of a distillation loss; the defaults are the official ones.
struct distillation_weights {
  double ciou = 2.0;
  double l1 = 5.0;
  double edges = 5.0;
  double features = 0.2;  ///< deep to shallow only
};

/// A loss and its parts, these without their factors.
struct distillation_loss {
  double total = 0;
  double ciou = 0;      ///< mean of `1 - complete_iou`
  double l1 = 0;        ///< mean absolute difference of corners
  double edges = 0;     ///< mean over the four edges of `kl_divergence`
  double features = 0;  ///< mean squared error of matched layers
};

namespace detail {

/// `log sum exp` of a row.
inline double log_sum_exp(const float* logits, std::size_t count) noexcept {
  const double largest = static_cast<double>(*std::max_element(logits, logits + count));
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(logits[i]) - largest);
  return largest + std::log(sum);
}

/// `sum_i q_i (log q_i - log p_i)` with `q_i = teacher(i)`; nothing where `q_i` is 0.
template <class Teacher>
double row_divergence(Teacher&& teacher, const float* logits, std::size_t bins) {
  const double normaliser = log_sum_exp(logits, bins);
  double sum = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    const double q = teacher(i);
    if (q > 0) sum += q * (std::log(q) - (static_cast<double>(logits[i]) - normaliser));
  }
  return sum;
}

inline std::size_t items_of(const char* name, matrix_view<const float> edge_rows, matrix_view<const float> boxes) {
  require_extent(name, "rows, four for every box,", 4 * boxes.extent(0), edge_rows.extent(0));
  require_extent(name, "numbers of a box", 4, boxes.extent(1));
  if (boxes.extent(0) == 0) raise<shape_error>(std::string(name) + ": expected at least 1 item, got 0");
  return boxes.extent(0);
}

/// The parts that both stages share, without `edges` and `features`.
inline distillation_loss box_parts(matrix_view<const float> predicted, matrix_view<const float> truth) {
  require_extent("distillation: truth", "boxes", predicted.extent(0), truth.extent(0));
  require_extent("distillation: truth", "numbers of a box", 4, truth.extent(1));
  const auto items = static_cast<double>(predicted.extent(0));
  const auto number = [](const matrix_view<const float>& m, std::size_t r, std::size_t c) {
    return static_cast<double>(m(r, c));
  };
  distillation_loss loss;
  for (std::size_t b = 0; b < predicted.extent(0); ++b) {
    const corner_box<double> p = to_corners(
        centre_box<double>{number(predicted, b, 0), number(predicted, b, 1), number(predicted, b, 2), number(predicted, b, 3)});
    const auto inside = [&](double x) { return std::clamp(x, 0.0, 1.0); };
    const double x = number(truth, b, 0);
    const double y = number(truth, b, 1);
    const corner_box<double> t{inside(x), inside(y), inside(x + number(truth, b, 2)), inside(y + number(truth, b, 3))};
    loss.ciou += (1.0 - complete_iou(p, t)) / items;
    loss.l1 += (std::abs(p.x1 - t.x1) + std::abs(p.y1 - t.y1) + std::abs(p.x2 - t.x2) + std::abs(p.y2 - t.y2)) / (4.0 * items);
  }
  return loss;
}

inline distillation_loss weighed(distillation_loss loss, const distillation_weights& w) noexcept {
  loss.total = w.ciou * loss.ciou + w.l1 * loss.l1 + w.edges * loss.edges + w.features * loss.features;
  return loss;
}

}  // namespace detail

/// Mean over the rows of the Kullback-Leibler divergence of a student's softmax from a teacher's probabilities:
/// `1/B sum_b sum_i q_i (log q_i - log p_i)`, both `[rows, bins]`. @throws shape_error before any work
inline double kl_divergence(matrix_view<const float> teacher_probabilities, matrix_view<const float> student_logits) {
  require_extent("kl_divergence: student_logits", "rows", teacher_probabilities.extent(0), student_logits.extent(0));
  require_extent("kl_divergence: student_logits", "bins", teacher_probabilities.extent(1), student_logits.extent(1));
  if (student_logits.empty()) detail::raise<shape_error>("kl_divergence: expected at least 1 number, got 0");
  double sum = 0;
  for (std::size_t r = 0; r < student_logits.extent(0); ++r) {
    const float* const q = teacher_probabilities.data_handle() + r * teacher_probabilities.stride(0);
    sum += detail::row_divergence([q](std::size_t i) { return static_cast<double>(q[i]); },
                                  student_logits.data_handle() + r * student_logits.stride(0), student_logits.extent(1));
  }
  return sum / static_cast<double>(student_logits.extent(0));
}

/// Mean of the squared differences of two matrices. @throws shape_error before any work
inline double mean_squared_error(matrix_view<const float> a, matrix_view<const float> b) {
  require_extent("mean_squared_error: b", "rows", a.extent(0), b.extent(0));
  require_extent("mean_squared_error: b", "columns", a.extent(1), b.extent(1));
  if (a.empty()) detail::raise<shape_error>("mean_squared_error: expected at least 1 number, got 0");
  double sum = 0;
  for (std::size_t r = 0; r < a.extent(0); ++r)
    for (std::size_t c = 0; c < a.extent(1); ++c) {
      const double d = static_cast<double>(a(r, c)) - static_cast<double>(b(r, c));
      sum += d * d;
    }
  return sum / static_cast<double>(a.size());
}

/// The marginal distributions of the teacher's corner maps, `[batch, bins * bins]` each (rows of the map first), as edge
/// distributions `[4 batch, bins]`: left and top are those of the top-left corner, right and bottom of the other.
/// @throws shape_error before any work
inline void edges_of_corners(matrix_view<const float> top_left, matrix_view<const float> bottom_right,
                             matrix_view<float> edges) {
  const std::size_t bins = edges.extent(1);
  for (const auto* corner : {&top_left, &bottom_right}) {
    require_extent("edges_of_corners: corner map", "items", edges.extent(0) / 4, corner->extent(0));
    require_extent("edges_of_corners: corner map", "cells, bins squared,", bins * bins, corner->extent(1));
  }
  require_extent("edges_of_corners: edges", "rows, four for every item,", 4 * top_left.extent(0), edges.extent(0));
  const auto marginals = [&](const float* map, std::size_t column_edge, std::size_t row_edge) {
    for (std::size_t i = 0; i < bins; ++i) {
      double across = 0;
      double down = 0;
      for (std::size_t j = 0; j < bins; ++j) {
        across += static_cast<double>(map[i * bins + j]);
        down += static_cast<double>(map[j * bins + i]);
      }
      edges(row_edge, i) = static_cast<float>(across);
      edges(column_edge, i) = static_cast<float>(down);
    }
  };
  for (std::size_t b = 0; b < top_left.extent(0); ++b) {
    marginals(top_left.data_handle() + b * top_left.stride(0), 4 * b, 4 * b + 2);
    marginals(bottom_right.data_handle() + b * bottom_right.stride(0), 4 * b + 1, 4 * b + 3);
  }
}

/// Dense to sparse, the first stage: a student with edge distributions learns from a teacher with corner maps, whose edge
/// distributions `edges_of_corners` makes. `ciou CIoU + l1 L1 + edges KL`.
///
/// @param predicted  the student's boxes `[batch, 4]`: cx, cy, w, h
/// @param logits     the student's edge logits `[4 batch, bins]`
/// @param teacher    the teacher's edge distributions `[4 batch, bins]`
/// @param truth      true boxes `[batch, 4]`: x, y, w, h; clamped to the crop
/// @throws shape_error before any work
inline distillation_loss dense_to_sparse_loss(matrix_view<const float> predicted, matrix_view<const float> logits,
                                              matrix_view<const float> teacher, matrix_view<const float> truth,
                                              const distillation_weights& weights = {}) {
  detail::items_of("dense_to_sparse_loss: logits", logits, predicted);
  distillation_loss loss = detail::box_parts(predicted, truth);
  loss.edges = kl_divergence(teacher, logits);
  return detail::weighed(loss, weights);
}

/// Tokens of a student's layer and of the teacher's layer that it is matched with, `[batch * tokens, C]` each.
struct matched_layers {
  matrix_view<const float> student;
  matrix_view<const float> teacher;
};

/// Deep to shallow, the second stage: the loss above with the teacher's own edge distributions, and the squared differences of
/// the whole token sequences of matched layers, averaged over elements and layers, times `features`.
/// @throws shape_error before any work
inline distillation_loss deep_to_shallow_loss(matrix_view<const float> predicted, matrix_view<const float> logits,
                                              matrix_view<const float> teacher, matrix_view<const float> truth,
                                              std::span<const matched_layers> layers,
                                              const distillation_weights& weights = {}) {
  detail::items_of("deep_to_shallow_loss: logits", logits, predicted);
  distillation_loss loss = detail::box_parts(predicted, truth);
  loss.edges = kl_divergence(teacher, logits);
  for (const matched_layers& l : layers)
    loss.features += mean_squared_error(l.student, l.teacher) / static_cast<double>(layers.size());
  return detail::weighed(loss, weights);
}

/// Gain of the branches that progressive pruning removes: from near 1 in the first epoch (`epoch` counts from 1) along half a
/// cosine to 0 in epoch `length - 1`, and 0 from there on. @see branch_gain
inline double pruning_gain(std::size_t epoch, std::size_t length = 40) {
  if (length == 0) detail::raise<shape_error>("pruning_gain: expected a length of at least 1 epoch, got 0");
  if (epoch + 1 >= length) return 0.0;
  return 0.5 * (1.0 + std::cos(std::numbers::pi * static_cast<double>(epoch + 1) / static_cast<double>(length)));
}

}  // namespace heddle::inline v0
