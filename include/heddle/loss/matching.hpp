/// @file
/// Predictions matched to targets, and the losses of the matches: set prediction with boxes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "../core/workspace.hpp"
#include "box.hpp"

namespace heddle::inline v0 {

/// Scratch of `match_lowest_cost`.
constexpr std::size_t matching_bytes(std::size_t rows, std::size_t columns) noexcept {
  const std::size_t n = std::max(rows, columns) + 1;
  return 3 * scratch_bytes<double>(n) + 2 * scratch_bytes<std::size_t>(n) + scratch_bytes<std::uint8_t>(n);
}

namespace detail {

/// Shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957, Jonker and Volgenant 1987), for no more rows than
/// columns. Indices count from 1; column 0 holds the row that is being placed.
template <class Cost>
class assignment {
  std::size_t rows_;
  std::size_t columns_;
  Cost cost_;
  double* row_potential_;
  double* column_potential_;
  double* shortest_;
  std::size_t* row_of_;  ///< that a column is matched to, 0: none
  std::size_t* from_;
  std::uint8_t* done_;

 public:
  assignment(std::size_t rows, std::size_t columns, Cost cost, arena memory)
      : rows_(rows),
        columns_(columns),
        cost_(cost),
        row_potential_(memory.take<double>(columns + 1)),
        column_potential_(memory.take<double>(columns + 1)),
        shortest_(memory.take<double>(columns + 1)),
        row_of_(memory.take<std::size_t>(columns + 1)),
        from_(memory.take<std::size_t>(columns + 1)),
        done_(memory.take<std::uint8_t>(columns + 1)) {
    std::fill_n(row_potential_, columns + 1, 0.0);
    std::fill_n(column_potential_, columns + 1, 0.0);
    std::fill_n(row_of_, columns + 1, std::size_t{0});
  }

  void run() {
    for (std::size_t r = 1; r <= rows_; ++r) {
      row_of_[0] = r;
      std::size_t column = find_path();
      for (; column != 0; column = from_[column]) row_of_[column] = row_of_[from_[column]];
    }
  }
  /// `f(row, column)` of every match, both from 0.
  template <class F>
  void each(F f) const {
    for (std::size_t c = 1; c <= columns_; ++c)
      if (row_of_[c] != 0) f(row_of_[c] - 1, c - 1);
  }

