/// @file
/// The pyramid form of the corner head: heat maps four times as fine as the features (Cui et al., MixFormer, arXiv
/// 2302.02814, section 3.4).
#pragma once

#include <array>

#include "../layer/residual.hpp"
#include "../primitive/each.hpp"
#include "corner.hpp"

namespace heddle::inline v0 {

namespace detail {

/// One number of `repeat_cells`.
template <std::size_t Factor, class F>
struct repeated_number {
  const float* x;
  float* y;
  std::size_t width;  ///< of `x`, in cells
  std::size_t channels;
  F f;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    const std::size_t column = i / channels % (Factor * width);
    const std::size_t row =
        i / (channels * Factor * width);  // those of all images below each other: their heights are whole factors
    const float value = x[(row / Factor * width + column / Factor) * channels + i % channels];
    if constexpr (requires { f(0.0F, 0.0F); }) {
      y[i] = f(y[i], value);
    } else {
      y[i] = f(value);
    }
  }
};

/// `y = f(y, x)` with every cell of `x` repeated `Factor` times on both axes; a unary `f` only writes.
template <std::size_t Factor, class Backend, class F>
void repeat_cells(context<Backend> ctx, map_view<const float> x, map_view<float> y, F f) {
  const std::size_t columns = x.extent(2);
  const std::size_t channels = x.extent(3);
  if constexpr (prefers_whole_maps<Backend>) {
    each(ctx, y.size(), repeated_number<Factor, F>{x.data_handle(), y.data_handle(), columns, channels, f});
  } else {
    ctx.for_each(y.extent(0) * y.extent(1), 0, [&](auto worker, std::size_t row) {
      const std::size_t source = row / y.extent(1) * x.extent(1) + row % y.extent(1) / Factor;
      const auto from = make_matrix(x.data_handle() + source * columns * channels, columns, channels);
      for (std::size_t j = 0; j < Factor; ++j) {
        const auto to =
            make_matrix(y.data_handle() + (row * columns * Factor + j) * channels, columns, channels, Factor * channels);
        if constexpr (requires { f(0.0F, 0.0F); }) {
          map(worker, as_const(to), from, to, f);
        } else {
          map(worker, from, to, f);
        }
      }
    });
  }
}

}  // namespace detail

/// One corner's heat map of four times the resolution of the features `x`, with `up` repeating cells:
///
/// `x1 = conv1(x)`, `x2 = conv2(x1)`, `x3 = conv3(up2(x2 + adjust1(x)))`, `x4 = conv4(up2(x3 + up2(adjust2(x))))`,
/// `y = conv5(x4) + up2(adjust4(x3) + up2(adjust3(x2)))`.
///
/// Convolutions are 3 x 3 with norm and ReLU, also the last of each `adjust`; `conv5` has size 1 and neither. `x1` has
/// `Channels` channels, each following one half. Children: `conv1` ... `conv5`, `adjust1`, `adjust2`, `adjust3` (three
/// convolutions `0` ... `2`), `adjust4` (two). `[batch, height, width, In]` to `[batch, 4 height, 4 width, 1]`.
template <std::size_t In, std::size_t Channels, template <std::size_t> class Norm = corner_norm>
struct pyramid_corner_branch {
  static_assert(Channels % 8 == 0,
                "heddle::pyramid_corner_branch: channels are halved three times, so they must be a multiple of 8");
  static constexpr std::size_t half = Channels / 2;
  static constexpr std::size_t quarter = Channels / 4;
  static constexpr std::size_t eighth = Channels / 8;
  template <std::size_t From, std::size_t To>
  using step = detail::corner_convolution<From, To, Norm>;

  step<In, Channels> conv1;
  step<Channels, half> conv2;
  step<half, quarter> conv3;
  step<quarter, eighth> conv4;
  pointwise_convolution<eighth, 1> conv5;
  step<In, half> adjust1;
  step<In, quarter> adjust2;
  sequential<named<"0", step<half, quarter>>, named<"1", step<quarter, eighth>>, named<"2", step<eighth, 1>>> adjust3;
  sequential<named<"0", step<quarter, eighth>>, named<"1", step<eighth, 1>>> adjust4;

