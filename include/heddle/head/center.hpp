/// @file
/// The centre head of one-stream trackers: a map of how likely the target's centre is, and at every place its size and
/// the fraction of a cell that the map cannot express (Ye et al., OSTrack, arXiv 2203.11991, section 3.3).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "../layer/convolution.hpp"
#include "../layer/sequential.hpp"

namespace heddle::inline v0 {

/// Sigmoid kept away from 0 and 1, so that a loss may take its logarithm: `min(max(sigmoid(x), 1e-4), 1 - 1e-4)`.
struct bounded_sigmoid {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::max;
    using math::min;
    return min(max(sigmoid{}(x), T(1e-4f)), T(1.0f - 1e-4f));
  }
};

/// Channels of the four 3 x 3 convolutions of each branch.
using center_channels = std::array<std::size_t, 4>;

/// Stands where a head has no norms.
template <std::size_t>
using center_no_norm = no_norm;

/// One branch: four 3 x 3 convolutions with `Norm` and ReLU, then one of size 1 with `Activation`. Children: `conv1` ... `conv5`.
template <std::size_t In, center_channels Channels, std::size_t Out, class Activation,
          template <std::size_t> class Norm = center_no_norm>
using center_branch =
    sequential<named<"conv1", convolution<In, Channels[0], convolution_options{}, Norm<Channels[0]>, relu>>,
               named<"conv2", convolution<Channels[0], Channels[1], convolution_options{}, Norm<Channels[1]>, relu>>,
               named<"conv3", convolution<Channels[1], Channels[2], convolution_options{}, Norm<Channels[2]>, relu>>,
               named<"conv4", convolution<Channels[2], Channels[3], convolution_options{}, Norm<Channels[3]>, relu>>,
               named<"conv5", pointwise_convolution<Channels[3], Out, true, no_norm, Activation>>>;

/// What the head says of a map `[batch, height, width, channels]`.
struct center_maps {
  map_view<float> score;   ///< `[batch, height, width, 1]`: how likely the centre is in this cell, in (0, 1)
  map_view<float> size;    ///< `[batch, height, width, 2]`: width and height of the box, as shares of the map's
  map_view<float> offset;  ///< `[batch, height, width, 2]`: x and y of the centre inside the cell, in cells
};

namespace detail {
/// A map's floats rounded up to 64 bytes, so that what lies behind it is aligned as it is.
constexpr std::size_t center_map_room(std::size_t floats) noexcept { return (floats + 15) / 16 * 16; }
}  // namespace detail

/// Floats of one memory that holds the three maps of `batch` images.
constexpr std::size_t center_map_floats(std::size_t batch, std::size_t height, std::size_t width) noexcept {
  const std::size_t cells = batch * height * width;
  return detail::center_map_room(cells) + detail::center_map_room(2 * cells) + 2 * cells;
}

/// The three maps one behind the other in `memory` of `center_map_floats`, so that one copy moves them all.
inline center_maps center_maps_in(float* memory, std::size_t batch, std::size_t height, std::size_t width) noexcept {
  const std::size_t cells = batch * height * width;
  float* const size = memory + detail::center_map_room(cells);
  float* const offset = size + detail::center_map_room(2 * cells);
  const map_extents pairs(batch, height, width, 2);
  return {map_view<float>(memory, map_extents(batch, height, width, 1)), map_view<float>(size, pairs),
          map_view<float>(offset, pairs)};
}

/// The body: three branches on the same map. Children: `ctr`, `size`, `offset`, each with `conv1` ... `conv5`. A
/// checkpoint whose batch norms were folded into its convolutions has no `Norm`.
template <std::size_t In, center_channels Channels, template <std::size_t> class Norm = center_no_norm>
struct center_head {
  static constexpr std::size_t channels = In;
  using score_type = center_branch<In, Channels, 1, bounded_sigmoid, Norm>;
  using size_type = center_branch<In, Channels, 2, bounded_sigmoid, Norm>;
  using offset_type = center_branch<In, Channels, 2, identity, Norm>;

