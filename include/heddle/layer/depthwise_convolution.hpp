/// @file
/// Depthwise convolution along rows, columns and frames as a layer.
#pragma once

#include <vector>

#include "norm.hpp"

namespace heddle::inline v0 {

/// Options of `depthwise_convolution`. The default is the 3 x 3 window of a map.
struct depthwise_options {
  window_axis frames{};
  window_axis rows = window_axis::centred(3);
  window_axis columns = window_axis::centred(3);
  std::size_t axes = 2;  ///< of the window, as the weight is stored: 1 columns, 2 rows too, 3 frames too
  std::size_t clip = 1;  ///< frames of a clip: so many images of the map that follow each other
  bool bias = true;

  /// An odd window on maps that keeps their size.
  static constexpr depthwise_options square(std::size_t size) {
    return {{}, window_axis::centred(size), window_axis::centred(size)};
  }
  /// An odd window on clips of `clip` frames that keeps their size.
  static constexpr depthwise_options cube(std::size_t clip, std::size_t size) { return box(clip, size, size, size); }
  static constexpr depthwise_options box(std::size_t clip, std::size_t frames, std::size_t rows, std::size_t columns) {
    return {window_axis::centred(frames), window_axis::centred(rows), window_axis::centred(columns), 3, clip};
  }
  /// An odd window on sequences that keeps their length: maps of one row.
  static constexpr depthwise_options sequence(std::size_t size) { return {{}, {}, window_axis::centred(size), 1}; }

  constexpr std::size_t taps() const noexcept { return frames.size * rows.size * columns.size; }
};

/// Every channel of a map, or of a clip of maps, convolved with its own window: `y = Activation(Norm(conv(x)))`. The norm is
/// folded into weight and bias at load.
///
/// The frames of a clip are images that follow each other: `[clips * clip, height, width, C]`. Children, as PyTorch's
/// grouped convolutions have them: `weight` `[C, 1, frames, rows, columns]` (`axes` 2: `[C, 1, rows, columns]`, 1:
/// `[C, 1, columns]`) and `bias` `[C]`, under the name of the layer itself; `norm` where it is not `no_norm`.
template <std::size_t C, depthwise_options Options = depthwise_options{}, class Norm = no_norm, class Activation = identity>
struct depthwise_convolution {
  static_assert(Options.axes >= 1 && Options.axes <= 3, "heddle::depthwise_convolution: a window has one, two or three axes");
  static_assert(Options.axes == 3 || (Options.clip == 1 && Options.frames.is_trivial()),
                "heddle::depthwise_convolution: a window along frames has three axes");
  static_assert(Options.axes > 1 || Options.rows.is_trivial(),
                "heddle::depthwise_convolution: a window along rows has two axes");
  static constexpr std::size_t channels = C;
  static constexpr std::size_t taps = Options.taps();
  static constexpr std::size_t clip = Options.clip;
  static constexpr std::size_t output_clip = Options.frames.output(Options.clip);
  static constexpr volume_window window{Options.frames, Options.rows, Options.columns};

  using weight_type =
      std::conditional_t<Options.axes == 3, parameter<C, 1, Options.frames.size, Options.rows.size, Options.columns.size>,
                         std::conditional_t<Options.axes == 2, parameter<C, 1, Options.rows.size, Options.columns.size>,
                                            parameter<C, 1, Options.columns.size>>>;

  weight_type weight;
  optional_parameter<Options.bias, C> bias;
  [[no_unique_address]] Norm norm;
  dense_weight prepared;  ///< made by `prepare`

  static constexpr auto members() {
    return heddle::members<&depthwise_convolution::weight, &depthwise_convolution::bias, &depthwise_convolution::norm>(
        "weight", "bias", "norm");
  }
  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("depthwise_convolution: x", "channels", C, x.extent(3));
    const dynamic_extents<5> y = window.output_extents(volume(x));
    return map_extents(y.extent(0) * y.extent(1), y.extent(2), y.extent(3), C);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) { return std::uint64_t{output_extents(x).size()} * taps; }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents&) noexcept {
    return 0;
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    std::vector<float> folded(C * taps);
    std::vector<float> folded_bias(C);
    for (std::size_t c = 0; c < C; ++c) {
      const double constant = bias.span().empty() ? 0.0 : static_cast<double>(bias.span()[c]);
      for (std::size_t t = 0; t < taps; ++t)
        folded[c * taps + t] = static_cast<float>(static_cast<double>(weight.data()[c * taps + t]) * norm.scale(c));
      folded_bias[c] = static_cast<float>(constant * norm.scale(c) + norm.shift(c));
    }
    prepared = prepare_depthwise(backend, make_matrix<const float>(folded.data(), C, taps), folded_bias);
  }

  /// `y = residual + Activation(Norm(conv(x)))`; `residual` may be the rows of `x` or of `y`.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, matrix_view<const float> residual = {}) const {
    const dynamic_extents<5> shape = volume(x.extents());
    convolve_depthwise(ctx, volume_view<const float>(x.data_handle(), shape), prepared, window,
                       volume_view<float>(y.data_handle(), window.output_extents(shape)), Activation{}, residual);
  }

 private:
  /// `[clips, frames, height, width, channels]`. @throws shape_error where the images are not whole clips
  static constexpr dynamic_extents<5> volume(const map_extents& x) {
    const std::size_t clips = x.extent(0) / clip;
    require_extent("depthwise_convolution: x", "images, whole clips of frames,", clips * clip, x.extent(0));
    return dynamic_extents<5>(clips, clip, x.extent(1), x.extent(2), x.extent(3));
  }
};

}  // namespace heddle::inline v0
