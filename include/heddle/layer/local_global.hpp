/// @file
/// A local and a global aggregator of tokens in one block, and the local one that is made of convolutions.
#pragma once

#include "convolution.hpp"
#include "depthwise_convolution.hpp"
#include "residual.hpp"

namespace heddle::inline v0 {

/// A learned affinity of neighbouring tokens that does not depend on their content:
/// `y = conv2(depthwise(conv1(norm(x))))`, the outer convolutions of size 1, no activation between (Li et al.,
/// arXiv 2201.04676, section 3.2; as a bottleneck, `Inner` smaller than `C`: arXiv 2211.09552, section 3.2). The norm is
/// folded into `conv1`. Children: `conv1` (`[Inner, C, 1, 1]`, with `pre_norm`), `depthwise`, `conv2` (`[C, Inner, 1, 1]`).
template <std::size_t C, std::size_t Inner, depthwise_options Window, class Norm = no_norm>
struct local_aggregator {
  using conv1_type = pointwise_convolution<C, Inner, true, no_norm, identity, Norm>;
  using depthwise_type = depthwise_convolution<Inner, Window>;
  using conv2_type = pointwise_convolution<Inner, C>;

  conv1_type conv1;
  depthwise_type depthwise;
  conv2_type conv2;

  static constexpr auto members() {
    return heddle::members<&local_aggregator::conv1, &local_aggregator::depthwise, &local_aggregator::conv2>(
        "conv1", "depthwise", "conv2");
  }
  static constexpr map_extents output_extents(const map_extents& x) { return conv2_type::output_extents(filtered(x)); }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return conv1_type::multiply_adds(x) + depthwise_type::multiply_adds(narrowed(x)) + conv2_type::multiply_adds(filtered(x));
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend&, const map_extents& x) {
    return heddle::scratch_bytes<float>(narrowed(x).size()) + heddle::scratch_bytes<float>(filtered(x).size());
  }

  /// `y = residual + conv2(depthwise(conv1(norm(x))))`; `residual` may be the rows of `x` or of `y`, and `y` may be `x`.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y, matrix_view<const float> residual = {}) const {
    const map_extents a = narrowed(x.extents());
    const map_extents b = filtered(x.extents());
    const map_view<float> narrow(ctx.scratch.template take<float>(a.size()), a);
    const map_view<float> mixed(ctx.scratch.template take<float>(b.size()), b);
    conv1.forward(ctx, x, narrow);
    depthwise.forward(ctx, narrow, mixed);
    conv2.forward(ctx, mixed, y, residual);
  }

 private:
  static constexpr map_extents narrowed(const map_extents& x) { return conv1_type::output_extents(x); }
  static constexpr map_extents filtered(const map_extents& x) { return depthwise_type::output_extents(narrowed(x)); }
};

/// Which tokens of an image a local aggregator sees.
struct local_tokens {
  std::size_t class_tokens = 0;  ///< leading tokens that it leaves alone; the map then is `[images, 1, tokens, C]`
  std::size_t columns = 0;       ///< columns of the map that the others form; 0: all in one row
};

namespace detail {

/// True where a module adds a residual by itself.
template <class M, class Backend>
concept adds_residual = requires(const M& m, context<Backend> ctx, map_view<const float> x, map_view<float> y,
                                 matrix_view<const float> r) { m.forward(ctx, x, y, r); };
/// True where attention adds to its output.
template <class M, class Backend>
concept accumulates_projected = requires(const M& m, context<Backend> ctx, const map_extents& e, matrix_view<const float> x,
                                         matrix_view<float> y) { m.forward_projected(ctx, e, x, y, true); };

/// `y = residual + f(x)`; `residual` may be the rows of `y`.
template <class Backend, module F>
void forward_added(context<Backend> ctx, const F& f, map_view<const float> x, map_view<float> y,
                   matrix_view<const float> residual) {
  if constexpr (adds_residual<F, Backend>) {
    f.forward(ctx, x, y, residual);
  } else if constexpr (accumulates_projected<F, Backend>) {
    copy_rows(ctx, residual, as_rows(y));
    f.forward_projected(ctx, x.extents(), as_rows(x), as_rows(y), true);
  } else {
    const map_view<float> t(ctx.scratch.template take<float>(y.size()), y.extents());
    heddle::forward(ctx, f, x, t);
    map(ctx, residual, as_const(as_rows(t)), as_rows(y), sum{});
  }
}
template <module F, class Backend>
constexpr std::size_t forward_added_bytes(const Backend& backend, const map_extents& x) {
  const bool fused = adds_residual<F, Backend> || accumulates_projected<F, Backend>;
  return (fused ? 0 : heddle::scratch_bytes<float>(x.size())) + heddle::scratch_bytes<F>(backend, x);
}

}  // namespace detail

/// `y = x + Local(x)`, on all tokens or on those behind the class tokens. Children are those of `Local`.
template <module Local, local_tokens Tokens = local_tokens{}>
struct local_residual {
  Local fn;

