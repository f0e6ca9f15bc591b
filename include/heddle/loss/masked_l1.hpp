/// @file
/// The loss of masked image modelling, and targets normalised by their neighbourhood.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "../core/workspace.hpp"
#include "../primitive/convolve.hpp"
#include "../primitive/each.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Whether pixel (y, x) of image b is hidden: masks are kept for squares of pixels.
struct pixel_mask {
  std::span<const std::uint8_t> mask;
  std::size_t rows;
  std::size_t columns;
  std::size_t unit_y;
  std::size_t unit_x;

  pixel_mask(std::span<const std::uint8_t> m, std::size_t r, std::size_t c, map_view<const float> x)
      : mask(m), rows(r), columns(c), unit_y(r == 0 ? 1 : x.extent(1) / r), unit_x(c == 0 ? 1 : x.extent(2) / c) {
    require_extent("masked_l1: mask", "entries", x.extent(0) * rows * columns, mask.size());
    require_extent("masked_l1: x", "rows, a multiple of the mask's,", rows * unit_y, x.extent(1));
    require_extent("masked_l1: x", "columns, a multiple of the mask's,", columns * unit_x, x.extent(2));
  }
  bool operator()(std::size_t b, std::size_t y, std::size_t x) const noexcept {
    return mask[(b * rows + y / unit_y) * columns + x / unit_x] != 0;
  }
  double pixels() const noexcept {
    std::size_t n = 0;
    for (const std::uint8_t m : mask) n += m != 0 ? 1 : 0;
    return static_cast<double>(n * unit_y * unit_x);
  }
};

template <class F>
void each_masked(map_view<const float> x, const pixel_mask& hidden, F&& f) {
  for (std::size_t b = 0; b < x.extent(0); ++b)
    for (std::size_t i = 0; i < x.extent(1); ++i)
      for (std::size_t j = 0; j < x.extent(2); ++j)
        if (hidden(b, i, j)) f(b, i, j);
}

/// What a row of pixels adds to the loss, and how many of its pixels are hidden.
struct masked_row_difference {
  map_view<const float> x;
  map_view<const float> target;
  const std::uint8_t* mask;
  std::size_t rows;
  std::size_t columns;
  double* sums;
  double* pixels;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t width = x.extent(2);
    const std::size_t channels = x.extent(3);
    const std::uint8_t* const hidden = mask + (i / x.extent(1) * rows + i % x.extent(1) / (x.extent(1) / rows)) * columns;
    double sum = 0.0;
    double count = 0.0;
    for (std::size_t j = 0; j < width; ++j) {
      if (hidden[j / (width / columns)] == 0) continue;
      count += 1.0;
      for (std::size_t k = (i * width + j) * channels; k < (i * width + j + 1) * channels; ++k) {
        const double difference = static_cast<double>(target.data_handle()[k]) - static_cast<double>(x.data_handle()[k]);
        sum += difference < 0.0 ? -difference : difference;
      }
    }
    sums[i] = sum;
    pixels[i] = count;
  }
};

/// Sums of `count` numbers that follow each other.
struct sum_of_parts {
  const double* parts;
  std::size_t count;
  double* sums;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    double sum = 0.0;
    for (std::size_t k = 0; k < count; ++k) sum += parts[i * count + k];
    sums[i] = sum;
  }
};

/// The loss of the sums of all images.
struct masked_mean_difference {
  const double* sums;
  const double* pixels;
  std::size_t images;
  double channels;
  float* loss;
  HEDDLE_HOST_DEVICE void operator()(std::size_t) const {
    double sum = 0.0;
    double count = 0.0;
    for (std::size_t b = 0; b < images; ++b) {
      sum += sums[b];
      count += pixels[b];
    }
    *loss = static_cast<float>(sum / (count + 1e-5) / channels);
  }
};

/// Sums of numbers and of their squares over up to `2 reach + 1` pixels of a row.
struct neighbourhood_row_sums {
  map_view<const float> x;
  std::size_t reach;
  double* sums;
  double* squares;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t channels = x.extent(3);
    const std::size_t column = i / channels % x.extent(2);
    const std::size_t first = column < reach ? 0 : column - reach;
    const std::size_t end = column + reach < x.extent(2) ? column + reach + 1 : x.extent(2);
    double sum = 0.0;
    double square = 0.0;
    for (std::size_t j = first; j < end; ++j) {
      const auto value = static_cast<double>(x.data_handle()[i + j * channels - column * channels]);
      sum += value;
      square += value * value;
    }
    sums[i] = sum;
    squares[i] = square;
  }
};

