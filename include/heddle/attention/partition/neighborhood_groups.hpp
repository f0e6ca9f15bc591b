/// @file
/// The index map of `neighborhood`: tiles of queries, and for each the region of keys that they can see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../core/extents.hpp"
#include "../../core/math.hpp"
#include "../batch.hpp"
#include "../context.hpp"
#include "../token_grid.hpp"

namespace heddle::inline v0 {

namespace detail {

/// One axis of a neighborhood. Tokens of one residue modulo `dilation` are a line of their own, cut into tiles.
struct neighborhood_axis {
  std::size_t length = 1;
  std::size_t kernel = 1;  ///< keys that a query sees
  std::size_t dilation = 1;
  std::size_t tile = 1;    ///< queries of a group
  std::size_t tiles = 1;   ///< of the longest line
  std::size_t region = 1;  ///< keys of a group

  HEDDLE_HOST_DEVICE constexpr bool padded() const noexcept { return length % dilation != 0 || length / dilation % tile != 0; }
};

/// One tile of an axis.
struct neighborhood_place {
  std::size_t residue = 0;
  std::size_t count = 0;        ///< tokens of the line
  std::size_t first_query = 0;  ///< counted along the line
  std::size_t first_key = 0;

  HEDDLE_HOST_DEVICE constexpr neighborhood_place(const neighborhood_axis& a, std::size_t line, std::size_t number) noexcept
      : residue(line),
        count(a.dilation == 1 ? a.length : (a.length - line + a.dilation - 1) / a.dilation),
        first_query(number * a.tile) {
    const std::size_t low = start(a, first_query);
    const std::size_t high = count > a.region ? count - a.region : 0;
    first_key = low < high ? low : high;
  }
  /// The first key that the token at `i` sees: half the kernel before it, shifted inwards at the borders.
  HEDDLE_HOST_DEVICE constexpr std::size_t start(const neighborhood_axis& a, std::size_t i) const noexcept {
    const std::size_t low = i > a.kernel / 2 ? i - a.kernel / 2 : 0;
    return low < count - a.kernel ? low : count - a.kernel;
  }
  /// The same for query `q` of the tile, counted from the first key of the region.
  HEDDLE_HOST_DEVICE constexpr std::size_t start_in_region(const neighborhood_axis& a, std::size_t q) const noexcept {
    return start(a, first_query + q) - first_key;
  }
  /// Coordinate in the grid of place `i` of the line, or the length for none.
  HEDDLE_HOST_DEVICE constexpr std::size_t coordinate(const neighborhood_axis& a, std::size_t i) const noexcept {
    return i < count ? residue + i * a.dilation : a.length;
  }

  /// Whether query `q` of the tile sees key `k` of the region, lane by lane.
  template <class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask visible(const neighborhood_axis& a, T q, T k) const noexcept {
    using math::max;
    using math::min;
    const auto number = [](std::ptrdiff_t n) { return batch_traits<T>::broadcast(static_cast<float>(n)); };
    const auto origin = static_cast<std::ptrdiff_t>(first_key);
    const auto last = static_cast<std::ptrdiff_t>(count - a.kernel) - origin;
    const T from =
        min(max(q + number(static_cast<std::ptrdiff_t>(first_query) - static_cast<std::ptrdiff_t>(a.kernel / 2) - origin),
                number(-origin)),
            number(last));
    const T to = from + number(static_cast<std::ptrdiff_t>(a.kernel));
    return static_cast<typename batch_traits<T>::mask>((k >= from) & (k < to));
  }

  /// Key minus query plus `kernel - 1`: 0 to `2 kernel - 2` for what is visible, and kept there for what is not.
  template <class T>
  HEDDLE_HOST_DEVICE constexpr T offset(const neighborhood_axis& a, T q, T k) const noexcept {
    using math::max;
    using math::min;
    const auto number = [](std::ptrdiff_t n) { return batch_traits<T>::broadcast(static_cast<float>(n)); };
    const auto shift = static_cast<std::ptrdiff_t>(first_key + a.kernel) - 1 - static_cast<std::ptrdiff_t>(first_query);
    return min(max(k - q + number(shift), number(0)), number(2 * static_cast<std::ptrdiff_t>(a.kernel) - 2));
  }
};

}  // namespace detail

/// Groups are tiles of neighbouring queries; the keys of a group are the smallest box that holds what its queries see, of the
/// same size for all groups. `classify` and `visible` tell which of them each query sees, exactly.
///
/// Groups are numbered by residue, then by tile; queries and keys in the order (frame, y, x) inside their box.
struct neighborhood_groups {
  static constexpr std::size_t static_size = dyn;

  token_grid grid{};
  detail::neighborhood_axis t{};
  detail::neighborhood_axis y{};
  detail::neighborhood_axis x{};

