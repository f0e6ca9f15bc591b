/// @file
/// What trackers of the one-stream family show to their networks: a square around the target, cut out, resized and
/// normalised. The rules are those of the official MixFormer, MixFormerV2 and ROMTrack implementations, to the pixel.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "heddle/primitive/convolution_window.hpp"
#include "heddle/primitive/resample/resize_u8.hpp"
#include "heddle/reference/resize_u8.hpp"
#include "tracker.hpp"

namespace heddle::examples {

/// A square of a frame in whole pixels: `(x, y)` is its top-left corner. Parts of it may lie outside the frame.
struct crop_square {
  std::ptrdiff_t x = 0;
  std::ptrdiff_t y = 0;
  std::size_t side = 0;

  friend constexpr bool operator==(const crop_square&, const crop_square&) = default;
};

/// The square of `ceil(factor * sqrt(w h))` pixels around the centre of `target`; its corner is rounded half to even.
/// @throws shape_error for a square of no pixels or of more than 2^20 a side
inline crop_square square_around(const box& target, double factor) {
  const double side = std::ceil(std::sqrt(target.w * target.h) * factor);
  if (!(side >= 1.0) || !(side <= 1048576.0))
    heddle::detail::raise<shape_error>("sample_target: the box is too small or too large to be cut out");
  const double x = std::nearbyint(target.x + 0.5 * target.w - 0.5 * side);
  const double y = std::nearbyint(target.y + 0.5 * target.h - 0.5 * side);
  if (!(std::abs(x) <= 1e9) || !(std::abs(y) <= 1e9))
    heddle::detail::raise<shape_error>("sample_target: the box is too far away from the frame");
  return {static_cast<std::ptrdiff_t>(x), static_cast<std::ptrdiff_t>(y), static_cast<std::size_t>(side)};
}

namespace detail {

/// Where one output column reads a row of the frame: bytes of its two pixels, and their weights, 0 in the padding.
struct crop_column {
  std::size_t offset[2] = {};
  int weight[2] = {};
};

/// The pixels of one axis that are copied from the frame: `[first, end)` of the square.
struct crop_interval {
  std::ptrdiff_t first = 0;
  std::ptrdiff_t end = 0;

