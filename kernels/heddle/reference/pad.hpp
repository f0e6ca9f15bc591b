/// @file
/// `pad` as its definition reads.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/pad.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::pad, reference> {
  template <class Mode>
  static void run(context<reference>, const map_view<const float>& x, const map_view<float>& y, const pad_sides& sides) {
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t i = 0; i < y.extent(1); ++i)
        for (std::size_t j = 0; j < y.extent(2); ++j) {
          const std::ptrdiff_t row = source<Mode>(i, sides.top, x.extent(1));
          const std::ptrdiff_t column = source<Mode>(j, sides.left, x.extent(2));
          for (std::size_t c = 0; c < y.extent(3); ++c)
            y(b, i, j, c) =
                row < 0 || column < 0 ? 0.0f : x(b, static_cast<std::size_t>(row), static_cast<std::size_t>(column), c);
        }
  }

 private:
  template <class Mode>
  static std::ptrdiff_t source(std::size_t i, std::size_t before, std::size_t n) {
    return Mode::source(static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(before), static_cast<std::ptrdiff_t>(n));
  }
};

}  // namespace heddle::inline v0