  HEDDLE_HOST_DEVICE constexpr std::size_t groups() const noexcept {
    return t.dilation * y.dilation * x.dilation * t.tiles * y.tiles * x.tiles;
  }
  HEDDLE_HOST_DEVICE constexpr std::size_t group_size() const noexcept { return t.tile * y.tile * x.tile; }
  HEDDLE_HOST_DEVICE constexpr std::size_t key_group_size() const noexcept { return t.region * y.region * x.region; }
  HEDDLE_HOST_DEVICE constexpr window_extents window() const noexcept { return {y.tile, x.tile, t.tile}; }
  /// Sides of the keys that a query sees.
  HEDDLE_HOST_DEVICE constexpr window_extents kernel() const noexcept { return {y.kernel, x.kernel, t.kernel}; }
  HEDDLE_HOST_DEVICE constexpr bool padded() const noexcept { return t.padded() || y.padded() || x.padded(); }

  HEDDLE_HOST_DEVICE constexpr std::int32_t token(std::size_t group, std::size_t i) const noexcept {
    const places p = locate(group);
    return at(p, p.t.first_query + i / x.tile / y.tile, p.y.first_query + i / x.tile % y.tile, p.x.first_query + i % x.tile);
  }
  HEDDLE_HOST_DEVICE constexpr void tokens(std::size_t group, std::int32_t* out) const noexcept {
    const places p = locate(group);
    box(p, p.t.first_query, p.y.first_query, p.x.first_query, {y.tile, x.tile, t.tile}, out);
  }
  HEDDLE_HOST_DEVICE constexpr std::int32_t key_token(std::size_t group, std::size_t i) const noexcept {
    const places p = locate(group);
    return at(p, p.t.first_key + i / x.region / y.region, p.y.first_key + i / x.region % y.region,
              p.x.first_key + i % x.region);
  }
  HEDDLE_HOST_DEVICE constexpr void key_tokens(std::size_t group, std::int32_t* out) const noexcept {
    const places p = locate(group);
    box(p, p.t.first_key, p.y.first_key, p.x.first_key, {y.region, x.region, t.region}, out);
  }

  /// Exact, row by row of both boxes.
  template <class Context>
  HEDDLE_HOST_DEVICE constexpr tile classify(const Context& c, std::size_t q0, std::size_t q1, std::size_t k0,
                                             std::size_t k1) const noexcept {
    const places p = locate(c.group);
    bool any = false;
    bool all = true;
    const line first_key = line_of(k0, x.region, y.region);
    for (line q = line_of(q0, x.tile, y.tile); q.begin < q1; q.next(x.tile, y.tile)) {
      const std::size_t from_t = p.t.start_in_region(t, q.t);
      const std::size_t from_y = p.y.start_in_region(y, q.y);
      const std::size_t first = p.x.start_in_region(x, q0 > q.begin ? q0 - q.begin : 0);
      const std::size_t last = p.x.start_in_region(x, (q.begin + x.tile < q1 ? x.tile : q1 - q.begin) - 1);
      for (line k = first_key; k.begin < k1; k.next(x.region, y.region)) {
        const std::size_t left = k0 > k.begin ? k0 - k.begin : 0;
        const std::size_t right = k.begin + x.region < k1 ? x.region : k1 - k.begin;
        const bool rows = inside(k.t, from_t, t.kernel) && inside(k.y, from_y, y.kernel);
        any = any || (rows && left < last + x.kernel && right > first);
        all = all && rows && last <= left && first + x.kernel >= right;
        if (any && !all) return tile::partial;
      }
    }
    return any ? tile::full : tile::skip;
  }

  /// An axis with a region of one key hides nothing.
  template <class Context, class T>
  HEDDLE_HOST_DEVICE constexpr typename batch_traits<T>::mask visible(const Context& c, T q, T k) const noexcept {
    using mask_type = typename batch_traits<T>::mask;
    const places p = locate(c.group);
    if (t.region == 1 && y.region == 1) return p.x.visible(x, q, k);
    const T q_row = detail::row_of(q, x.tile);
    const T k_row = detail::row_of(k, x.region);
    const mask_type in_x = p.x.visible(x, rest(q, q_row, x.tile), rest(k, k_row, x.region));
    if (t.region == 1) {
      const mask_type in_y = p.y.visible(y, q_row, k_row);
      return static_cast<mask_type>(in_x & in_y);
    }
    const T q_frame = detail::row_of(q_row, y.tile);
    const T k_frame = detail::row_of(k_row, y.region);
    const mask_type in_y = p.y.visible(y, rest(q_row, q_frame, y.tile), rest(k_row, k_frame, y.region));
    const mask_type in_t = p.t.visible(t, q_frame, k_frame);
    return static_cast<mask_type>(in_x & in_y & in_t);
  }