  /// The official code pads one pixel early at the far border: where the square reaches the last row or column of the
  /// frame, that row or column is padding already.
  static crop_interval of(std::ptrdiff_t begin, std::size_t side, std::size_t frame) noexcept {
    const auto length = static_cast<std::ptrdiff_t>(side);
    const std::ptrdiff_t beyond = begin + length - static_cast<std::ptrdiff_t>(frame) + 1;
    return {begin < 0 ? -begin : 0, length - (beyond > 0 ? beyond : 0)};
  }
  bool has(std::size_t i) const noexcept {
    return static_cast<std::ptrdiff_t>(i) >= first && static_cast<std::ptrdiff_t>(i) < end;
  }
};

/// Horizontal sums of row `row` of the square, `[side, 3]`: zeros in the padding.
inline void sum_crop_row(const frame_view& frame, const crop_square& square, const crop_interval& rows, std::size_t row,
                         const crop_column* columns, std::size_t side, int* sums) noexcept {
  if (!rows.has(row)) {
    std::memset(sums, 0, side * 3 * sizeof(int));
    return;
  }
  const std::uint8_t* const source = frame.row(static_cast<std::size_t>(square.y + static_cast<std::ptrdiff_t>(row)));
  const std::size_t red = frame.byte_of(0);
  const std::size_t blue = frame.byte_of(2);
  for (std::size_t j = 0; j < side; ++j) {
    const crop_column& c = columns[j];
    const std::uint8_t* const a = source + c.offset[0];
    const std::uint8_t* const b = source + c.offset[1];
    sums[3 * j] = c.weight[0] * a[red] + c.weight[1] * b[red];
    sums[3 * j + 1] = c.weight[0] * a[1] + c.weight[1] * b[1];
    sums[3 * j + 2] = c.weight[0] * a[blue] + c.weight[1] * b[blue];
  }
}

}  // namespace detail

/// Scratch bytes of `sample_target` for an image of `side` x `side`.
constexpr std::size_t sample_target_bytes(std::size_t side) noexcept {
  return scratch_bytes<detail::crop_column>(side) + 2 * scratch_bytes<int>(3 * side);
}

/// Cuts `square` out of a frame and resizes it to `out` `[side, side, 3]`, red first, linearly in the fixed point of
/// `resize_u8`. What lies outside the frame is black. The square is never copied at its own size, so scratch
/// (`sample_target_bytes`) does not depend on the frame or the box.
/// @throws shape_error, workspace_error before any work
inline void sample_target(const frame_view& frame, const crop_square& square, image_u8_view<std::uint8_t> out, arena scratch) {
  const std::size_t side = out.extent(0);
  require_extent("sample_target: out", "columns", side, out.extent(1));
  require_extent("sample_target: out", "channels", 3, out.extent(2));
  if (side == 0 || square.side == 0)
    heddle::detail::raise<shape_error>("sample_target: the square and the image must have pixels");
  auto* const columns = scratch.take<detail::crop_column>(side);
  int* sums[2] = {scratch.take<int>(3 * side), scratch.take<int>(3 * side)};
  using rule = u8_rule::bilinear;

  const auto across = detail::crop_interval::of(square.x, square.side, frame.width);
  for (std::size_t j = 0; j < side; ++j) {
    const heddle::detail::fixed_taps taps = rule::at(j, square.side, side);
    columns[j] = {};
    for (int t = 0; t < 2; ++t) {
      if (!across.has(taps.index[t])) continue;
      columns[j].offset[t] = static_cast<std::size_t>(square.x + static_cast<std::ptrdiff_t>(taps.index[t])) * 3;
      columns[j].weight[t] = taps.weight[t];
    }
  }

  const auto down = detail::crop_interval::of(square.y, square.side, frame.height);
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t held[2] = {none, none};  // rows of the square whose sums are there
  for (std::size_t i = 0; i < side; ++i) {
    const heddle::detail::fixed_taps taps = rule::row_at(i, square.side, side);
    if (held[1] == taps.index[0]) {
      std::swap(held[0], held[1]);
      std::swap(sums[0], sums[1]);
    }
    for (int t = 0; t < 2; ++t) {
      if (held[t] == taps.index[t]) continue;
      detail::sum_crop_row(frame, square, down, taps.index[t], columns, side, sums[t]);
      held[t] = taps.index[t];
    }
    std::uint8_t* const row = out.data_handle() + i * side * 3;
    for (std::size_t k = 0; k < 3 * side; ++k) {
      const int both[4] = {sums[0][k], sums[1][k], 0, 0};
      row[k] = heddle::detail::combine_fixed<2>(both, taps.weight);
    }
  }
}

/// `(value / 255 - mean) / deviation` of every channel, by a table of the 256 values of a byte.
class pixel_normaliser {
  std::array<std::array<float, 3>, 256> table_{};

 public:
  /// The statistics of ImageNet, which the networks of this family were trained with.
  explicit pixel_normaliser(const std::array<float, 3>& mean = {0.485F, 0.456F, 0.406F},
                            const std::array<float, 3>& deviation = {0.229F, 0.224F, 0.225F}) {
    for (std::size_t v = 0; v < 256; ++v)
      for (std::size_t c = 0; c < 3; ++c) table_[v][c] = (static_cast<float>(v) / 255.0F - mean[c]) / deviation[c];
  }

  /// An image of bytes `[height, width, 3]` as the input `[1, height, width, 3]` of a network.
  void operator()(image_u8_view<const std::uint8_t> image, map_view<float> y) const {
    require_extent("pixel_normaliser: y", "elements", image.size(), y.size());
    require_extent("pixel_normaliser: image", "channels", 3, image.extent(2));
    const std::uint8_t* const from = image.data_handle();
    float* const to = y.data_handle();
    for (std::size_t i = 0; i < image.size(); i += 3) {
      to[i] = table_[from[i]][0];
      to[i + 1] = table_[from[i + 1]][1];
      to[i + 2] = table_[from[i + 2]][2];
    }
  }
};

}  // namespace heddle::examples
