/// @file
/// `tower`: a few linear layers with norm and ReLU in front of a head's last layer.
#pragma once

#include <array>
#include <string>

#include "../layer/linear.hpp"
#include "../layer/norm.hpp"
#include "../primitive/map.hpp"

namespace heddle::inline v0 {

/// `Depth` times `x = relu(LN(W x))` without bias, from `In` to `Out` channels in the first. Children as of a sequence of linear,
/// norm, activation: `0`, `1`, `3`, `4`, ...
template <std::size_t In, std::size_t Out, std::size_t Depth>
struct tower {
  static_assert(Depth > 0, "heddle::tower: at least one layer");
  using first_type = linear<In, Out, linear_options{.bias = false}>;
  using next_type = linear<Out, Out, linear_options{.bias = false}>;

  first_type first;
  std::array<next_type, Depth - 1> next;
  std::array<layer_norm<Out>, Depth> norms;

  static constexpr std::size_t parameter_count() {
    return parameters<first_type> + (Depth > 1 ? (Depth - 1) * parameters<next_type> : 0) + Depth * parameters<layer_norm<Out>>;
  }
  template <class Self, class F>
  static void visit_children(Self& self, F&& f) {
    f("0", self.first);
    f("1", self.norms[0]);
    for (std::size_t i = 1; i < Depth; ++i) {
      f(std::to_string(3 * i), self.next[i - 1]);
      f(std::to_string(3 * i + 1), self.norms[i]);
    }
  }
  static constexpr std::size_t in_channels = In;
  static constexpr std::size_t out_channels = Out;
  static constexpr std::uint64_t row_multiply_adds() noexcept { return std::uint64_t{In} * Out + (Depth - 1) * Out * Out; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend&, std::size_t rows) noexcept {
    return heddle::scratch_bytes<float>(Depth > 1 ? rows * Out : 0);
  }
  /// `y` is not `x`.
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    if constexpr (Depth == 1) {
      step(ctx, first, norms[0], x, y);
    } else {
      const auto other = make_matrix(ctx.scratch.template take<float>(y.extent(0) * Out), y.extent(0), Out);
      step(ctx, first, norms[0], x, Depth % 2 == 0 ? other : y);
      for (std::size_t i = 1; i < Depth; ++i) {
        const bool last_way = (Depth - i) % 2 == 1;  // ends in y
        step(ctx, next[i - 1], norms[i], as_const(last_way ? other : y), last_way ? y : other);
      }
    }
  }

 private:
  template <class Backend, class Linear>
  static void step(context<Backend> ctx, const Linear& layer, const layer_norm<Out>& norm, matrix_view<const float> x,
                   matrix_view<float> y) {
    layer.forward_rows(ctx, x, y);
    norm.forward_rows(ctx, as_const(y), y);
    map(ctx, as_const(y), y, relu{});
  }
};

}  // namespace heddle::inline v0
