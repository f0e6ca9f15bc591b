/// @file
/// The bottleneck that joins the stages of NGswin.
#pragma once

#include <cstring>

#include "heddle/layer/depthwise_convolution.hpp"
#include "heddle/layer/linear.hpp"
#include "heddle/layer/max_pool.hpp"
#include "heddle/layer/residual.hpp"
#include "heddle/primitive/pixel_shuffle.hpp"

namespace heddle::examples {

namespace detail {
/// `a + LeakyReLU(b)`
struct ngswin_with_leaky {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    using math::max;
    return a + max(b, b * T(0.01F));
  }
};
}  // namespace detail

/// The outputs of three stages, each with the shallow features of its size added, brought to one size by pixel shuffle and
/// concatenated; a depthwise convolution, GELU, a linear layer and a norm (Choi et al., CVPR 2023, section 3.3). Children:
/// `depthwise`, `pointwise`, `norm`.
template <std::size_t C>
struct ngswin_bottleneck {
  static_assert(C % 16 == 0, "ngswin: the channels must be a multiple of 16");
  static constexpr std::size_t joined = C + C / 4 + C / 16;

  depthwise_convolution<joined, depthwise_options::square(3), no_norm, gelu> depthwise;
  linear<joined, C> pointwise;
  layer_norm<C> norm;

  static constexpr auto members() {
    return heddle::members<&ngswin_bottleneck::depthwise, &ngswin_bottleneck::pointwise, &ngswin_bottleneck::norm>(
        "depthwise", "pointwise", "norm");
  }
  /// For shallow features of shape `e`.
  static constexpr std::uint64_t multiply_adds(const map_extents& e) {
    return std::uint64_t{heddle::detail::row_count(e)} * (9 * joined + joined * C);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents& e) {
    const std::size_t rows = heddle::detail::row_count(e);
    return 3 * heddle::scratch_bytes<float>(rows * C) + 2 * heddle::scratch_bytes<float>(rows * joined);
  }

  /// `shallow` and `y` `[batch, height, width, C]`; `outputs` of the stages, each at half the sides of the one before.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> shallow, const std::array<map_view<const float>, 3>& outputs,
               map_view<float> y) const {
    const std::size_t rows = heddle::detail::row_count(shallow.extents());
    const map_extents wide(y.extent(0), y.extent(1), y.extent(2), joined);
    float* const pooled[2] = {ctx.scratch.template take<float>(rows * C), ctx.scratch.template take<float>(rows * C)};
    float* const summed = ctx.scratch.template take<float>(rows * C);
    const map_view<float> all(ctx.scratch.template take<float>(wide.size()), wide);
    const map_view<float> mixed(ctx.scratch.template take<float>(wide.size()), wide);

    const auto first = make_matrix(as_rows(all).data_handle(), rows, C, joined);
    map(ctx, as_rows(outputs[0]), as_rows(shallow), first, detail::ngswin_with_leaky{});
    map_view<const float> current = shallow;
    for (std::size_t i = 1; i < 3; ++i) {
      const map_view<float> half(pooled[i - 1], outputs[i].extents());
      max_pool(ctx, current, as_rows(half));
      const map_view<float> t(summed, outputs[i].extents());
      map(ctx, as_rows(outputs[i]), as_const(as_rows(half)), as_rows(t), detail::ngswin_with_leaky{});
      if (i == 1) {
        unfold<2>(ctx, t, as_rows(all), C, mixed.data_handle());
      } else {
        unfold<4>(ctx, t, as_rows(all), C + C / 4, mixed.data_handle());
      }
      current = half;
    }
    depthwise.forward(ctx, all, mixed);
    heddle::detail::forward_all_rows(ctx, pointwise, as_const(as_rows(mixed)), as_rows(y));
    norm.forward_rows(ctx, as_const(as_rows(y)), as_rows(y));
  }

 private:
  /// Channels to pixels, into columns of `all` from `column` on.
  template <std::size_t Factor, class Backend>
  static void unfold(context<Backend> ctx, map_view<const float> t, matrix_view<float> all, std::size_t column, float* buffer) {
    constexpr std::size_t channels = C / Factor / Factor;
    const map_view<float> fine(buffer, map_extents(t.extent(0), t.extent(1) * Factor, t.extent(2) * Factor, channels));
    pixel_shuffle<Factor>(ctx, t, fine);
    map(ctx, as_const(as_rows(fine)), column_range(all, column, channels), identity{});
  }
};

}  // namespace heddle::examples
