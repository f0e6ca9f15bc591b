/// @file
/// Residual connections: `x + f(x)`, with the norm before or after.
#pragma once

#include "../primitive/map.hpp"
#include "norm.hpp"

namespace heddle::inline v0 {

namespace detail {

template <class M, class Backend>
concept accumulates_rows = requires(const M& m, context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) {
  m.accumulate_rows(ctx, x, y);
};

struct sum {
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_ALWAYS_INLINE T operator()(T a, T b) const noexcept {
    return a + b;
  }
};

/// Copies rows unless they are the same memory.
template <class Backend>
void copy_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) {
  if (x.data_handle() != y.data_handle()) map(ctx, x, y, identity{});
}

/// `y += f(h)` on rows, fused into `f` where it can.
template <class Backend, class F>
void add_rows(context<Backend> ctx, const F& f, matrix_view<const float> h, matrix_view<float> y) {
  if constexpr (accumulates_rows<F, Backend>) {
    f.accumulate_rows(ctx, h, y);
  } else {
    const auto t = make_matrix(ctx.scratch.template take<float>(y.extent(0) * y.extent(1)), y.extent(0), y.extent(1));
    f.forward_rows(ctx, h, t);
    map(ctx, as_const(y), as_const(t), y, sum{});
  }
}

template <class F, class Backend>
constexpr std::size_t add_rows_bytes(const Backend& backend, std::size_t rows) {
  const std::size_t own = accumulates_rows<F, Backend> ? 0 : heddle::scratch_bytes<float>(rows * F::out_channels);
  return own + F::row_scratch_bytes(backend, rows);
}

/// `y = x + f(norm(x))` on rows; `y` may be `x`.
template <class Backend, class Norm, class F>
void forward_pre_norm(context<Backend> ctx, const Norm& norm, const F& f, matrix_view<const float> x, matrix_view<float> y) {
  const std::size_t channels = x.extent(1);
  const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * channels), x.extent(0), channels);
  norm.forward_rows(ctx, x, h);
  copy_rows(ctx, x, y);
  add_rows(ctx, f, as_const(h), y);
}

}  // namespace detail

/// `y = x + F(Norm(x))` for row modules. May run in place. Children: `norm`, `fn`.
template <row_module Norm, row_module F>
struct pre_norm {
  static_assert(F::in_channels == F::out_channels, "heddle::pre_norm: a residual needs as many output as input channels");
  static_assert(Norm::in_channels == F::in_channels, "heddle::pre_norm: norm and function have different channels");
  static constexpr std::size_t in_channels = F::in_channels;
  static constexpr std::size_t out_channels = F::out_channels;
  static constexpr bool in_place_rows = true;

  Norm norm;
  F fn;

  static constexpr auto members() { return heddle::members<&pre_norm::norm, &pre_norm::fn>("norm", "fn"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return F::row_multiply_adds(); }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) {
    return heddle::scratch_bytes<float>(rows * in_channels) + detail::add_rows_bytes<F>(backend, rows);
  }
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    detail::forward_pre_norm(ctx, norm, fn, x, y);
  }
};

/// `y = Norm(x + F(x))` for row modules (Vaswani et al., arXiv 1706.03762, section 3.1). Children: `norm`, `fn`.
template <row_module Norm, row_module F>
struct post_norm {
  static_assert(F::in_channels == F::out_channels, "heddle::post_norm: a residual needs as many output as input channels");
  static_assert(Norm::in_channels == F::in_channels, "heddle::post_norm: norm and function have different channels");
  static constexpr std::size_t in_channels = F::in_channels;
  static constexpr std::size_t out_channels = F::out_channels;

  Norm norm;
  F fn;

  static constexpr auto members() { return heddle::members<&post_norm::norm, &post_norm::fn>("norm", "fn"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return F::row_multiply_adds(); }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) {
    return detail::add_rows_bytes<F>(backend, rows);
  }
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    detail::copy_rows(ctx, x, y);
    detail::add_rows(ctx, fn, x, y);
    norm.forward_rows(ctx, as_const(y), y);
  }
};

/// `y = x + F(x)` for any module that keeps the shape. Child: `fn`.
template <module F>
struct residual {
  F fn;

  static constexpr auto members() { return heddle::members<&residual::fn>("fn"); }
  static constexpr map_extents output_extents(const map_extents& x) {
    const map_extents y = heddle::output_extents<F>(x);
    for (std::size_t r = 0; r < 4; ++r)
      require_extent("residual: output of the function", "elements along an axis as the input has", x.extent(r), y.extent(r));
    return y;
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) { return heddle::multiply_adds<F>(x); }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    return heddle::scratch_bytes<float>(x.size()) + heddle::scratch_bytes<F>(backend, x);
  }
  static constexpr bool in_place = true;

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const map_view<float> t(ctx.scratch.template take<float>(x.size()), x.extents());
    heddle::forward(ctx, fn, x, t);
    map(ctx, as_rows(x), as_const(as_rows(t)), as_rows(y), detail::sum{});
  }
};

}  // namespace heddle::inline v0
