/// @file
/// `normalize`: layer norm and RMS norm of rows.
#pragma once

#include <span>

#include "../core/context.hpp"

namespace heddle::inline v0 {

namespace op {
/// Tag of `heddle::layer_normalize` and `heddle::rms_normalize`.
struct normalize {};
}  // namespace op

namespace detail {
inline void check_normalize(matrix_view<const float> x, std::span<const float> scale, std::span<const float> shift,
                            matrix_view<float> y) {
  require_extent("normalize: y", "rows", x.extent(0), y.extent(0));
  require_extent("normalize: y", "channels", x.extent(1), y.extent(1));
  if (!scale.empty()) require_extent("normalize: scale", "channels", x.extent(1), scale.size());
  if (!shift.empty()) require_extent("normalize: shift", "channels", x.extent(1), shift.size());
}
}  // namespace detail

/// Layer norm (Ba et al., arXiv 1607.06450) of every row: `y = (x - mean) / sqrt(variance + epsilon) * scale + shift`, with
/// the biased variance. `x`, `y` are `[rows, channels]` and may be the same; `scale`, `shift` are `[channels]` or empty.
/// @throws shape_error before any work
template <class Backend>
void layer_normalize(context<Backend> ctx, matrix_view<const float> x, std::span<const float> scale,
                     std::span<const float> shift, float epsilon, matrix_view<float> y) {
  detail::check_normalize(x, scale, shift, y);
  kernel<op::normalize, Backend>::layer(ctx, x, scale, shift, epsilon, y);
}

/// RMS norm (Zhang and Sennrich, arXiv 1910.07467) of every row: `y = x / sqrt(mean(x^2) + epsilon) * scale`. Shapes as
/// `layer_normalize`. @throws shape_error before any work
template <class Backend>
void rms_normalize(context<Backend> ctx, matrix_view<const float> x, std::span<const float> scale, float epsilon,
                   matrix_view<float> y) {
  detail::check_normalize(x, scale, {}, y);
  kernel<op::normalize, Backend>::rms(ctx, x, scale, epsilon, y);
}

}  // namespace heddle::inline v0
