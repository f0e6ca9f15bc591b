/// @file
/// Activations: element-wise policies, generic in their number type, so that kernels inline them on whole vectors.
#pragma once

#include "../core/math.hpp"

namespace heddle::inline v0 {

/// Tag of element-wise policies. An activation is a default-constructible struct with
/// `template <class T> T operator()(T x) const`; `T` is float, double, or a vector of floats with the arithmetic
/// operators and `heddle::math` functions found for it.
struct activation_tag {};

/// x
struct identity {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE constexpr T operator()(T x) const noexcept {
    return x;
  }
};

/// max(x, 0)
struct relu {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::max;
    return max(x, T(0.0f));
  }
};

/// GELU by the error function: x / 2 * (1 + erf(x / sqrt(2))) (Hendrycks and Gimpel, arXiv 1606.08415).
struct gelu {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::erf;
    const T h = x * T(0.5f);
    return h + h * erf(x * T(0.70710678118654752f));
  }
};

/// GELU by the hyperbolic tangent: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).
struct gelu_tanh {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::tanh;
    const T h = x * T(0.5f);
    return h + h * tanh(x * (T(0.79788456080286536f) + T(0.035677408136300125f) * x * x));
  }
};

/// 1 / (1 + exp(-x))
struct sigmoid {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::exp;
    return T(1.0f) / (T(1.0f) + exp(-x));
  }
};

/// x * sigmoid(x), also known as swish.
struct silu {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::exp;
    return x / (T(1.0f) + exp(-x));
  }
};

/// x * sigmoid(1.702 x), the GELU of CLIP.
struct quick_gelu {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::exp;
    return x / (T(1.0f) + exp(x * T(-1.702f)));
  }
};

/// x * min(max(x + 3, 0), 6) / 6 (Howard et al., arXiv 1905.02244, section 5.2).
struct hard_swish {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::max;
    using math::min;
    return x * min(max(x * T(1.0f / 6.0f) + T(0.5f), T(0.0f)), T(1.0f));
  }
};

/// tanh(x)
struct tanh_activation {
  using policy_category = activation_tag;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T x) const noexcept {
    using math::tanh;
    return tanh(x);
  }
};

}  // namespace heddle::inline v0
