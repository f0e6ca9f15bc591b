/// @file
/// Gated feed-forward part of language models.
#pragma once

#include "linear.hpp"
#include "residual.hpp"

namespace heddle::inline v0 {

/// `y = W_down (activation(W_gate x) * (W_up x))` on rows, without biases (Shazeer, arXiv 2002.05202; SwiGLU with `silu`).
/// Children: `gate` and `up` (`[Hidden, C]`), `down` (`[C, Hidden]`).
template <std::size_t C, std::size_t Hidden, class Activation = silu>
struct gated_mlp {
  static constexpr std::size_t in_channels = C;
  static constexpr std::size_t out_channels = C;
  static constexpr linear_options options{.bias = false};

  linear<C, Hidden, options> gate;
  linear<C, Hidden, options> up;
  linear<Hidden, C, options> down;

  static constexpr auto members() {
    return heddle::members<&gated_mlp::gate, &gated_mlp::up, &gated_mlp::down>("gate", "up", "down");
  }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return 3 * std::uint64_t{C} * Hidden; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend&, std::size_t rows) noexcept {
    return 2 * heddle::scratch_bytes<float>(rows * Hidden);
  }

  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    const auto h = hidden(ctx, x);  // first: it takes scratch that the next call must not get
    down.forward_rows(ctx, h, y);
  }
  /// `y += W_down (activation(W_gate x) * (W_up x))`
  template <class Backend>
  void accumulate_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    const auto h = hidden(ctx, x);
    down.accumulate_rows(ctx, h, y);
  }

  /// Public, as device code names it.
  struct product {
    template <class T>
    HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T a, T b) const noexcept {
      return a * b;
    }
  };

 private:
  template <class Backend>
  matrix_view<const float> hidden(context<Backend>& ctx, matrix_view<const float> x) const {
    const auto a = make_matrix(ctx.scratch.template take<float>(x.extent(0) * Hidden), x.extent(0), Hidden);
    const auto b = make_matrix(ctx.scratch.template take<float>(x.extent(0) * Hidden), x.extent(0), Hidden);
    gate.forward_rows(ctx, x, a, Activation{});
    up.forward_rows(ctx, x, b);
    map(ctx, as_const(a), as_const(b), a, product{});
    return a;
  }
};

}  // namespace heddle::inline v0
