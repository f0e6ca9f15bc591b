/// @file
/// Residual branches that end with a norm: `x + Norm(F(x))`, and the transformer block made of them.
#pragma once

#include "group_rows.hpp"
#include "mlp.hpp"
#include "residual.hpp"
#include "self_attention.hpp"

namespace heddle::inline v0 {

namespace detail {

/// `y = x + norm(f(x))` on rows; `y` may be `x`.
template <class Backend, class Norm, class F>
void forward_res_post_norm(context<Backend> ctx, const Norm& norm, const F& f, matrix_view<const float> x,
                           matrix_view<float> y) {
  const auto h = make_matrix(ctx.scratch.template take<float>(x.extent(0) * x.extent(1)), x.extent(0), x.extent(1));
  f.forward_rows(ctx, x, h);
  norm.forward_rows(ctx, as_const(h), h);
  map(ctx, x, as_const(h), y, sum{});
}

template <class F, class Backend>
constexpr std::size_t res_post_norm_bytes(const Backend& backend, std::size_t rows) {
  return heddle::scratch_bytes<float>(rows * F::out_channels) + F::row_scratch_bytes(backend, rows);
}

}  // namespace detail

/// `y = x + Norm(F(x))` for row modules: the norm acts on the branch alone, so that the residual stream keeps its scale
/// (Liu et al., arXiv 2111.09883, section 3.1). May run in place. Children: `norm`, `fn`.
template <row_module Norm, row_module F>
struct res_post_norm {
  static_assert(F::in_channels == F::out_channels, "heddle::res_post_norm: a residual needs as many output as input channels");
  static_assert(Norm::in_channels == F::in_channels, "heddle::res_post_norm: norm and function have different channels");
  static constexpr std::size_t in_channels = F::in_channels;
  static constexpr std::size_t out_channels = F::out_channels;
  static constexpr bool in_place_rows = true;

  Norm norm;
  F fn;

  static constexpr auto members() { return heddle::members<&res_post_norm::norm, &res_post_norm::fn>("norm", "fn"); }
  static constexpr std::uint64_t row_multiply_adds() noexcept { return F::row_multiply_adds(); }
  template <class Backend>
  static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) {
    return detail::res_post_norm_bytes<F>(backend, rows);
  }
  template <class Backend>
  void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
    detail::forward_res_post_norm(ctx, norm, fn, x, y);
  }
};

/// Transformer block with norms behind its branches: `x += Norm1(Attention(x))`, `x += Norm2(Mlp(x))` (Swin Transformer V2;
/// NGswin). Children: `attn`, `norm1`, `mlp`, `norm2`. May run in place.
///
/// What attends may be another map than the one that is added to: `forward(ctx, x, source, y)` computes
/// `x + Norm1(Attention(source))`.
template <row_module Norm, class Attention, row_module Mlp>
struct res_post_norm_block {
  static constexpr std::size_t channels = Attention::channels;
  static_assert(Norm::in_channels == channels, "heddle::res_post_norm_block: norm and attention have different channels");
  static_assert(Mlp::in_channels == channels && Mlp::out_channels == channels,
                "heddle::res_post_norm_block: attention and feed-forward have different channels");
  static constexpr bool in_place = true;

  Attention attn;
  Norm norm1;
  Mlp mlp;
  Norm norm2;