  static constexpr auto members() {
    using self = pyramid_corner_branch;
    return heddle::members<&self::conv1, &self::conv2, &self::conv3, &self::conv4, &self::conv5, &self::adjust1, &self::adjust2,
                           &self::adjust3, &self::adjust4>("conv1", "conv2", "conv3", "conv4", "conv5", "adjust1", "adjust2",
                                                           "adjust3", "adjust4");
  }

  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("pyramid_corner_branch: x", "channels", In, x.extent(3));
    return with(x, 4, 1);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return step<In, Channels>::multiply_adds(x) + step<Channels, half>::multiply_adds(with(x, 1, Channels)) +
           step<half, quarter>::multiply_adds(with(x, 2, half)) + step<quarter, eighth>::multiply_adds(with(x, 4, quarter)) +
           decltype(conv5)::multiply_adds(with(x, 4, eighth)) + step<In, half>::multiply_adds(x) +
           step<In, quarter>::multiply_adds(x) + decltype(adjust3)::multiply_adds(with(x, 1, half)) +
           decltype(adjust4)::multiply_adds(with(x, 2, quarter));
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t maps = bytes(with(x, 1, Channels)) + bytes(with(x, 1, half)) + bytes(with(x, 1, quarter)) +
                             bytes(with(x, 1, 1)) + bytes(with(x, 2, half)) + bytes(with(x, 2, quarter)) +
                             bytes(with(x, 2, 1)) + bytes(with(x, 4, quarter)) + bytes(with(x, 4, eighth));
    const std::size_t children[] = {step<In, Channels>::scratch_bytes(backend, x),
                                    step<Channels, half>::scratch_bytes(backend, with(x, 1, Channels)),
                                    step<half, quarter>::scratch_bytes(backend, with(x, 2, half)),
                                    step<quarter, eighth>::scratch_bytes(backend, with(x, 4, quarter)),
                                    step<In, half>::scratch_bytes(backend, x),
                                    step<In, quarter>::scratch_bytes(backend, x),
                                    decltype(adjust3)::scratch_bytes(backend, with(x, 1, half)),
                                    decltype(adjust4)::scratch_bytes(backend, with(x, 2, quarter)),
                                    for_each_bytes(backend, 0)};
    std::size_t largest = 0;
    for (const std::size_t c : children) largest = c > largest ? c : largest;
    return maps + largest;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_extents& e = x.extents();
    const auto x1 = take(ctx, with(e, 1, Channels));
    const auto x2 = take(ctx, with(e, 1, half));
    const auto coarse = take(ctx, with(e, 1, quarter));
    const auto coarse_heat = take(ctx, with(e, 1, 1));
    const auto doubled = take(ctx, with(e, 2, half));
    const auto x3 = take(ctx, with(e, 2, quarter));
    const auto heat = take(ctx, with(e, 2, 1));
    const auto fine = take(ctx, with(e, 4, quarter));
    const auto x4 = take(ctx, with(e, 4, eighth));
    conv1.forward(ctx, x, x1);
    conv2.forward(ctx, x1, x2);
    adjust3.forward(ctx, x2, coarse_heat);
    adjust1.forward(ctx, x, x2, as_const(as_rows(x2)));  // the sum, in place
    detail::repeat_cells<2>(ctx, x2, doubled, identity{});
    conv3.forward(ctx, doubled, x3);
    adjust4.forward(ctx, x3, heat);
    detail::repeat_cells<2>(ctx, coarse_heat, heat, detail::sum{});
    adjust2.forward(ctx, x, coarse);
    detail::repeat_cells<2>(ctx, coarse, x3, detail::sum{});
    detail::repeat_cells<2>(ctx, x3, fine, identity{});
    conv4.forward(ctx, fine, x4);
    conv5.forward(ctx, x4, y);
    detail::repeat_cells<2>(ctx, heat, y, detail::sum{});
  }

 private:
  /// The map of `x` with other channels, `factor` times as fine.
  static constexpr map_extents with(const map_extents& x, std::size_t factor, std::size_t channels) {
    return map_extents(x.extent(0), factor * x.extent(1), factor * x.extent(2), channels);
  }
  static constexpr std::size_t bytes(const map_extents& e) { return heddle::scratch_bytes<float>(e.size()); }
  template <class Backend>
  static map_view<float> take(context<Backend>& ctx, const map_extents& e) {
    return map_view<float>(ctx.scratch.template take<float>(e.size()), e);
  }
};

}  // namespace heddle::inline v0
