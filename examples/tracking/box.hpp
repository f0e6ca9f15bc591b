/// @file
/// Boxes of targets, and the steps that every tracker of the one-stream family does with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace heddle::examples {

/// A rectangle in pixels of a frame: `(x, y)` is its top-left corner. Parts of it may lie outside the frame.
struct box {
  double x = 0;
  double y = 0;
  double w = 0;
  double h = 0;

  constexpr double centre_x() const noexcept { return x + 0.5 * w; }
  constexpr double centre_y() const noexcept { return y + 0.5 * h; }
  friend constexpr bool operator==(const box&, const box&) = default;
};

/// A box by its centre, in shares of the side of a square crop: what the networks predict.
struct relative_box {
  double cx = 0;
  double cy = 0;
  double w = 0;
  double h = 0;
};

/// Area of the intersection divided by that of the union; 0 where one of them is empty.
constexpr double intersection_over_union(const box& a, const box& b) noexcept {
  const double width = std::min(a.x + a.w, b.x + b.w) - std::max(a.x, b.x);
  const double height = std::min(a.y + a.h, b.y + b.h) - std::max(a.y, b.y);
  if (!(width > 0 && height > 0)) return 0;
  const double shared = width * height;
  return shared / (a.w * a.h + b.w * b.h - shared);
}

/// The prediction in pixels of the frame: the crop is `side` pixels wide and centred where `previous` is.
constexpr box from_crop(const relative_box& predicted, const box& previous, double side) noexcept {
  const double cx = predicted.cx * side + (previous.centre_x() - 0.5 * side);
  const double cy = predicted.cy * side + (previous.centre_y() - 0.5 * side);
  return {cx - 0.5 * predicted.w * side, cy - 0.5 * predicted.h * side, predicted.w * side, predicted.h * side};
}

/// Moves the corners into a frame of `width` x `height`; at least `margin` pixels are left on both axes.
constexpr box clipped(const box& b, double width, double height, double margin = 10.0) noexcept {
  const double x1 = std::min(std::max(0.0, b.x), width - margin);
  const double x2 = std::min(std::max(margin, b.x + b.w), width);
  const double y1 = std::min(std::max(0.0, b.y), height - margin);
  const double y2 = std::min(std::max(margin, b.y + b.h), height);
  return {x1, y1, std::max(margin, x2 - x1), std::max(margin, y2 - y1)};
}

}  // namespace heddle::examples