  score_type ctr;
  size_type size;
  offset_type offset;

  static constexpr auto members() {
    return heddle::members<&center_head::ctr, &center_head::size, &center_head::offset>("ctr", "size", "offset");
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return score_type::multiply_adds(x) + size_type::multiply_adds(x) + offset_type::multiply_adds(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return std::max(
        {score_type::scratch_bytes(backend, x), size_type::scratch_bytes(backend, x), offset_type::scratch_bytes(backend, x)});
  }

  /// @throws shape_error before any work
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, const center_maps& y) const {
    require_like("center_head: score", x, y.score, 1);
    require_like("center_head: size", x, y.size, 2);
    require_like("center_head: offset", x, y.offset, 2);
    ctr.forward(ctx, x, y.score);
    size.forward(ctx, x, y.size);
    offset.forward(ctx, x, y.offset);
  }

 private:
  static void require_like(const char* name, const map_view<const float>& x, const map_view<float>& y, std::size_t last) {
    require_extent(name, "images", x.extent(0), y.extent(0));
    require_extent(name, "rows", x.extent(1), y.extent(1));
    require_extent(name, "columns", x.extent(2), y.extent(2));
    require_extent(name, "channels", last, y.extent(3));
  }
};

/// A Hann window without its zeros at both ends: `h[k] = (1 - cos(2 pi (k + 1) / (n + 1))) / 2` for `k < n`. Multiplied
/// with a score map on both axes it prefers targets that moved little.
inline void hann_window(std::span<float> window) noexcept {
  constexpr double two_pi = 6.283185307179586476925286766559;
  const auto n = static_cast<double>(window.size());
  for (std::size_t k = 0; k < window.size(); ++k)
    window[k] = static_cast<float>(0.5 * (1.0 - std::cos(two_pi * static_cast<double>(k + 1) / (n + 1.0))));
}

/// One box out of the maps, in shares of the map's sides.
struct center_box {
  float cx = 0;
  float cy = 0;
  float width = 0;
  float height = 0;
  float score = 0;      ///< the largest of the map, not windowed
  std::size_t row = 0;  ///< of the chosen cell
  std::size_t column = 0;
};

/// Decodes image `image` of the maps: the cell with the largest `score * window_row * window_column` (the first of them in
/// row-major order) says where the centre is and how large the box. Empty windows stand for ones.
///
/// A map without a number to compare (NaN throughout) yields cell (0, 0) and a score of 0.
/// @throws shape_error where a window has another length than its axis
inline center_box decode_center(const center_maps& maps, std::span<const float> row_window,
                                std::span<const float> column_window, std::size_t image = 0) {
  const std::size_t rows = maps.score.extent(1);
  const std::size_t columns = maps.score.extent(2);
  if (!row_window.empty()) require_extent("decode_center: row_window", "rows", rows, row_window.size());
  if (!column_window.empty()) require_extent("decode_center: column_window", "columns", columns, column_window.size());
  center_box best;
  float largest = -1.0f;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      const float score = maps.score(image, i, j, std::size_t{0});
      // The product of the windows first: the order of the published tracker, and so its ties.
      const float weight = (row_window.empty() ? 1.0f : row_window[i]) * (column_window.empty() ? 1.0f : column_window[j]);
      if (score > best.score) best.score = score;
      if (score * weight > largest) {
        largest = score * weight;
        best.row = i;
        best.column = j;
      }
    }
  const auto at = [&](const map_view<float>& map, std::size_t channel) { return map(image, best.row, best.column, channel); };
  best.cx = (static_cast<float>(best.column) + at(maps.offset, 0)) / static_cast<float>(columns);
  best.cy = (static_cast<float>(best.row) + at(maps.offset, 1)) / static_cast<float>(rows);
  best.width = at(maps.size, 0);
  best.height = at(maps.size, 1);
  return best;
}

}  // namespace heddle::inline v0
