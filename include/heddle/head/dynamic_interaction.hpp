/// @file
/// Every query makes the weights that its own features are multiplied with.
#pragma once

#include "../layer/linear.hpp"
#include "../layer/norm.hpp"
#include "../primitive/each.hpp"
#include "../primitive/map.hpp"

namespace heddle::inline v0 {

/// Dynamic instance interaction (Sun et al., CVPR 2021, Sparse R-CNN, figure 4): a query q gives two matrices
/// `[P1 | P2] = W q + b`, `P1` `[C, Inner]`, `P2` `[Inner, C]`; its features f `[Positions, C]` become `relu(LN(f P1))`, then
/// `relu(LN(f P2))`, and flattened `relu(LN(W_o f + b_o))` of C channels. Children: `dynamic_layer`, `norm1`, `norm2`, `out_layer`,
/// `norm3`.
template <std::size_t C, std::size_t Inner, std::size_t Positions>
struct dynamic_interaction {
  static constexpr std::size_t in_channels = C;

  linear<C, 2 * C * Inner> dynamic_layer;
  layer_norm<Inner> norm1;
  layer_norm<C> norm2;
  linear<Positions * C, C> out_layer;
  layer_norm<C> norm3;

  static constexpr auto members() {
    return heddle::members<&dynamic_interaction::dynamic_layer, &dynamic_interaction::norm1, &dynamic_interaction::norm2,
                           &dynamic_interaction::out_layer, &dynamic_interaction::norm3>("dynamic_layer", "norm1", "norm2",
                                                                                         "out_layer", "norm3");
  }
  /// Of one query.
  static constexpr std::uint64_t multiply_adds() noexcept {
    return std::uint64_t{C} * C * (2 * Inner + Positions) + 2 * Positions * C * Inner;
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, std::size_t queries) {
    const std::size_t both =
        heddle::scratch_bytes<float>(queries * 2 * C * Inner) + heddle::scratch_bytes<float>(queries * Positions * C);
    if constexpr (prefers_whole_maps<Backend>) return both + heddle::scratch_bytes<float>(queries * Positions * Inner);
    return both + for_each_bytes(backend, query_bytes(backend.as_serial()));
  }

  /// @param queries  `[queries, C]`
  /// @param features `[queries * Positions, C]`
  /// @param y        `[queries, C]`, not `queries`
  template <class Backend>
  void forward(context<Backend> ctx, matrix_view<const float> queries, matrix_view<const float> features,
               matrix_view<float> y) const {
    const std::size_t n = queries.extent(0);
    require_extent("dynamic_interaction: features", "rows", n * Positions, features.extent(0));
    const auto matrices = make_matrix(ctx.scratch.template take<float>(n * 2 * C * Inner), n, 2 * C * Inner);
    const auto mixed = make_matrix(ctx.scratch.template take<float>(n * Positions * C), n * Positions, C);
    dynamic_layer.forward_rows(ctx, queries, matrices);
    if constexpr (prefers_whole_maps<Backend>) {
      mix_all(ctx, as_const(matrices), features, mixed);
    } else {
      ctx.for_each(n, query_bytes(ctx.backend.as_serial()), [&](auto worker, std::size_t i) {
        mix(worker, matrices.data_handle() + i * 2 * C * Inner, row_range(features, i * Positions, Positions),
            row_range(mixed, i * Positions, Positions));
      });
    }
    out_layer.forward_rows(ctx, make_matrix<const float>(mixed.data_handle(), n, Positions * C), y);
    norm3.forward_rows(ctx, as_const(y), y);
    map(ctx, as_const(y), y, relu{});
  }

  /// One number of all queries' products `y = x m`, `m` `[In, Out]` of a query. Public, as device code names it.
  template <std::size_t In, std::size_t Out>
  struct own_product {
    matrix_view<const float> x;
    const float* m;
    float* y;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      const std::size_t row = i / Out;
      const float* const from = x.data_handle() + row * x.stride(0);
      const float* const column = m + row / Positions * 2 * C * Inner + i % Out;
      float sum = 0.0F;
      for (std::size_t k = 0; k < In; ++k) sum += from[k] * column[k * Out];
      y[i] = sum;
    }
  };

 private:
  /// All queries together.
  template <class Backend>
  void mix_all(context<Backend> ctx, matrix_view<const float> matrices, matrix_view<const float> features,
               matrix_view<float> y) const {
    const std::size_t rows = features.extent(0);
    const auto inner = make_matrix(ctx.scratch.template take<float>(rows * Inner), rows, Inner);
    each(ctx, rows * Inner, own_product<C, Inner>{features, matrices.data_handle(), inner.data_handle()});
    norm1.forward_rows(ctx, as_const(inner), inner);
    map(ctx, as_const(inner), inner, relu{});
    each(ctx, rows * C, own_product<Inner, C>{inner, matrices.data_handle() + C * Inner, y.data_handle()});
    norm2.forward_rows(ctx, as_const(y), y);
    map(ctx, as_const(y), y, relu{});
  }

  template <class Backend>
  static constexpr std::size_t query_bytes(const Backend& backend) {
    const std::size_t down = heddle::scratch_bytes<float>(dense_weight_size(backend, Inner, C));
    const std::size_t up = heddle::scratch_bytes<float>(dense_weight_size(backend, C, Inner));
    return heddle::scratch_bytes<float>(Positions * Inner) + (down > up ? down : up);
  }

  /// One query; `matrices` `[C, Inner]`, `[Inner, C]`.
  template <class Backend>
  void mix(context<Backend> ctx, const float* matrices, matrix_view<const float> features, matrix_view<float> y) const {
    const auto inner = make_matrix(ctx.scratch.template take<float>(Positions * Inner), Positions, Inner);
    product<C, Inner>(ctx, features, matrices, inner);
    norm1.forward_rows(ctx, as_const(inner), inner);
    map(ctx, as_const(inner), inner, relu{});
    product<Inner, C>(ctx, as_const(inner), matrices + C * Inner, y);
    norm2.forward_rows(ctx, as_const(y), y);
    map(ctx, as_const(y), y, relu{});
  }

  /// `y = x m` for a matrix `[In, Out]`.
  template <std::size_t In, std::size_t Out, class Backend>
  static void product(context<Backend> ctx, matrix_view<const float> x, const float* m, matrix_view<float> y) {
    auto* const storage = ctx.scratch.template take<float>(dense_weight_size(ctx.backend, Out, In));
    const matrix_view<const float> transposed(m, extents<dyn, dyn>(Out, In), {std::size_t{1}, Out});
    gemm(ctx, x, prepare_dense_in(ctx.backend, transposed, storage), y);
  }
};

}  // namespace heddle::inline v0
