/// @file
/// The definition of `merge_attention`.
#pragma once

#include <cmath>
#include <limits>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/merge.hpp>

namespace heddle::inline v0 {

namespace detail {

/// Weights of two results and their common logsumexp.
struct merge_weights {
  double a = 0.0;
  double b = 0.0;
  double logsumexp = -std::numeric_limits<double>::infinity();

  merge_weights(double la, double lb) noexcept {
    constexpr double nothing = -std::numeric_limits<double>::infinity();
    if (lb == nothing) {
      a = la == nothing ? 0.0 : 1.0;
      logsumexp = la;
    } else if (la == nothing) {
      b = 1.0;
      logsumexp = lb;
    } else {
      const double largest = la > lb ? la : lb;
      logsumexp = largest + std::log(std::exp(la - largest) + std::exp(lb - largest));
      a = std::exp(la - logsumexp);
      b = std::exp(lb - logsumexp);
    }
  }
};

}  // namespace detail

template <>
struct kernel<op::merge_attention, reference> {
  template <std::size_t D>
  static void run(context<reference>, const merge_input<D>& a, const merge_input<D>& b, const head_view<float, D>& out,
                  const head_rows<float>& logsumexp) {
    for (std::size_t i = 0; i < out.extent(0); ++i)
      for (std::size_t h = 0; h < out.extent(1); ++h)
        for (std::size_t t = 0; t < out.extent(2); ++t) {
          const detail::merge_weights w(static_cast<double>(a.logsumexp(i, h, t)), static_cast<double>(b.logsumexp(i, h, t)));
          for (std::size_t d = 0; d < out.extent(3); ++d) {
            double sum = 0.0;  // a result without weight is not read
            if (w.a != 0.0) sum += w.a * static_cast<double>(a.out(i, h, t, d));
            if (w.b != 0.0) sum += w.b * static_cast<double>(b.out(i, h, t, d));
            out(i, h, t, d) = static_cast<float>(sum);
          }
          logsumexp(i, h, t) = static_cast<float>(w.logsumexp);
        }
  }
};

}  // namespace heddle::inline v0