  static constexpr auto members() { return heddle::members<&local_residual::fn>(""); }
  static constexpr map_extents output_extents(const map_extents& x) {
    const map_extents in = seen(x);
    const map_extents out = heddle::output_extents<Local>(in);
    for (std::size_t r = 0; r < 4; ++r)
      require_extent("local_residual: output of the local part", "elements along an axis as the input has", in.extent(r),
                     out.extent(r));
    return x;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) { return heddle::multiply_adds<Local>(seen(x)); }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const map_extents in = seen(x);
    return (Tokens.class_tokens == 0 ? 0 : 2 * heddle::scratch_bytes<float>(in.size())) +
           detail::forward_added_bytes<Local>(backend, in);
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    if constexpr (Tokens.class_tokens == 0) {
      detail::forward_added(ctx, fn, x, y, as_rows(x));
    } else {
      const map_extents e = seen(x.extents());
      const map_view<float> in(ctx.scratch.template take<float>(e.size()), e);
      const map_view<float> out(ctx.scratch.template take<float>(e.size()), e);
      const std::size_t tokens = x.extent(2);
      const std::size_t count = tokens - Tokens.class_tokens;
      for (std::size_t i = 0; i < x.extent(0); ++i)
        detail::copy_rows(ctx, row_range(as_rows(x), i * tokens + Tokens.class_tokens, count),
                          row_range(as_rows(in), i * count, count));
      detail::forward_added(ctx, fn, in, out, as_const(as_rows(in)));
      for (std::size_t i = 0; i < x.extent(0); ++i) {
        detail::copy_rows(ctx, row_range(as_rows(x), i * tokens, Tokens.class_tokens),
                          row_range(as_rows(y), i * tokens, Tokens.class_tokens));
        detail::copy_rows(ctx, as_const(row_range(as_rows(out), i * count, count)),
                          row_range(as_rows(y), i * tokens + Tokens.class_tokens, count));
      }
    }
  }

 private:
  /// The map that the local part sees. @throws shape_error where the tokens do not form it
  static constexpr map_extents seen(const map_extents& x) {
    if constexpr (Tokens.class_tokens == 0) return x;
    require_extent("local_residual: x", "rows, as class tokens need,", 1, x.extent(1));
    if (x.extent(2) < Tokens.class_tokens)
      detail::raise_shape("local_residual: x", "tokens at least", Tokens.class_tokens, x.extent(2));
    const std::size_t count = x.extent(2) - Tokens.class_tokens;
    const std::size_t columns = Tokens.columns == 0 ? count : Tokens.columns;
    const std::size_t rows = columns == 0 ? 0 : count / columns;
    require_extent("local_residual: x", "tokens, class tokens and whole rows of the map,", Tokens.class_tokens + rows * columns,
                   x.extent(2));
    return map_extents(x.extent(0), rows, columns, x.extent(3));
  }
};

/// A local aggregator, then a global one, each with its residual: `z = x + Local(x)`, `y = z + Global(Norm(z))`.
///
/// The local part is a `depthwise_convolution` (a conditional position encoding: Chu et al., arXiv 2102.10882) or a
/// `local_aggregator`, in two or three dimensions; the global one is attention in windows, over a map or over a clip
/// (UniFormer, STPT), or a `local_aggregator` with its norm folded in (`Norm` then is `no_norm`). `Tokens` leaves class tokens
/// out of the local part (UniFormerV2). Children: `local`, `norm`, `global`.
template <module Local, module Global, class Norm = no_norm, local_tokens Tokens = local_tokens{}>
struct local_global {
  static constexpr bool has_norm = !std::is_same_v<Norm, no_norm>;
  using local_type = local_residual<Local, Tokens>;

  local_type local;
  [[no_unique_address]] Norm norm;
  Global global;

  static constexpr auto members() {
    return heddle::members<&local_global::local, &local_global::norm, &local_global::global>("local", "norm", "global");
  }
  static constexpr map_extents output_extents(const map_extents& x) {
    const map_extents y = heddle::output_extents<Global>(local_type::output_extents(x));
    for (std::size_t r = 0; r < 4; ++r)
      require_extent("local_global: output of the global part", "elements along an axis as the input has", x.extent(r),
                     y.extent(r));
    return x;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return local_type::multiply_adds(x) + heddle::multiply_adds<Global>(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t first = local_type::scratch_bytes(backend, x);
    const std::size_t second = detail::forward_added_bytes<Global>(backend, x);
    return heddle::scratch_bytes<float>(x.size()) + (first > second ? first : second);
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_view<float> between(ctx.scratch.template take<float>(x.size()), x.extents());
    if constexpr (has_norm) {
      local.forward(ctx, x, y);
      detail::forward_all_rows(ctx, norm, as_const(as_rows(y)), as_rows(between));
      detail::forward_added(ctx, global, between, y, as_const(as_rows(y)));
    } else {
      local.forward(ctx, x, between);
      detail::forward_added(ctx, global, between, y, as_const(as_rows(between)));
    }
  }
};

}  // namespace heddle::inline v0
