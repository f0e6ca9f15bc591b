/// @file
/// `pooling<Kind, Skip>`: sequences of tokens become one row each.
#pragma once

#include "../primitive/each.hpp"
#include "../primitive/gather.hpp"
#include "../primitive/map.hpp"

namespace heddle::inline v0 {

/// What `pooling` makes of the tokens of a sequence.
enum class pool {
  first,   ///< the first of them: a class token
  mean,    ///< their mean
  sizes,   ///< their mean weighted by sizes: that of the tokens that went into the first layer, however they were merged since
  maximum  ///< the largest number of every channel
};

namespace detail {
/// Token i goes to the only row, with its share of all sizes.
struct share_of_sizes {
  const float* sizes;
  std::size_t count;
  std::int32_t* to;
  float* weights;
  HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
    double total = 0.0;
    for (std::size_t k = 0; k < count; ++k) total += static_cast<double>(sizes[k]);
    to[i] = 0;
    weights[i] = static_cast<float>(static_cast<double>(sizes[i]) / total);
  }
};
}  // namespace detail

/// Sequences to rows, `[batch * tokens, channels]` to `[batch, channels]`. The first `Skip` tokens of each sequence (class and
/// distillation tokens, prompts) are left out.
template <pool Kind, std::size_t Skip = 0>
struct pooling {
  template <class Backend>
  static constexpr std::size_t bytes(const Backend&, std::size_t tokens) noexcept {
    return scratch_bytes<float>(tokens) + scratch_bytes<std::int32_t>(tokens);
  }

  /// @param sizes `[batch * tokens]`, for `pool::sizes`; null: all 1
  /// @throws shape_error, also for sequences of no more than `Skip` tokens
  template <class Backend>
  void apply(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, const float* sizes = nullptr) const {
    const std::size_t batch = y.extent(0);
    require_extent("pooling: y", "columns", x.extent(1), y.extent(1));
    if (batch == 0 || x.extent(0) % batch != 0)
      detail::raise<shape_error>("pooling: x: expected a multiple of " + std::to_string(batch) + " rows, got " +
                                 std::to_string(x.extent(0)));
    const std::size_t tokens = x.extent(0) / batch;
    if (tokens <= Skip)
      detail::raise<shape_error>("pooling: x: expected more than " + std::to_string(Skip) + " tokens, got " +
                                 std::to_string(tokens));
    for (std::size_t b = 0; b < batch; ++b)
      sequence(ctx, row_range(x, b * tokens + Skip, tokens - Skip), row_range(y, b, 1),
               sizes == nullptr ? nullptr : sizes + b * tokens + Skip);
  }

 private:
  template <class Backend>
  static void sequence(context<Backend> ctx, matrix_view<const float> x, matrix_view<float> y, const float* sizes) {
    const std::span<float> row(y.data_handle(), y.extent(1));
    if constexpr (Kind == pool::first) {
      each(ctx, x.extent(1), detail::copy_element{row_range(x, 0, 1), y});
    } else if constexpr (Kind == pool::maximum) {
      max_rows(ctx, x, row);
    } else {
      if (Kind == pool::mean || sizes == nullptr) return mean_rows(ctx, x, row);
      const std::span<std::int32_t> to(ctx.scratch.template take<std::int32_t>(x.extent(0)), x.extent(0));
      const std::span<float> weights(ctx.scratch.template take<float>(x.extent(0)), x.extent(0));
      if constexpr (prefers_whole_maps<Backend>) {
        each(ctx, x.extent(0), detail::share_of_sizes{sizes, x.extent(0), to.data(), weights.data()});
      } else {
        double total = 0.0;
        for (std::size_t i = 0; i < x.extent(0); ++i) total += static_cast<double>(sizes[i]);
        for (std::size_t i = 0; i < x.extent(0); ++i) {
          to[i] = 0;
          weights[i] = static_cast<float>(static_cast<double>(sizes[i]) / total);
        }
      }
      each(ctx, row.size(), detail::set_all{row.data(), 0.0F});
      scatter_add_rows(ctx, x, to, y, weights);
    }
  }
};

}  // namespace heddle::inline v0
