/// @file
/// Losses of boxes: overlap in three forms, and distance of coordinates.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>

#include "../core/view.hpp"

namespace heddle::inline v0 {

/// A box by two corners, top left and bottom right; it has an area where `x2 > x1` and `y2 > y1`.
template <std::floating_point T>
struct corner_box {
  T x1 = 0;
  T y1 = 0;
  T x2 = 0;
  T y2 = 0;

  constexpr T width() const noexcept { return x2 - x1; }
  constexpr T height() const noexcept { return y2 - y1; }
  /// 0 for an inverted box.
  constexpr T area() const noexcept { return x2 > x1 && y2 > y1 ? width() * height() : T{0}; }
  friend constexpr bool operator==(const corner_box&, const corner_box&) = default;
};

/// A box by its centre and sides.
template <std::floating_point T>
struct centre_box {
  T cx = 0;
  T cy = 0;
  T w = 0;
  T h = 0;
  friend constexpr bool operator==(const centre_box&, const centre_box&) = default;
};

template <std::floating_point T>
constexpr centre_box<T> to_centre(const corner_box<T>& b) noexcept {
  return {(b.x1 + b.x2) / 2, (b.y1 + b.y2) / 2, b.x2 - b.x1, b.y2 - b.y1};
}
template <std::floating_point T>
constexpr corner_box<T> to_corners(const centre_box<T>& b) noexcept {
  return {b.cx - b.w / 2, b.cy - b.h / 2, b.cx + b.w / 2, b.cy + b.h / 2};
}

namespace detail {

template <std::floating_point T>
struct box_overlap {
  T intersection;
  T united;
};

template <std::floating_point T>
constexpr box_overlap<T> overlap_of(const corner_box<T>& a, const corner_box<T>& b) noexcept {
  const corner_box<T> both{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
  return {both.area(), a.area() + b.area() - both.area()};
}

/// The smallest box that holds both.
template <std::floating_point T>
constexpr corner_box<T> hull_of(const corner_box<T>& a, const corner_box<T>& b) noexcept {
  return {std::min(a.x1, b.x1), std::min(a.y1, b.y1), std::max(a.x2, b.x2), std::max(a.y2, b.y2)};
}

/// Mean of `f(predicted box, target box)` over rows `[boxes, 4]`; 0 for no boxes.
template <class F>
double mean_over_boxes(const matrix_view<const float>& predicted, const matrix_view<const float>& target, F f) {
  require_extent("box loss: predicted", "columns (x1, y1, x2, y2)", 4, predicted.extent(1));
  require_extent("box loss: target", "columns (x1, y1, x2, y2)", 4, target.extent(1));
  require_extent("box loss: target", "boxes", predicted.extent(0), target.extent(0));
  const auto box_of = [](const matrix_view<const float>& m, std::size_t r) {
    return corner_box<double>{static_cast<double>(m(r, 0)), static_cast<double>(m(r, 1)), static_cast<double>(m(r, 2)),
                              static_cast<double>(m(r, 3))};
  };
  double sum = 0;
  for (std::size_t r = 0; r < predicted.extent(0); ++r) sum += f(box_of(predicted, r), box_of(target, r));
  return predicted.extent(0) == 0 ? 0.0 : sum / static_cast<double>(predicted.extent(0));
}

}  // namespace detail

/// Area of the intersection over that of the union, in [0, 1]; 0 where neither box has an area.
template <std::floating_point T>
constexpr T intersection_over_union(const corner_box<T>& a, const corner_box<T>& b) noexcept {
  const auto o = detail::overlap_of(a, b);
  return o.united > 0 ? o.intersection / o.united : T{0};
}

/// Generalised IoU (Rezatofighi et al. 2019): `iou - (|C| - |A u B|) / |C|` with the smallest enclosing box C, in [-1, 1].
template <std::floating_point T>
constexpr T generalized_iou(const corner_box<T>& a, const corner_box<T>& b) noexcept {
  const auto o = detail::overlap_of(a, b);
  const T hull = detail::hull_of(a, b).area();
  const T iou = o.united > 0 ? o.intersection / o.united : T{0};
  return hull > 0 ? iou - (hull - o.united) / hull : iou;
}

/// Complete IoU (Zheng et al. 2020) in [-1, 1]: `iou - d^2 / c^2 - a v` with the distance d of the centres, the diagonal c of
/// the enclosing box, `v = 4 / pi^2 (atan(w_b / h_b) - atan(w_a / h_a))^2` and `a = v / (1 - iou + v)` where `iou > 1/2`, else 0.
template <std::floating_point T>
T complete_iou(const corner_box<T>& a, const corner_box<T>& b) noexcept {
  const T iou = intersection_over_union(a, b);
  const corner_box<T> hull = detail::hull_of(a, b);
  const T diagonal = hull.width() * hull.width() + hull.height() * hull.height();
  const centre_box<T> p = to_centre(a);
  const centre_box<T> q = to_centre(b);
  const T distance = (p.cx - q.cx) * (p.cx - q.cx) + (p.cy - q.cy) * (p.cy - q.cy);
  const T angle = std::atan(q.w / q.h) - std::atan(p.w / p.h);
  const T aspect = static_cast<T>(0.40528473456935108578) * angle * angle;  // 4 / pi^2
  const T weight = iou > static_cast<T>(0.5) ? aspect / (1 - iou + aspect) : T{0};
  const T result = iou - (diagonal > 0 ? distance / diagonal : T{0}) - (weight > 0 ? weight * aspect : T{0});
  return std::clamp(result, T{-1}, T{1});
}

/// `mean(1 - iou)` over boxes `[boxes, 4]` = (x1, y1, x2, y2); 0 for no boxes. @throws shape_error
inline double iou_loss(matrix_view<const float> predicted, matrix_view<const float> target) {
  return detail::mean_over_boxes(predicted, target,
                                 [](const auto& a, const auto& b) { return 1 - intersection_over_union(a, b); });
}

/// `mean(1 - generalised iou)`, shapes as `iou_loss`. @throws shape_error
inline double generalized_iou_loss(matrix_view<const float> predicted, matrix_view<const float> target) {
  return detail::mean_over_boxes(predicted, target, [](const auto& a, const auto& b) { return 1 - generalized_iou(a, b); });
}

/// `mean(1 - complete iou)`, shapes as `iou_loss`. @throws shape_error
inline double complete_iou_loss(matrix_view<const float> predicted, matrix_view<const float> target) {
  return detail::mean_over_boxes(predicted, target, [](const auto& a, const auto& b) { return 1 - complete_iou(a, b); });
}

/// Mean absolute difference of the coordinates, shapes as `iou_loss`. @throws shape_error
inline double box_l1_loss(matrix_view<const float> predicted, matrix_view<const float> target) {
  return detail::mean_over_boxes(predicted, target, [](const auto& a, const auto& b) {
    return (std::abs(a.x1 - b.x1) + std::abs(a.y1 - b.y1) + std::abs(a.x2 - b.x2) + std::abs(a.y2 - b.y2)) / 4;
  });
}

}  // namespace heddle::inline v0
