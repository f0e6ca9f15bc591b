/// @file
/// Transposed convolutions: maps enlarged by a whole factor.
#pragma once

#include <array>
#include <vector>

#include "../primitive/copy_pixels.hpp"
#include "../primitive/pad.hpp"
#include "norm.hpp"

namespace heddle::inline v0 {

/// Options of `transposed_convolution`.
struct transposed_convolution_options {
  std::size_t size = 4;     ///< rows and columns of the window, a multiple of the stride
  std::size_t stride = 2;   ///< the factor
  std::size_t padding = 1;  ///< cut off on every side; (size - stride) / 2, so that the map grows by exactly the factor
  bool bias = true;
};

/// `y = Activation(Norm(b + sum of x[i] w[k] over i stride + k - padding = o))`: the transposed convolution of PyTorch
/// (`ConvTranspose2d`), with the batch norm behind it folded in at load.
///
/// Children: `weight` `[In, Out, size, size]`, `bias` `[Out]` under the transparent name of the layer, and `norm`.
///
/// Outputs of one residue modulo the stride see the same `(size / stride)^2` taps: each residue is one product over all
/// pixels, and nothing is multiplied with zeros.
template <std::size_t In, std::size_t Out, transposed_convolution_options Options = transposed_convolution_options{},
          class Norm = no_norm, class Activation = identity>
struct transposed_convolution {
  static constexpr std::size_t size = Options.size;
  static constexpr std::size_t stride = Options.stride;
  static_assert(size % stride == 0 && size - stride == 2 * Options.padding,
                "heddle::transposed_convolution: the size must be a multiple of the stride, the padding (size - stride) / 2");
  static constexpr std::size_t taps = size / stride;  ///< of one axis that an output sees

  parameter<In, Out, size, size> weight;
  optional_parameter<Options.bias, Out> bias;
  [[no_unique_address]] Norm norm;
  std::array<dense_weight, stride * stride> prepared{};  ///< one for every residue

  static constexpr auto members() {
    return heddle::members<&transposed_convolution::weight, &transposed_convolution::bias, &transposed_convolution::norm>(
        "weight", "bias", "norm");
  }
  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("transposed_convolution: x", "channels", In, x.extent(3));
    return map_extents(x.extent(0), stride * x.extent(1), stride * x.extent(2), Out);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return std::uint64_t{detail::row_count(output_extents(x))} * taps * taps * In * Out;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents& x) {
    return heddle::scratch_bytes<float>(padded(x).size()) + heddle::scratch_bytes<float>(product_rows(x) * Out);
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    std::vector<float> folded_bias(Out);
    for (std::size_t o = 0; o < Out; ++o) {
      const double constant = bias.span().empty() ? 0.0 : static_cast<double>(bias.span()[o]);
      folded_bias[o] = static_cast<float>(constant * norm.scale(o) + norm.shift(o));
    }
    std::vector<float> folded(Out * taps * taps * In);
    for (std::size_t residue = 0; residue < prepared.size(); ++residue) {
      std::size_t i = 0;
      for (std::size_t o = 0; o < Out; ++o)
        for (std::size_t row = 0; row < taps; ++row)
          for (std::size_t column = 0; column < taps; ++column)
            for (std::size_t c = 0; c < In; ++c)
              folded[i++] =
                  static_cast<float>(norm.scale(o) * static_cast<double>(weight.view()(c, o, tap(residue / stride, row),
                                                                                       tap(residue % stride, column))));
      prepared[residue] = prepare_dense(backend, make_matrix<const float>(folded.data(), Out, taps * taps * In), folded_bias);
    }
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents wide = padded(x.extents());
    const map_view<float> input(ctx.scratch.template take<float>(wide.size()), wide);
    pad(ctx, x, input, pad_sides{taps - 1, taps - 1, taps - 1, taps - 1}, pad_mode::zero{});
    const std::size_t rows = product_rows(x.extents());
    const auto product = make_matrix(ctx.scratch.template take<float>(rows * Out), rows, Out);
    for (std::size_t b = 0; b < x.extent(0); ++b)
      for (std::size_t residue = 0; residue < prepared.size(); ++residue) {
        multiply(ctx, input, b, residue, product);
        place(ctx, product, b, residue, y);
      }
  }

 private:
  /// Tap `t` in the order of the input, of outputs with residue `a`, as a place of the window.
  static constexpr std::size_t tap(std::size_t a, std::size_t t) noexcept {
    return (a + Options.padding) % stride + stride * (taps - 1 - t);
  }
  static constexpr map_extents padded(const map_extents& x) noexcept {
    return map_extents(x.extent(0), x.extent(1) + 2 * (taps - 1), x.extent(2) + 2 * (taps - 1), In);
  }
  /// Pixels of an image in rows as long as those of the padded map: those between two rows are computed and left.
  static constexpr std::size_t product_rows(const map_extents& x) noexcept {
    return x.extent(1) == 0 || x.extent(2) == 0 ? 0 : (x.extent(1) - 1) * padded(x).extent(2) + x.extent(2);
  }

  template <class Backend>
  void multiply(context<Backend> ctx, map_view<float> input, std::size_t b, std::size_t residue,
                matrix_view<float> product) const {
    const std::size_t top = (residue / stride + Options.padding) / stride;
    const std::size_t left = (residue % stride + Options.padding) / stride;
    std::array<row_segment, taps> segments;
    for (std::size_t t = 0; t < taps; ++t)
      segments[t] = {input.data_handle() + ((b * input.extent(1) + top + t) * input.extent(2) + left) * In, In, taps * In};
    gemm(ctx, segmented_rows{product.extent(0), segments}, prepared[residue], product, Activation{});
  }

  template <class Backend>
  static void place(context<Backend> ctx, matrix_view<float> product, std::size_t b, std::size_t residue, map_view<float> y) {
    const std::size_t height = y.extent(1) / stride;
    const std::size_t width = y.extent(2) / stride;
    const std::size_t pitch = y.extent(2) * Out;
    if (height == 0 || width == 0) return;
    const dynamic_extents<3> pixels(height, width, Out);
    float* const to = y.data_handle() + (b * y.extent(1) + residue / stride) * pitch + residue % stride * Out;
    copy_pixels(ctx, pixel_view<const float>(product.data_handle(), pixels, {(width + 2 * (taps - 1)) * Out, Out, 1}),
                pixel_view<float>(to, pixels, {stride * pitch, stride * Out, 1}));
  }
};

}  // namespace heddle::inline v0
