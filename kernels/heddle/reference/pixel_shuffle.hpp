/// @file
/// `pixel_shuffle` and `pixel_unshuffle` as their definition reads.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/pixel_shuffle.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::pixel_shuffle, reference> {
  template <std::size_t R>
  static void shuffle(context<reference>, const map_view<const float>& x, const map_view<float>& y) {
    for (std::size_t b = 0; b < y.extent(0); ++b)
      for (std::size_t i = 0; i < y.extent(1); ++i)
        for (std::size_t j = 0; j < y.extent(2); ++j)
          for (std::size_t c = 0; c < y.extent(3); ++c) y(b, i, j, c) = x(b, i / R, j / R, channel<R>(i, j, c));
  }

  template <std::size_t R>
  static void unshuffle(context<reference>, const map_view<const float>& x, const map_view<float>& y) {
    for (std::size_t b = 0; b < x.extent(0); ++b)
      for (std::size_t i = 0; i < x.extent(1); ++i)
        for (std::size_t j = 0; j < x.extent(2); ++j)
          for (std::size_t c = 0; c < x.extent(3); ++c) y(b, i / R, j / R, channel<R>(i, j, c)) = x(b, i, j, c);
  }

 private:
  template <std::size_t R>
  static constexpr std::size_t channel(std::size_t i, std::size_t j, std::size_t c) noexcept {
    return c * R * R + i % R * R + j % R;
  }
};

}  // namespace heddle::inline v0