  /// Where a table `[2 kernel.depth - 1, 2 kernel.height - 1, 2 kernel.width - 1]` over key - query has the entry of a pair,
  /// lane by lane; some entry of the table for pairs that do not see each other.
  template <class T>
  HEDDLE_HOST_DEVICE constexpr T table_index(std::size_t group, T q, T k) const noexcept {
    const places p = locate(group);
    if (t.region == 1 && y.region == 1 && t.kernel == 1 && y.kernel == 1) return p.x.offset(x, q, k);
    const T rows = detail::batch_value<T>(2 * y.kernel - 1);
    const T columns = detail::batch_value<T>(2 * x.kernel - 1);
    const T q_row = detail::row_of(q, x.tile);
    const T k_row = detail::row_of(k, x.region);
    const T column = p.x.offset(x, rest(q, q_row, x.tile), rest(k, k_row, x.region));
    if (t.region == 1 && t.kernel == 1) return p.y.offset(y, q_row, k_row) * columns + column;
    const T q_frame = detail::row_of(q_row, y.tile);
    const T k_frame = detail::row_of(k_row, y.region);
    const T row = p.y.offset(y, rest(q_row, q_frame, y.tile), rest(k_row, k_frame, y.region));
    return (p.t.offset(t, q_frame, k_frame) * rows + row) * columns + column;
  }

 private:
  struct places {
    detail::neighborhood_place t;
    detail::neighborhood_place y;
    detail::neighborhood_place x;
  };
  /// One row of a box: its first position, and which one it is.
  struct line {
    std::size_t begin;
    std::size_t t;
    std::size_t y;
    HEDDLE_HOST_DEVICE constexpr void next(std::size_t width, std::size_t height) noexcept {
      begin += width;
      if (++y < height) return;
      y = 0;
      ++t;
    }
  };
  HEDDLE_HOST_DEVICE static constexpr line line_of(std::size_t position, std::size_t width, std::size_t height) noexcept {
    const std::size_t row = position / width;
    return {row * width, row / height, row % height};
  }

  HEDDLE_HOST_DEVICE constexpr places locate(std::size_t group) const noexcept {
    // Divisions are what costs most here: a kernel asks for every vector of keys.
    const std::size_t row = group / x.tiles;
    const std::size_t tile_x = group - row * x.tiles;
    if (t.tiles == 1 && t.dilation * y.dilation * x.dilation == 1) return {{t, 0, 0}, {y, 0, row}, {x, 0, tile_x}};
    const std::size_t above = row / y.tiles;
    const std::size_t tile_y = row - above * y.tiles;
    const std::size_t residues = above / t.tiles;
    return {{t, residues / x.dilation / y.dilation, above % t.tiles},
            {y, residues / x.dilation % y.dilation, tile_y},
            {x, residues % x.dilation, tile_x}};
  }
  HEDDLE_HOST_DEVICE static constexpr bool inside(std::size_t k, std::size_t from, std::size_t length) noexcept {
    return k >= from && k < from + length;
  }
  /// What is left of a position behind `row` rows.
  template <class T>
  HEDDLE_HOST_DEVICE static constexpr T rest(T position, T row, std::size_t width) noexcept {
    return position - row * detail::batch_value<T>(width);
  }

  /// The token at three places of the lines of a group, or -1.
  HEDDLE_HOST_DEVICE constexpr std::int32_t at(const places& p, std::size_t it, std::size_t iy, std::size_t ix) const noexcept {
    const std::size_t ct = p.t.coordinate(t, it);
    const std::size_t cy = p.y.coordinate(y, iy);
    const std::size_t cx = p.x.coordinate(x, ix);
    if (ct >= grid.frames || cy >= grid.height || cx >= grid.width) return -1;
    return static_cast<std::int32_t>((ct * grid.height + cy) * grid.width + cx);
  }
  /// The tokens of a box, by nested strides.
  HEDDLE_HOST_DEVICE constexpr void box(const places& p, std::size_t it, std::size_t iy, std::size_t ix, window_extents sides,
                                        std::int32_t* out) const noexcept {
    for (std::size_t a = 0; a < sides.depth; ++a) {
      const std::size_t ct = p.t.coordinate(t, it + a);
      for (std::size_t b = 0; b < sides.height; ++b) {
        const std::size_t cy = p.y.coordinate(y, iy + b);
        const bool outside = ct >= grid.frames || cy >= grid.height;
        const std::size_t row = (ct * grid.height + cy) * grid.width + p.x.residue;
        for (std::size_t i = 0; i < sides.width; ++i, ++out)
          *out = outside || ix + i >= p.x.count ? -1 : static_cast<std::int32_t>(row + (ix + i) * x.dilation);
      }
    }
  }
};

}  // namespace heddle::inline v0