 private:
  /// The free column at the end of the cheapest path from column 0.
  std::size_t find_path() {
    std::fill_n(shortest_, columns_ + 1, std::numeric_limits<double>::infinity());
    std::fill_n(done_, columns_ + 1, std::uint8_t{0});
    std::size_t column = 0;
    do {
      done_[column] = 1;
      column = step(column);
    } while (row_of_[column] != 0);
    return column;
  }
  /// One more column is reached: the nearest.
  std::size_t step(std::size_t column) {
    const std::size_t row = row_of_[column];
    double least = std::numeric_limits<double>::infinity();
    std::size_t nearest = 0;
    for (std::size_t c = 1; c <= columns_; ++c) {
      if (done_[c] != 0) continue;
      const double reduced = cost_(row - 1, c - 1) - row_potential_[row] - column_potential_[c];
      if (reduced < shortest_[c]) {
        shortest_[c] = reduced;
        from_[c] = column;
      }
      if (nearest == 0 || shortest_[c] < least) {
        least = shortest_[c];
        nearest = c;
      }
    }
    for (std::size_t c = 0; c <= columns_; ++c) {
      if (done_[c] != 0) {
        row_potential_[row_of_[c]] += least;
        column_potential_[c] -= least;
      } else {
        shortest_[c] -= least;
      }
    }
    return nearest;
  }
};

}  // namespace detail

/// One prediction for every target (or one target for every prediction, where those are fewer) so that the sum of the
/// costs is the lowest.
///
/// @param cost    `[predictions, targets]`, finite
/// @param matches `[targets]`: the prediction of each, -1 for none
/// @throws shape_error (also for a cost that is not finite), workspace_error before any work
inline void match_lowest_cost(matrix_view<const float> cost, std::span<std::int32_t> matches, arena memory) {
  const std::size_t predictions = cost.extent(0);
  const std::size_t targets = cost.extent(1);
  require_extent("match_lowest_cost: matches", "targets", targets, matches.size());
  for (std::size_t p = 0; p < predictions; ++p)
    for (std::size_t t = 0; t < targets; ++t)
      if (!std::isfinite(cost(p, t)))
        detail::raise<shape_error>("match_lowest_cost: the cost of prediction " + std::to_string(p) + " and target " +
                                   std::to_string(t) + " is not finite");
  const std::size_t needed = matching_bytes(predictions, targets);
  if (needed > memory.remaining()) arena::too_small(needed, memory.remaining());
  std::fill(matches.begin(), matches.end(), -1);
  if (targets <= predictions) {
    detail::assignment solver(
        targets, predictions, [&](std::size_t t, std::size_t p) { return static_cast<double>(cost(p, t)); }, memory);
    solver.run();
    solver.each([&](std::size_t t, std::size_t p) { matches[t] = static_cast<std::int32_t>(p); });
  } else {
    detail::assignment solver(
        predictions, targets, [&](std::size_t p, std::size_t t) { return static_cast<double>(cost(p, t)); }, memory);
    solver.run();
    solver.each([&](std::size_t p, std::size_t t) { matches[t] = static_cast<std::int32_t>(p); });
  }
}

/// Weights of `set_cost` and of the losses of matches; those of EVAD.
struct set_weights {
  double classes = 2.0;
  double l1 = 5.0;
  double generalized_iou = 2.0;
  double nothing = 0.1;  ///< of predictions without a target, in the cross-entropy
  double actions = 12.0;
};

/// Predictions and targets of one image. Boxes are (x1, y1, x2, y2) in units of the image.
struct set_problem {
  matrix_view<const float> logits{};   ///< `[predictions, 2]`: object, nothing
  matrix_view<const float> boxes{};    ///< `[predictions, 4]`
  matrix_view<const float> targets{};  ///< `[targets, 4]`
  float width = 1.0F;                  ///< of the image
  float height = 1.0F;
};

namespace detail {

inline void check_set(const set_problem& p) {
  require_extent("set: logits", "columns (object, nothing)", 2, p.logits.extent(1));
  require_extent("set: boxes", "columns (x1, y1, x2, y2)", 4, p.boxes.extent(1));
  require_extent("set: boxes", "predictions", p.logits.extent(0), p.boxes.extent(0));
  if (p.targets.extent(0) != 0) require_extent("set: targets", "columns (x1, y1, x2, y2)", 4, p.targets.extent(1));
}

inline corner_box<double> box_at(const matrix_view<const float>& m, std::size_t r) {
  return {static_cast<double>(m(r, 0)), static_cast<double>(m(r, 1)), static_cast<double>(m(r, 2)),
          static_cast<double>(m(r, 3))};
}
/// Sum of the distances of the coordinates as shares of the image.
inline double shared_l1(const corner_box<double>& a, const corner_box<double>& b, const set_problem& p) {
  const double w = static_cast<double>(p.width);
  const double h = static_cast<double>(p.height);
  return (std::abs(a.x1 - b.x1) + std::abs(a.x2 - b.x2)) / w + (std::abs(a.y1 - b.y1) + std::abs(a.y2 - b.y2)) / h;
}
/// `log(1 + exp(x))`
inline double softplus(double x) { return (x > 0 ? x : 0.0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace detail

/// The cost of every pair (Carion et al., ECCV 2020, equation 2, as Sparse R-CNN and EVAD weight it):
/// `w_c (-p_object) + w_1 L1(boxes as shares of the image) + w_g (-generalised IoU)`.
/// @param cost `[predictions, targets]` @throws shape_error
inline void set_cost(const set_problem& p, const set_weights& w, matrix_view<float> cost) {
  detail::check_set(p);
  require_extent("set_cost: cost", "predictions", p.logits.extent(0), cost.extent(0));
  require_extent("set_cost: cost", "targets", p.targets.extent(0), cost.extent(1));
  for (std::size_t i = 0; i < cost.extent(0); ++i) {
    const double object = 1.0 / (1.0 + std::exp(static_cast<double>(p.logits(i, 1)) - static_cast<double>(p.logits(i, 0))));
    const corner_box<double> box = detail::box_at(p.boxes, i);
    for (std::size_t t = 0; t < cost.extent(1); ++t) {
      const corner_box<double> target = detail::box_at(p.targets, t);
      cost(i, t) = static_cast<float>(-w.classes * object + w.l1 * detail::shared_l1(box, target, p) -
                                      w.generalized_iou * generalized_iou(box, target));
    }
  }
}

/// What the matches of one image add to the losses of a batch: sums, to be divided by the number of boxes of the batch (of
/// the cross-entropy: by the sum of its weights).
struct set_losses {
  double cross_entropy = 0;
  double cross_entropy_weight = 0;
  double l1 = 0;
  double generalized_iou = 0;  ///< of 1 - IoU
  double boxes = 0;

  friend set_losses operator+(const set_losses& a, const set_losses& b) noexcept {
    return {a.cross_entropy + b.cross_entropy, a.cross_entropy_weight + b.cross_entropy_weight, a.l1 + b.l1,
            a.generalized_iou + b.generalized_iou, a.boxes + b.boxes};
  }
  /// The weighted loss; the number of boxes counts as at least 1.
  double total(const set_weights& w) const noexcept {
    const double n = boxes > 1 ? boxes : 1.0;
    const double entropy = cross_entropy_weight > 0 ? cross_entropy / cross_entropy_weight : 0.0;
    return w.classes * entropy + w.l1 * l1 / n + w.generalized_iou * generalized_iou / n;
  }
};

/// The losses of one stage for given matches (`[targets]`, -1: none): cross-entropy over all predictions, L1 and generalised IoU
/// over the matched. @throws shape_error
inline set_losses set_loss(const set_problem& p, std::span<const std::int32_t> matches, const set_weights& w) {
  detail::check_set(p);
  require_extent("set_loss: matches", "targets", p.targets.extent(0), matches.size());
  set_losses sum;
  for (std::size_t i = 0; i < p.logits.extent(0); ++i) {
    const bool matched = std::find(matches.begin(), matches.end(), static_cast<std::int32_t>(i)) != matches.end();
    const double margin = static_cast<double>(p.logits(i, 1)) - static_cast<double>(p.logits(i, 0));
    const double weight = matched ? 1.0 : w.nothing;
    sum.cross_entropy += weight * detail::softplus(matched ? margin : -margin);
    sum.cross_entropy_weight += weight;
  }
  for (std::size_t t = 0; t < matches.size(); ++t) {
    if (matches[t] < 0) continue;
    const corner_box<double> box = detail::box_at(p.boxes, static_cast<std::size_t>(matches[t]));
    const corner_box<double> target = detail::box_at(p.targets, t);
    sum.l1 += detail::shared_l1(box, target, p);
    sum.generalized_iou += 1 - generalized_iou(box, target);
  }
  sum.boxes = static_cast<double>(matches.size());
  return sum;
}

/// Mean binary cross-entropy of the actions of matched persons: `[targets, actions]` of 0 and 1 against the logits
/// `[predictions, actions]` of their matches; 0 where nothing is matched. @throws shape_error
inline double action_loss(matrix_view<const float> logits, matrix_view<const float> targets,
                          std::span<const std::int32_t> matches) {
  require_extent("action_loss: matches", "targets", targets.extent(0), matches.size());
  require_extent("action_loss: targets", "actions", logits.extent(1), targets.extent(1));
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t t = 0; t < matches.size(); ++t) {
    if (matches[t] < 0) continue;
    for (std::size_t a = 0; a < logits.extent(1); ++a, ++count) {
      const double x = static_cast<double>(logits(static_cast<std::size_t>(matches[t]), a));
      sum += detail::softplus(x) - static_cast<double>(targets(t, a)) * x;
    }
  }
  return count == 0 ? 0.0 : sum / static_cast<double>(count);
}

}  // namespace heddle::inline v0