/// The same over rows, and what it makes of the pixel.
struct normalised_by_sums {
  map_view<const float> x;
  std::size_t reach;
  const double* sums;
  const double* squares;
  map_view<float> y;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t pitch = x.extent(2) * x.extent(3);
    const std::size_t row = i / pitch % x.extent(1);
    const std::size_t column = i / x.extent(3) % x.extent(2);
    const std::size_t first = row < reach ? 0 : row - reach;
    const std::size_t end = row + reach < x.extent(1) ? row + reach + 1 : x.extent(1);
    const std::size_t left = column < reach ? 0 : column - reach;
    const std::size_t right = column + reach < x.extent(2) ? column + reach + 1 : x.extent(2);
    double sum = 0.0;
    double square = 0.0;
    for (std::size_t r = first; r < end; ++r) {
      sum += sums[i + r * pitch - row * pitch];
      square += squares[i + r * pitch - row * pitch];
    }
    const auto n = static_cast<double>((end - first) * (right - left));
    const double mean = sum / n;
    const double spread = n > 1.0 ? (square / n - mean * mean) * n / (n - 1.0) : 0.0;
    y.data_handle()[i] =
        static_cast<float>((static_cast<double>(x.data_handle()[i]) - mean) / std::sqrt((spread > 0.0 ? spread : 0.0) + 1e-6));
  }
};

}  // namespace detail

/// `sum of |target - x| over hidden pixels and channels / (hidden pixels + 1e-5) / channels` (SimMIM, Xie et al., arXiv
/// 2111.09886, equation 1). `x`, `target` `[batch, height, width, channels]`; `mask` `[batch, rows, columns]` with sides that
/// divide those of the map, not 0: hidden. @throws shape_error before any work
inline double masked_l1(map_view<const float> x, map_view<const float> target, std::span<const std::uint8_t> mask,
                        std::size_t rows, std::size_t columns) {
  for (std::size_t r = 0; r < 4; ++r)
    require_extent("masked_l1: target", "elements along an axis", x.extent(r), target.extent(r));
  const detail::pixel_mask hidden(mask, rows, columns, x);
  double sum = 0.0;
  detail::each_masked(x, hidden, [&](std::size_t b, std::size_t i, std::size_t j) {
    for (std::size_t c = 0; c < x.extent(3); ++c)
      sum += std::abs(static_cast<double>(target(b, i, j, c)) - static_cast<double>(x(b, i, j, c)));
  });
  return sum / (hidden.pixels() + 1e-5) / static_cast<double>(x.extent(3));
}

/// Scratch bytes of `masked_l1` where the backend has its memory.
template <class Backend>
constexpr std::size_t masked_l1_bytes(const Backend&, const dynamic_extents<4>& x) noexcept {
  return prefers_whole_maps<Backend>
             ? 2 * (scratch_bytes<double>(x.extent(0) * x.extent(1)) + scratch_bytes<double>(x.extent(0)))
             : 0;
}

/// The same where the backend has its memory, to `*loss` there: rows of pixels, images and all of them are summed in their
/// order. @throws shape_error before any work, workspace_error
template <class Backend>
void masked_l1(context<Backend> ctx, map_view<const float> x, map_view<const float> target, std::span<const std::uint8_t> mask,
               std::size_t rows, std::size_t columns, float* loss) {
  if constexpr (prefers_whole_maps<Backend>) {
    for (std::size_t r = 0; r < 4; ++r)
      require_extent("masked_l1: target", "elements along an axis", x.extent(r), target.extent(r));
    const detail::pixel_mask checked(mask, rows, columns, x);
    const std::size_t images = x.extent(0);
    const std::size_t lines = images * x.extent(1);
    double* const sums = ctx.scratch.template take<double>(lines);
    double* const pixels = ctx.scratch.template take<double>(lines);
    double* const image_sums = ctx.scratch.template take<double>(images);
    double* const image_pixels = ctx.scratch.template take<double>(images);
    each(ctx, lines, detail::masked_row_difference{x, target, checked.mask.data(), rows, columns, sums, pixels});
    each(ctx, images, detail::sum_of_parts{sums, x.extent(1), image_sums});
    each(ctx, images, detail::sum_of_parts{pixels, x.extent(1), image_pixels});
    each(ctx, 1, detail::masked_mean_difference{image_sums, image_pixels, images, static_cast<double>(x.extent(3)), loss});
  } else {
    *loss = static_cast<float>(masked_l1(x, target, mask, rows, columns));
  }
}

/// The derivative of `masked_l1` by `x`, times `scale`: written to `gradient`, of the shape of `x`.
inline void masked_l1_vjp(map_view<const float> x, map_view<const float> target, std::span<const std::uint8_t> mask,
                          std::size_t rows, std::size_t columns, double scale, map_view<float> gradient) {
  for (std::size_t r = 0; r < 4; ++r)
    require_extent("masked_l1_vjp: gradient", "elements along an axis", x.extent(r), gradient.extent(r));
  const detail::pixel_mask hidden(mask, rows, columns, x);
  const auto step = static_cast<float>(scale / (hidden.pixels() + 1e-5) / static_cast<double>(x.extent(3)));
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient.data_handle()[i] = 0.0F;
  detail::each_masked(x, hidden, [&](std::size_t b, std::size_t i, std::size_t j) {
    for (std::size_t c = 0; c < x.extent(3); ++c) {
      const float difference = x(b, i, j, c) - target(b, i, j, c);
      gradient(b, i, j, c) = difference > 0.0F ? step : difference < 0.0F ? -step : 0.0F;
    }
  });
}

