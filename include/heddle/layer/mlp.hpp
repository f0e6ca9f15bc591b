/// @file
/// Two-layer perceptron, the feed-forward part of a transformer block.
#pragma once

#include "linear.hpp"

namespace heddle::inline v0 {

/// `y = W2 activation(W1 x + b1) + b2` on rows (Vaswani et al., arXiv 1706.03762, equation 2). Children: `fc1`
/// (`[Hidden, C]`), `fc2` (`[C, Hidden]`).
template <std::size_t C, std::size_t Hidden, class Activation = gelu, linear_options Options = linear_options{}>
struct mlp {
  static constexpr std::size_t in_channels = C;
  static constexpr std::size_t out_channels = C;

  linear<C, Hidden, Options> fc1;
  linear<Hidden, C, Options> fc2;

  static constexpr auto members() { return heddle::members<&mlp::fc1, &mlp::fc2>("fc1", "fc2"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return 2 * std::uint64_t{C} * Hidden; }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) noexcept {
    const std::size_t first = linear<C, Hidden, Options>::row_scratch_bytes(backend, rows);
    const std::size_t second = linear<Hidden, C, Options>::row_scratch_bytes(backend, rows);
    return heddle::scratch_bytes<element>(rows * Hidden) + (first > second ? first : second);
  }

  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    const auto h = hidden(ctx, x);  // first: it takes scratch that the next call must not get
    fc2.forward_rows(ctx, h, y);
  }
  /// `y += W2 activation(W1 x + b1) + b2`
  template <class Backend>
  void accumulate_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    const auto h = hidden(ctx, x);
    fc2.accumulate_rows(ctx, h, y);
  }

 private:
  using element = detail::product_element<Options.products>;

  /// The hidden rows, in scratch that `ctx` keeps until its owner lets it go.
  template <class Backend>
  matrix_view<const element> hidden(context<Backend>& ctx, matrix_view<const float> x) const {
    const auto h = make_matrix(ctx.scratch.template take<element>(x.extent(0) * Hidden), x.extent(0), Hidden);
    fc1.forward_rows(ctx, x, h, Activation{});
    return h;
  }
};

}  // namespace heddle::inline v0
