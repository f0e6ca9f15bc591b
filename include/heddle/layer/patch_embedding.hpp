/// @file
/// Images to tokens: one product for every patch.
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include "../primitive/each.hpp"
#include "linear.hpp"

namespace heddle::inline v0 {

/// Tokens of an image: every `Patch` x `Patch` square of `In` channels times one matrix (Dosovitskiy et al., arXiv
/// 2010.11929, equation 1), `[batch, height, width, In]` to `[batch, height / Patch, width / Patch, C]`, which is also the
/// token sequence in raster order. Parameters, stored as those of a convolution: `weight` `[C, In, Patch, Patch]`, `bias`
/// `[C]`.
///
/// The patches are brought into rows first and multiplied at once, so that the weight is read once for an image, not once
/// for every row of patches as a convolution of that size does.
template <std::size_t In, std::size_t C, std::size_t Patch, linear_options Options = linear_options{}>
struct patch_embedding {
  static constexpr std::size_t inputs = In * Patch * Patch;
  using product_type = linear<inputs, C, Options>;

  parameter<C, In, Patch, Patch> weight;
  optional_parameter<Options.bias, C> bias;
  product_type product;  ///< its `prepared` alone is used; made by `prepare`

  static constexpr auto members() {
    return heddle::members<&patch_embedding::weight, &patch_embedding::bias>("weight", "bias");
  }

  /// @throws shape_error for sides that are not multiples of the patch
  static constexpr map_extents output_extents(const map_extents& x) {
    require_extent("patch_embedding: x", "channels", In, x.extent(3));
    require_extent("patch_embedding: x", "rows, whole patches,", x.extent(1) / Patch * Patch, x.extent(1));
    require_extent("patch_embedding: x", "columns, whole patches,", x.extent(2) / Patch * Patch, x.extent(2));
    return map_extents(x.extent(0), x.extent(1) / Patch, x.extent(2) / Patch, C);
  }
  static constexpr std::uint64_t multiply_adds(const map_extents& x) {
    return product_type::row_multiply_adds() * detail::row_count(output_extents(x));
  }
  template <class Backend>
  static constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
    const std::size_t rows = detail::row_count(output_extents(x));
    return heddle::scratch_bytes<float>(rows * inputs) + product_type::row_scratch_bytes(backend, rows);
  }

  template <class Backend>
  HEDDLE_COLD void prepare(const Backend& backend) {
    std::vector<float> turned(C * inputs);  // channels fastest, as in the rows
    for (std::size_t o = 0; o < C; ++o)
      for (std::size_t i = 0; i < In; ++i)
        for (std::size_t p = 0; p < Patch * Patch; ++p)
          turned[o * inputs + p * In + i] = weight.data()[(o * In + i) * Patch * Patch + p];
    const matrix_view<const float> matrix = make_matrix<const float>(turned.data(), C, inputs);
    if constexpr (Options.products == precision::bf16) {
      product.prepared = prepare_bf16(backend, matrix, bias.span());
    } else {
      product.prepared = prepare_dense(backend, matrix, bias.span());
    }
  }

  template <class Backend>
  void forward(context<Backend> ctx, map_view<const float> x, map_view<float> y) const {
    embed(ctx, x, as_rows(y));
  }

  /// The tokens of all images as rows; `added`, of the same shape, is added to them (positions; may be left out).
  template <class Backend>
  void embed(context<Backend> ctx, map_view<const float> x, matrix_view<float> rows,
             matrix_view<const float> added = {}) const {
    const std::size_t count = detail::row_count(output_extents(x.extents()));
    const auto patches = make_matrix(ctx.scratch.template take<float>(count * inputs), count, inputs);
    if constexpr (prefers_whole_maps<Backend>) {
      each(ctx, count * inputs, patch_element{x.data_handle(), patches.data_handle(), x.extent(2)});
    } else {
      gather_patches(x, patches.data_handle());
    }
    gemm(ctx, as_const(patches), product.prepared, rows, identity{}, added);
  }

  /// One number of the patches.
  struct patch_element {
    const float* x;
    float* to;
    std::size_t width;
    HEDDLE_HOST_DEVICE void operator()(std::size_t i) const {
      constexpr std::size_t run = Patch * In;
      const std::size_t patch = i / inputs;
      const std::size_t across = width / Patch;
      const std::size_t row = patch / across * Patch + i % inputs / run;
      to[i] = x[row * width * In + patch % across * run + i % run];
    }
  };

 private:
  static void gather_patches(map_view<const float> x, float* to) {
    constexpr std::size_t run = Patch * In;  // neighbours in memory
    const std::size_t pitch = x.extent(2) * In;
    for (std::size_t top = 0; top < x.extent(0) * x.extent(1); top += Patch)
      for (std::size_t left = 0; left < pitch; left += run)
        for (std::size_t r = 0; r < Patch; ++r, to += run)
          std::memcpy(to, x.data_handle() + (top + r) * pitch + left, run * sizeof(float));
  }
};

}  // namespace heddle::inline v0
