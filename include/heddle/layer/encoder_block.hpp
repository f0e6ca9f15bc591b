/// @file
/// The transformer block: attention and feed-forward, each with its norm and residual, run group by group where it can.
#pragma once

#include "group_rows.hpp"
#include "mlp.hpp"
#include "residual.hpp"
#include "self_attention.hpp"

namespace heddle::inline v0 {

/// A learned factor for every channel of a branch (Touvron et al., arXiv 2103.17239). Child: `gamma` `[C]`.
template <std::size_t C>
struct layer_scale {
  parameter<C> gamma;
  static constexpr auto members() { return heddle::members<&layer_scale::gamma>("gamma"); }
};

/// Stands where a branch has no layer scale.
struct no_scale {};

namespace detail {
/// What a branch of a block has as its scale. Without scales the two branches have two types: of one empty type each needs
/// an address of its own, one of them behind all other members, and nvcc (13.0) runs out of memory over a class that is
/// derived from such a block and has members.
template <class Scale, int Branch>
struct branch_scale {
  using type = Scale;
};
template <int Branch>
struct branch_scale<no_scale, Branch> {
  struct type {};
};
}  // namespace detail

/// Pre-norm transformer block (Vaswani et al., arXiv 1706.03762, with the norm in front):
/// `x += s1 * Attention(Norm(x))`, `x += s2 * Mlp(Norm(x))`. Children: `norm1`, `attn`, `ls1`, `norm2`, `mlp`, `ls2`.
///
/// Where the partition makes many small groups, a group goes through the whole block at once: its rows are read through the
/// index map, pass norm, projections, attention and feed-forward in the inner caches, and are written back once.
template <row_module Norm, class Attention, row_module Mlp, class Scale = no_scale>
struct encoder_block {
  static constexpr std::size_t channels = Attention::channels;
  static_assert(Norm::in_channels == channels, "heddle::encoder_block: norm and attention have different channels");
  static_assert(Mlp::in_channels == channels && Mlp::out_channels == channels,
                "heddle::encoder_block: attention and feed-forward have different channels");

  Norm norm1;
  Attention attn;
  [[no_unique_address]] typename detail::branch_scale<Scale, 1>::type ls1;
  Norm norm2;
  Mlp mlp;
  [[no_unique_address]] typename detail::branch_scale<Scale, 2>::type ls2;

  static constexpr bool in_place = true;

  static constexpr auto members() {
    return heddle::members<&encoder_block::norm1, &encoder_block::attn, &encoder_block::ls1, &encoder_block::norm2,
                           &encoder_block::mlp, &encoder_block::ls2>("norm1", "attn", "ls1", "norm2", "mlp", "ls2");
  }
  static constexpr map_extents output_extents(const map_extents& x) { return Attention::output_extents(x); }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return Attention::multiply_adds(x) + heddle::multiply_adds<Mlp>(x);
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const token_grid grid = Attention::grid_of(x);
    if (runs_by_group<Backend>(x)) {
      return plan_bytes(typename Attention::composition_type{}, grid, Attention::heads) +
             for_each_bytes(backend, group_bytes(backend.as_serial(), x));
    }
    const std::size_t rows = detail::row_count(x);
    const std::size_t attention = heddle::scratch_bytes<float>(rows * channels) + Attention::scratch_bytes(backend, x);
    const std::size_t feed_forward = detail::rows_scratch_bytes<pre_norm<Norm, Mlp>>(backend, rows);
    return attention > feed_forward ? attention : feed_forward;
  }

  /// Folds the layer scales into the last product of each branch.
  template <class Backend>
  void prepare(const Backend& backend) {
    if constexpr (!std::is_same_v<Scale, no_scale>) {
      attn.proj.prepare_scaled(backend, ls1.gamma.span());
      mlp.fc2.prepare_scaled(backend, ls2.gamma.span());
    }
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    if constexpr (!prefers_whole_maps<Backend>) {
      if (runs_by_group<Backend>(x.extents())) return forward_by_group(ctx, x, y);
    }
    forward_by_step(ctx, x, y);
  }

 private:
  static constexpr std::size_t fused_limit = std::size_t{1} << 20;  ///< bytes of a group's working set

