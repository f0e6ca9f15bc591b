/// @file
/// `map` and `reduce` as their definitions read.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/map.hpp>

namespace heddle::inline v0 {

template <>
struct kernel<op::map, reference> {
  template <class F>
  static void unary(context<reference>, matrix_view<const float> x, matrix_view<float> y, F f) {
    for (std::size_t r = 0; r < x.extent(0); ++r)
      for (std::size_t c = 0; c < x.extent(1); ++c) y(r, c) = static_cast<float>(f(static_cast<double>(x(r, c))));
  }

  template <class F>
  static void binary(context<reference>, matrix_view<const float> a, matrix_view<const float> b, matrix_view<float> y, F f) {
    for (std::size_t r = 0; r < a.extent(0); ++r)
      for (std::size_t c = 0; c < a.extent(1); ++c)
        y(r, c) = static_cast<float>(f(static_cast<double>(a(r, c)), static_cast<double>(b(b.extent(0) == 1 ? 0 : r, c))));
  }
};

template <>
struct kernel<op::reduce, reference> {
  static void mean(context<reference>, matrix_view<const float> x, std::span<float> y) {
    for (std::size_t c = 0; c < x.extent(1); ++c) {
      double sum = 0.0;
      for (std::size_t r = 0; r < x.extent(0); ++r) sum += static_cast<double>(x(r, c));
      y[c] = static_cast<float>(sum / static_cast<double>(x.extent(0)));
    }
  }

  static void maximum(context<reference>, matrix_view<const float> x, std::span<float> y) {
    for (std::size_t c = 0; c < x.extent(1); ++c) {
      float largest = x(0, c);
      for (std::size_t r = 1; r < x.extent(0); ++r)
        if (x(r, c) > largest || x(r, c) != x(r, c)) largest = x(r, c);
      y[c] = largest;
    }
  }
};

}  // namespace heddle::inline v0
