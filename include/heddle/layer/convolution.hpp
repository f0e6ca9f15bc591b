/// @file
/// Convolutions with norm and activation: one layer, whatever stands around the product.
#pragma once

#include <span>
#include <vector>

#include "../backend/tags.hpp"
#include "norm.hpp"

namespace heddle::inline v0 {

/// How a convolution pads its map with zeros.
enum class padding_rule {
  none,       ///< not at all
  symmetric,  ///< size / 2 on every side
  same        ///< as TensorFlow's SAME: ceil(n / stride) outputs; the odd row or column of zeros goes to the bottom or right
};

/// Options of `convolution`.
struct convolution_options {
  std::size_t size = 3;  ///< rows and columns of the window
  std::size_t stride = 1;
  padding_rule padding = padding_rule::symmetric;
  bool bias = true;
  bool depthwise = false;  ///< every channel by itself
};

namespace detail {

/// Folds norms into weights `[outputs, channels, taps]`, which become `[outputs, taps, channels]`, and biases (empty: none).
/// `before` and `after`: scale and shift of every channel and of every output. One copy of the code for all convolutions.
template <class Isa = isa::native>
HEDDLE_COLD void fold_norms(const float* weight, std::span<const float> bias, std::size_t channels, std::size_t taps,
                            const double* before, const double* after, std::span<float> folded, std::span<float> folded_bias) {
  for (std::size_t o = 0; o < folded_bias.size(); ++o, weight += channels * taps) {
    float* const row = folded.data() + o * channels * taps;
    double constant = bias.empty() ? 0.0 : static_cast<double>(bias[o]);
    for (std::size_t i = 0; i < channels; ++i)
      for (std::size_t t = 0; t < taps; ++t) {
        const auto w = static_cast<double>(weight[i * taps + t]);
        constant += w * before[2 * i + 1];
        row[t * channels + i] = static_cast<float>(w * after[2 * o] * before[2 * i]);
      }
    folded_bias[o] = static_cast<float>(constant * after[2 * o] + after[2 * o + 1]);
  }
}

}  // namespace detail

/// A two-dimensional convolution with the norm before it, the norm after it and the activation that follow it:
/// `y = Activation(Norm(conv(PreNorm(x))))`. Norms are folded into weight and bias at load, in double precision.
///
/// Children: `weight` `[Out, In, size, size]` (depthwise `[Out, 1, size, size]`) and `bias` `[Out]`, under the transparent
/// name of the layer itself; `norm`, `pre_norm` where they are not `no_norm`.
template <std::size_t In, std::size_t Out, convolution_options Options = convolution_options{}, class Norm = no_norm,
          class Activation = identity, class PreNorm = no_norm>
struct convolution {
  static_assert(!Options.depthwise || In == Out, "heddle::convolution: a depthwise convolution keeps the number of channels");
  static_assert(std::is_same_v<PreNorm, no_norm> || Options.size == 1,
                "heddle::convolution: a norm in front can be folded only where nothing is padded, that is for size 1");
  static constexpr std::size_t in_channels_per_output = Options.depthwise ? 1 : In;
  static constexpr std::size_t taps = Options.size * Options.size;
  static constexpr std::size_t stride = Options.stride;
  static constexpr bool is_pointwise = Options.size == 1 && Options.stride == 1 && !Options.depthwise;

  parameter<Out, in_channels_per_output, Options.size, Options.size> weight;
  optional_parameter<Options.bias, Out> bias;
  [[no_unique_address]] Norm norm;
  [[no_unique_address]] PreNorm pre_norm;
  dense_weight prepared;

  static constexpr auto members() {
    return heddle::members<&convolution::weight, &convolution::bias, &convolution::norm, &convolution::pre_norm>(
        "weight", "bias", "norm", "pre_norm");
  }

  /// The window for a map of `height` x `width`.
  static constexpr convolution_window window(std::size_t height, std::size_t width) noexcept {
    convolution_window w{Options.size, Options.size, Options.stride, 0, 0, 0, 0};
    if constexpr (Options.padding == padding_rule::symmetric) {
      w.top = w.left = w.bottom = w.right = Options.size / 2;
    } else if constexpr (Options.padding == padding_rule::same) {
      const std::size_t rows = same_padding(height);
      const std::size_t columns = same_padding(width);
      w.top = rows / 2;
      w.bottom = rows - rows / 2;
      w.left = columns / 2;
      w.right = columns - columns / 2;
    }
    return w;
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("convolution: x", "channels", In, x.extent(3));
    const convolution_window w = window(x.extent(1), x.extent(2));
    return map_extents(x.extent(0), w.output_height(x.extent(1)), w.output_width(x.extent(2)), Out);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return std::uint64_t{detail::row_count(output_extents(x))} * Out * in_channels_per_output * taps;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    if constexpr (Options.depthwise || is_pointwise) {
      return 0;
    } else {
      return convolve_bytes(backend, x, window(x.extent(1), x.extent(2)));
    }
  }

  /// Folds the norms and brings the weight into the order of the backend.
  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    constexpr std::size_t inputs = in_channels_per_output * taps;
    std::vector<double> factors(2 * (Out + in_channels_per_output));
    double* const after = factors.data();
    double* const before = after + 2 * Out;
    for (std::size_t o = 0; o < Out; ++o) after[2 * o] = norm.scale(o), after[2 * o + 1] = norm.shift(o);
    for (std::size_t i = 0; i < in_channels_per_output; ++i)
      before[2 * i] = pre_norm.scale(i), before[2 * i + 1] = pre_norm.shift(i);
    std::vector<float> folded(Out * inputs);
    std::vector<float> folded_bias(Out);
    detail::fold_norms(weight.data(), bias.span(), in_channels_per_output, taps, before, after, folded, folded_bias);
    const matrix_view<const float> matrix = make_matrix<const float>(folded.data(), Out, inputs);
    if constexpr (Options.depthwise) {
      prepared = prepare_depthwise(backend, matrix, folded_bias);
    } else {
      prepared = prepare_dense(backend, matrix, folded_bias);
    }
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, matrix_view<const float> residual = {}) const {
    if constexpr (Options.depthwise) {
      convolve_depthwise(ctx, x, prepared, window(x.extent(1), x.extent(2)), y, Activation{}, residual);
    } else if constexpr (is_pointwise) {
      gemm(ctx, as_rows(x), prepared, as_rows(y), Activation{}, residual);
    } else {
      convolve(ctx, x, prepared, window(x.extent(1), x.extent(2)), y, Activation{}, residual);
    }
  }

 private:
  static constexpr std::size_t same_padding(std::size_t n) noexcept {
    const std::size_t covered = ((n + Options.stride - 1) / Options.stride - 1) * Options.stride + Options.size;
    return covered > n ? covered - n : 0;
  }
};

/// A convolution of size 1: a linear layer on every position.
template <std::size_t In, std::size_t Out, bool Bias = true, class Norm = no_norm, class Activation = identity,
          class PreNorm = no_norm>
using pointwise_convolution = convolution<In, Out, convolution_options{.size = 1, .padding = padding_rule::none, .bias = Bias},
                                          Norm, Activation, PreNorm>;

}  // namespace heddle::inline v0
