/// @file
/// `pad` row by row: the inside of a row is one copy.
#pragma once

#include <cstring>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/pad.hpp>

namespace heddle::inline v0 {

template <class Isa, class Executor>
struct kernel<op::pad, simd_backend<Isa, Executor>> {
  template <class Mode>
  static void run(context<simd_backend<Isa, Executor>> ctx, const map_view<const float>& x, const map_view<float>& y,
                  const pad_sides& sides) {
    const std::size_t height = x.extent(1);
    const std::size_t input_row = x.extent(2) * x.extent(3);
    const std::size_t output_row = y.extent(2) * y.extent(3);
    ctx.backend.parallel_for(y.extent(0) * y.extent(1), [&](std::size_t i, std::size_t) {
      float* to = y.data_handle() + i * output_row;
      const std::ptrdiff_t source =
          Mode::source(static_cast<std::ptrdiff_t>(i % y.extent(1)) - static_cast<std::ptrdiff_t>(sides.top),
                       static_cast<std::ptrdiff_t>(height));
      if (source < 0) {
        std::memset(to, 0, output_row * sizeof(float));
      } else {
        const float* from = x.data_handle() + (i / y.extent(1) * height + static_cast<std::size_t>(source)) * input_row;
        row<Mode>(from, x.extent(2), x.extent(3), sides, to);
      }
    });
  }

 private:
  template <class Mode>
  static void row(const float* from, std::size_t width, std::size_t channels, const pad_sides& sides, float* to) {
    for (std::size_t j = 0; j < sides.left; ++j) pixel<Mode>(from, width, channels, j, sides.left, to);
    std::memcpy(to + sides.left * channels, from, width * channels * sizeof(float));
    for (std::size_t j = 0; j < sides.right; ++j) pixel<Mode>(from, width, channels, sides.left + width + j, sides.left, to);
  }

  template <class Mode>
  static HEDDLE_ALWAYS_INLINE void pixel(const float* from, std::size_t width, std::size_t channels, std::size_t j,
                                         std::size_t left, float* to) {
    const std::ptrdiff_t source =
        Mode::source(static_cast<std::ptrdiff_t>(j) - static_cast<std::ptrdiff_t>(left), static_cast<std::ptrdiff_t>(width));
    if (source < 0) {
      std::memset(to + j * channels, 0, channels * sizeof(float));
    } else {
      std::memcpy(to + j * channels, from + static_cast<std::size_t>(source) * channels, channels * sizeof(float));
    }
  }
};

}  // namespace heddle::inline v0
