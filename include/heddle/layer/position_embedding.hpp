/// @file
/// Positions that are added to tokens: tables, learned or fixed.
#pragma once

#include <cstddef>
#include <span>

#include "../core/math.hpp"
#include "../primitive/map.hpp"
#include "residual.hpp"

namespace heddle::inline v0 {

/// A table of positions, added to the tokens of every image: `y[b, t] = x[b, t] + table[t]` (Dosovitskiy et al., arXiv
/// 2010.11929, equation 1). Child, under the transparent name of the layer itself: `[1, Tokens, C]`. May run in place.
template <std::size_t Tokens, std::size_t C>
struct position_embedding {
  static constexpr std::size_t tokens = Tokens;
  static constexpr bool in_place = true;

  parameter<1, Tokens, C> table;

  static constexpr auto members() { return heddle::members<&position_embedding::table>(""); }
  /// The table as rows, for a layer that can add them on its way.
  matrix_view<const float> rows() const noexcept { return make_matrix(table.data(), Tokens, C); }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("position_embedding: x", "tokens", Tokens, x.extent(1) * x.extent(2));
    require_extent("position_embedding: x", "channels", C, x.extent(3));
    return x;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents&) noexcept { return 0; }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents&) noexcept {
    return 0;
  }
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    for (std::size_t b = 0; b < x.extent(0); ++b)
      map(ctx, row_range(as_rows(x), b * Tokens, Tokens), rows(), row_range(as_rows(y), b * Tokens, Tokens), detail::sum{});
  }
};

/// The fixed table of positions of a grid of `height` x `width` tokens, `[height * width, channels]` in raster order: half of
/// the channels tell the column, the other half the row; each half is the sines, then the cosines, of the coordinate times
/// `10000^(-i / (channels / 4))`, `i` counting from 0 (Vaswani et al., arXiv 1706.03762, section 3.5, in two dimensions as
/// MAE and MixFormer store it). @throws shape_error unless 4 divides the channels and `table` has as many elements
inline void sine_cosine_positions(std::size_t height, std::size_t width, std::size_t channels, std::span<float> table) {
  require_extent("sine_cosine_positions", "channels, a multiple of 4,", channels / 4 * 4, channels);
  require_extent("sine_cosine_positions: table", "elements", height * width * channels, table.size());
  const std::size_t frequencies = channels / 4;
  float* to = table.data();
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (const std::size_t coordinate : {x, y}) {
        for (std::size_t i = 0; i < frequencies; ++i) {
          const double angle =
              static_cast<double>(coordinate) * math::pow(10000.0, -static_cast<double>(i) / static_cast<double>(frequencies));
          to[i] = static_cast<float>(math::sin(angle));
          to[frequencies + i] = static_cast<float>(math::cos(angle));
        }
        to += 2 * frequencies;
      }
}

}  // namespace heddle::inline v0
