/// @file
/// The feature pyramid of the key frame (Lin et al., arXiv 1612.03144), from four taps of a plain vision transformer.
#pragma once

#include <algorithm>

#include "config.hpp"
#include "heddle/layer/convolution.hpp"
#include "heddle/layer/residual.hpp"
#include "heddle/primitive/resample.hpp"

namespace heddle::examples {

/// Taps of `C` channels on one grid become maps of 4, 2, 1 and 1/2 times its size with `Out` channels: a layer of size 1,
/// resized (nearest; the two may change places), then from the coarsest on `u += nearest 2x(next)`, and a 3 x 3
/// convolution. Children: `fpn_lateral2` ... `fpn_lateral5`, `fpn_output2` ... `fpn_output5`.
template <std::size_t C, std::size_t Out>
struct evad_pyramid {
  static constexpr std::size_t levels = 4;
  using lateral_type = pointwise_convolution<C, Out>;
  using output_type = convolution<Out, Out>;

  std::array<lateral_type, levels> laterals;
  std::array<output_type, levels> outputs;

  static constexpr std::size_t parameter_count() { return levels * (parameters<lateral_type> + parameters<output_type>); }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    for (std::size_t i = 0; i < levels; ++i) {
      f("fpn_lateral" + std::to_string(i + 2), self.laterals[i]);
      f("fpn_output" + std::to_string(i + 2), self.outputs[i]);
    }
  }
  /// Maps of `height` x `width` tokens at `level`.
  static constexpr map_extents extents_of(std::size_t batch, std::size_t height, std::size_t width,
                                          std::size_t level) noexcept {
    return map_extents(batch, height * 4 >> level, width * 4 >> level, Out);
  }
  static constexpr std::uint64_t multiply_adds(std::size_t height, std::size_t width) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < levels; ++i)
      sum += std::uint64_t{height} * width * C * Out + output_type::multiply_adds(extents_of(1, height, width, i));
    return sum;
  }

  /// Floats of all maps.
  static constexpr std::size_t size(std::size_t batch, std::size_t height, std::size_t width) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < levels; ++i) n += (extents_of(batch, height, width, i).size() + 15) / 16 * 16;
    return n;
  }
  using maps = std::array<map_view<float>, levels>;
  template <class Backend>
  static maps take(context<Backend>& ctx, std::size_t batch, std::size_t height, std::size_t width) {
    maps m;
    for (std::size_t i = 0; i < levels; ++i) {
      const map_extents e = extents_of(batch, height, width, i);
      m[i] = map_view<float>(ctx.scratch.template take<float>(e.size()), e);
    }
    return m;
  }

  template <class Backend>
  static std::size_t scratch_bytes(const Backend& backend, std::size_t batch, std::size_t height, std::size_t width) {
    const map_extents grid(batch, height, width, Out);
    std::size_t largest = 0;
    for (std::size_t i = 0; i < levels; ++i) {
      const map_extents e = extents_of(batch, height, width, i);
      largest = std::max(largest, resize_bytes(backend, grid, e, resize_rule::nearest{}));
      largest = std::max(largest, output_type::scratch_bytes(backend, e));
      if (i + 1 < levels)
        largest = std::max(largest, resize_bytes(backend, extents_of(batch, height, width, i + 1), e, resize_rule::nearest{}));
    }
    return heddle::scratch_bytes<float>(extents_of(batch, height, width, 0).size()) + largest;
  }

  /// The lateral part of one level. @param x `[batch * height * width, C]`
  template <class Backend>
  void lateral(context<Backend> ctx, std::size_t level, matrix_view<const float> x, const map_extents& grid,
               map_view<float> u) const {
    const map_extents e(grid.extent(0), grid.extent(1), grid.extent(2), Out);
    const map_view<float> small(ctx.scratch.template take<float>(e.size()), e);
    const map_view<const float> in(x.data_handle(), map_extents(e.extent(0), e.extent(1), e.extent(2), C));
    laterals[level].forward(ctx, in, small);
    resize(ctx, map_view<const float>(small), u, resize_rule::nearest{});
  }
  /// From the lateral parts to the pyramid.
  template <class Backend>
  void forward(context<Backend> ctx, const maps& u, const maps& p) const {
    for (std::size_t i = levels - 1; i-- > 0;) add_enlarged(ctx, u[i + 1], u[i]);
    for (std::size_t i = 0; i < levels; ++i) outputs[i].forward(ctx, map_view<const float>(u[i]), p[i]);
  }

 private:
  template <class Backend>
  static void add_enlarged(context<Backend> ctx, map_view<const float> coarse, map_view<float> fine) {
    const map_view<float> t(ctx.scratch.template take<float>(fine.size()), fine.extents());
    resize(ctx, coarse, t, resize_rule::nearest{});
    map(ctx, as_const(as_rows(fine)), as_const(as_rows(t)), as_rows(fine), heddle::detail::sum{});
  }
};

}  // namespace heddle::examples