/// Scratch bytes of `normalize_locally`.
constexpr std::size_t normalize_locally_bytes(const dynamic_extents<4>& x) noexcept {
  return 2 * scratch_bytes<double>((x.extent(1) + 1) * (x.extent(2) + 1));
}

/// `y = (x - mean) / sqrt(variance + 1e-6)` for every pixel and channel, with the mean and the unbiased variance of the
/// pixels of a square of odd side `patch` around it that lie in the picture (SimMIM's official code, for Swin V2; side 47).
/// `y` may be `x`. @throws shape_error for an even side, workspace_error
inline void normalize_locally(map_view<const float> x, std::size_t patch, map_view<float> y, arena memory) {
  if (patch % 2 == 0) detail::raise<shape_error>("normalize_locally: the side of the square must be odd");
  for (std::size_t r = 0; r < 4; ++r)
    require_extent("normalize_locally: y", "elements along an axis", x.extent(r), y.extent(r));
  const std::size_t height = x.extent(1);
  const std::size_t pitch = x.extent(2) + 1;
  double* const sums = memory.take<double>((height + 1) * pitch);  // of everything above and to the left
  double* const squares = memory.take<double>((height + 1) * pitch);
  const std::size_t reach = patch / 2;
  for (std::size_t b = 0; b < x.extent(0); ++b)
    for (std::size_t c = 0; c < x.extent(3); ++c) {
      for (std::size_t j = 0; j < pitch; ++j) sums[j] = squares[j] = 0.0;
      for (std::size_t i = 0; i < height; ++i) {
        double row = 0.0;
        double row_squares = 0.0;
        sums[(i + 1) * pitch] = squares[(i + 1) * pitch] = 0.0;
        for (std::size_t j = 0; j + 1 < pitch; ++j) {
          const auto value = static_cast<double>(x(b, i, j, c));
          row += value;
          row_squares += value * value;
          sums[(i + 1) * pitch + j + 1] = sums[i * pitch + j + 1] + row;
          squares[(i + 1) * pitch + j + 1] = squares[i * pitch + j + 1] + row_squares;
        }
      }
      for (std::size_t i = 0; i < height; ++i)
        for (std::size_t j = 0; j + 1 < pitch; ++j) {
          const std::size_t top = i < reach ? 0 : i - reach;
          const std::size_t left = j < reach ? 0 : j - reach;
          const std::size_t bottom = i + reach + 1 < height ? i + reach + 1 : height;
          const std::size_t right = j + reach + 2 < pitch ? j + reach + 1 : pitch - 1;
          const auto inside = [&](const double* table) {
            return table[bottom * pitch + right] - table[top * pitch + right] - table[bottom * pitch + left] +
                   table[top * pitch + left];
          };
          const auto n = static_cast<double>((bottom - top) * (right - left));
          const double mean = inside(sums) / n;
          const double spread = n > 1.0 ? (inside(squares) / n - mean * mean) * n / (n - 1.0) : 0.0;
          y(b, i, j, c) =
              static_cast<float>((static_cast<double>(x(b, i, j, c)) - mean) / std::sqrt((spread > 0.0 ? spread : 0.0) + 1e-6));
        }
    }
}

/// Scratch bytes of `normalize_locally` on a backend.
template <class Backend>
constexpr std::size_t normalize_locally_bytes(const Backend&, const dynamic_extents<4>& x) noexcept {
  return prefers_whole_maps<Backend> ? 2 * scratch_bytes<double>(x.size()) : normalize_locally_bytes(x);
}

/// The same where the backend has its memory. A device sums along rows, then along columns: `patch` numbers each for every
/// pixel, all pixels at once. @throws shape_error for an even side, workspace_error
template <class Backend>
void normalize_locally(context<Backend> ctx, map_view<const float> x, std::size_t patch, map_view<float> y) {
  if constexpr (prefers_whole_maps<Backend>) {
    if (patch % 2 == 0) detail::raise<shape_error>("normalize_locally: the side of the square must be odd");
    for (std::size_t r = 0; r < 4; ++r)
      require_extent("normalize_locally: y", "elements along an axis", x.extent(r), y.extent(r));
    double* const sums = ctx.scratch.template take<double>(x.size());
    double* const squares = ctx.scratch.template take<double>(x.size());
    each(ctx, x.size(), detail::neighbourhood_row_sums{x, patch / 2, sums, squares});
    each(ctx, x.size(), detail::normalised_by_sums{x, patch / 2, sums, squares, y});
  } else {
    normalize_locally(x, patch, y, ctx.scratch);
  }
}

}  // namespace heddle::inline v0