  static constexpr auto members() {
    return heddle::members<&res_post_norm_block::attn, &res_post_norm_block::norm1, &res_post_norm_block::mlp,
                           &res_post_norm_block::norm2>("attn", "norm1", "mlp", "norm2");
  }
  static constexpr map_extents output_extents(const map_extents& x) { return Attention::output_extents(x); }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return Attention::multiply_adds(x) + heddle::multiply_adds<Mlp>(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    if (runs_by_group<Backend>(x)) {
      return plan_bytes(typename Attention::composition_type{}, Attention::grid_of(x), Attention::heads) +
             for_each_bytes(backend, group_bytes(backend.as_serial(), x));
    }
    const std::size_t rows = detail::row_count(x);
    const std::size_t attention = heddle::scratch_bytes<float>(rows * channels) + Attention::scratch_bytes(backend, x);
    const std::size_t feed_forward = detail::rows_scratch_bytes<res_post_norm<Norm, Mlp>>(backend, rows);
    return attention > feed_forward ? attention : feed_forward;
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    forward(ctx, x, x, y);
  }
  /// `source` may not be `y` unless it is `x` too.
  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<const float> source, map_view<float> y) const {
    if constexpr (!prefers_whole_maps<Backend>) {
      if (runs_by_group<Backend>(x.extents())) return forward_by_group(ctx, x, source, y);
    }
    forward_by_step(ctx, x, source, y);
  }

 private:
  static constexpr std::size_t fused_limit = std::size_t{1} << 20;  ///< bytes of weights, and of a group's working set

  static constexpr auto index_map(const map_extents& x) {
    return typename Attention::composition_type{}.partition().map(Attention::grid_of(x));
  }
  /// Decided by the shape alone, so that the result does not depend on the number of threads.
  template <class Backend>
  static constexpr bool runs_by_group(const map_extents& x) {
    if (prefers_whole_maps<Backend> || parameters<res_post_norm_block> * sizeof(float) > fused_limit) return false;
    const auto map = index_map(x);
    return map.groups() * Attention::clips(x) >= 4 && map.group_size() * channels * 6 * sizeof(float) <= fused_limit;
  }
  template <class Backend>
  static constexpr std::size_t group_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t rows = index_map(x).group_size();
    const std::size_t attention = Attention::group_bytes(backend, Attention::grid_of(x), rows);
    const std::size_t feed_forward =
        detail::res_post_norm_bytes<Mlp>(backend, rows < detail::row_block ? rows : detail::row_block);
    return heddle::scratch_bytes<std::int32_t>(rows) + 2 * heddle::scratch_bytes<float>(rows * channels) +
           (attention > feed_forward ? attention : feed_forward);
  }

  /// A group goes through the whole block at once, in the inner caches.
  template <class Backend>
  void forward_by_group(context<Backend> ctx, map_view<const float> x, map_view<const float> source, map_view<float> y) const {
    const auto plan = plan_attention(attn.composition, Attention::grid_of(x.extents()), Attention::heads, ctx.scratch);
    const std::size_t groups = plan.map().groups();
    const std::size_t image_elements = Attention::grid_of(x.extents()).size() * channels;
    ctx.for_each(groups * Attention::clips(x.extents()), group_bytes(ctx.backend.as_serial(), x.extents()),
                 [&](auto worker, std::size_t index) {
                   const std::size_t image = index / groups;
                   const std::size_t rows = plan.map().group_size();
                   auto* const tokens = worker.scratch.template take<std::int32_t>(rows);
                   plan.map().tokens(index % groups, tokens);
                   const auto local = make_matrix(worker.scratch.template take<float>(rows * channels), rows, channels);
                   const auto h = make_matrix(worker.scratch.template take<float>(rows * channels), rows, channels);
                   detail::gather_group<channels>(source.data_handle() + image * image_elements, tokens, h);
                   attn.forward_group(worker, plan, image, index % groups, as_const(h), h);
                   norm1.forward_rows(worker, as_const(h), h);
                   detail::gather_group<channels>(x.data_handle() + image * image_elements, tokens, local);
                   map(worker, as_const(local), as_const(h), local, detail::sum{});
                   for (std::size_t first = 0; first < rows; first += detail::row_block) {
                     const std::size_t count = rows - first < detail::row_block ? rows - first : detail::row_block;
                     const auto part = row_range(local, first, count);
                     detail::forward_res_post_norm(worker, norm2, mlp, as_const(part), part);
                   }
                   detail::scatter_group<channels>(local, tokens, y.data_handle() + image * image_elements);
                 });
  }

  template <class Backend>
  void forward_by_step(context<Backend> ctx, map_view<const float> x, map_view<const float> source, map_view<float> y) const {
    attention_step(ctx, x, source, as_rows(y));
    const feed_forward second{norm2, mlp};
    detail::forward_all_rows(ctx, second, as_const(as_rows(y)), as_rows(y));
  }

  /// Takes its context by value: the branch is given back before the feed-forward part.
  template <class Backend>
  void attention_step(context<Backend> ctx, map_view<const float> x, map_view<const float> source, matrix_view<float> y) const {
    const auto h = make_matrix(ctx.scratch.template take<float>(y.extent(0) * channels), y.extent(0), channels);
    attn.forward_projected(ctx, x.extents(), as_rows(source), h, false);
    detail::forward_all_rows(ctx, norm1, as_const(h), h);
    map(ctx, as_rows(x), as_const(h), y, detail::sum{});
  }

  /// `res_post_norm` of children that live elsewhere.
  struct feed_forward {
    static constexpr std::size_t in_channels = channels;
    static constexpr std::size_t out_channels = channels;
    static constexpr std::size_t parameter_count() { return parameters<Norm> + parameters<Mlp>; }
    static constexpr std::uint64_t row_multiply_adds() noexcept { return Mlp::row_multiply_adds(); }
    const Norm& norm;
    const Mlp& fn;
    template <class Backend>
    static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) {
      return detail::res_post_norm_bytes<Mlp>(backend, rows);
    }
    template <class Backend>
    void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
      detail::forward_res_post_norm(ctx, norm, fn, x, y);
    }
  };
};

}  // namespace heddle::inline v0