  static constexpr auto index_map(const map_extents& x) {
    return typename Attention::composition_type{}.partition().map(Attention::grid_of(x));
  }
  /// Decided by the shape alone, so that the result does not depend on the number of threads.
  template <class Backend>
  static constexpr bool runs_by_group(const map_extents& x) {
    if (prefers_whole_maps<Backend> || parameters<encoder_block> * sizeof(float) > fused_limit) return false;
    const auto map = index_map(x);
    return map.groups() * Attention::clips(x) >= 8 && map.group_size() * channels * 6 * sizeof(float) <= fused_limit;
  }
  template <class Backend>
  static constexpr std::size_t group_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t rows = index_map(x).group_size();
    const std::size_t attention = Attention::group_bytes(backend, Attention::grid_of(x), rows);
    const std::size_t feed_forward = detail::add_rows_bytes<Mlp>(backend, rows < detail::row_block ? rows : detail::row_block);
    return heddle::scratch_bytes<std::int32_t>(rows) + 2 * heddle::scratch_bytes<float>(rows * channels) +
           (attention > feed_forward ? attention : feed_forward);
  }

  template <class Backend>
  void forward_by_group(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    const auto plan = plan_attention(attn.composition, Attention::grid_of(x.extents()), Attention::heads, ctx.scratch);
    const std::size_t groups = plan.map().groups();
    const std::size_t image_elements = Attention::grid_of(x.extents()).size() * channels;
    ctx.for_each(groups * Attention::clips(x.extents()), group_bytes(ctx.backend.as_serial(), x.extents()),
                 [&](auto worker, std::size_t index) {
                   const std::size_t image = index / groups;
                   const std::size_t group = index % groups;
                   const std::size_t rows = plan.map().group_size();
                   auto* const tokens = worker.scratch.template take<std::int32_t>(rows);
                   plan.map().tokens(group, tokens);
                   const auto local = make_matrix(worker.scratch.template take<float>(rows * channels), rows, channels);
                   const auto h = make_matrix(worker.scratch.template take<float>(rows * channels), rows, channels);
                   detail::gather_group<channels>(x.data_handle() + image * image_elements, tokens, local);
                   norm1.forward_rows(worker, as_const(local), h);
                   attn.accumulate_group(worker, plan, image, group, as_const(h), local);
                   norm2.forward_rows(worker, as_const(local), h);
                   for (std::size_t first = 0; first < rows; first += detail::row_block) {
                     const std::size_t count = rows - first < detail::row_block ? rows - first : detail::row_block;
                     detail::add_rows(worker, mlp, as_const(row_range(h, first, count)), row_range(local, first, count));
                   }
                   detail::scatter_group<channels>(local, tokens, y.data_handle() + image * image_elements);
                 });
  }

  template <class Backend>
  void forward_by_step(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    detail::copy_rows(ctx, as_rows(x), as_rows(y));
    attention_step(ctx, x.extents(), as_rows(y));
    const pre_norm_reference<Norm, Mlp> feed_forward{norm2, mlp};
    detail::forward_all_rows(ctx, feed_forward, as_const(as_rows(y)), as_rows(y));
  }

  /// Takes its context by value: the normalised rows are given back before the feed-forward part.
  template <class Backend>
  void attention_step(context<Backend> ctx, const map_extents& e, matrix_view<float> y) const {
    const auto h = make_matrix(ctx.scratch.template take<float>(y.extent(0) * channels), y.extent(0), channels);
    detail::forward_all_rows(ctx, norm1, as_const(y), h);
    attn.forward_projected(ctx, e, as_const(h), y, true);
  }

  /// `pre_norm` of children that live elsewhere.
  template <class N, class F>
  struct pre_norm_reference {
    static constexpr std::size_t in_channels = channels;
    static constexpr std::size_t out_channels = channels;
    static constexpr std::size_t parameter_count() { return parameters<N> + parameters<F>; }
    static constexpr std::uint64_t row_multiply_adds() noexcept { return F::row_multiply_adds(); }
    const N& norm;
    const F& fn;
    template <class Backend>
    static constexpr std::size_t row_scratch_bytes(const Backend& backend, std::size_t rows) {
      return pre_norm<N, F>::row_scratch_bytes(backend, rows);
    }
    template <class Backend>
    void forward_rows(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y) const {
      detail::forward_pre_norm(ctx, norm, fn, x, y);
    }
  };
};

}  // namespace heddle::inline v0
