// The plain primitives compile for every target and keep what they compute with in registers.
// BUDGET all spills=0
// BUDGET all stack=0
// 16 bytes at a time, also where a result is made in branches:
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=map_oneINS0_4geluELj4E
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=normalize_short_rowsILj4E
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=largest_of_cellsILj4E
// SASS all LDG.E.128>=1 STG.E.128>=1 kernel=copy_pixels_betweenILj4E
// SASS all LDGSTS>=1 LDS.128>=10 STG.E.128>=4 kernel=depthwise_tilesINS0_4geluELj4ELj7E
#include <heddle/cuda/depthwise.cuh>
#include <heddle/cuda/each.cuh>
#include <heddle/cuda/expected_positions.cuh>
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/normalize.cuh>
#include <heddle/cuda/pad.cuh>
#include <heddle/cuda/pixel_shuffle.cuh>
#include <heddle/cuda/pixels.cuh>
#include <heddle/loss/masked_l1.hpp>
#include <heddle/primitive/activation.hpp>

using namespace heddle;

struct subtract {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T a, T b) const noexcept {
    return a - b;
  }
};

void rows(context<cuda<>> ctx, matrix_view<const float> x, matrix_view<float> y, std::span<float> means) {
  map(ctx, x, y, gelu{});
  map(ctx, x, x, y, subtract{});
  mean_rows(ctx, x, means);
  max_rows(ctx, x, means);
  layer_normalize(ctx, x, means, means, 1e-5F, y);
}

void maps(context<cuda<>> ctx, map_view<const float> x, map_view<float> y, const dense_weight& w,
          const convolution_window& window) {
  pad(ctx, x, y, {1, 1, 1, 1}, pad_mode::reflect{});
  pixel_shuffle<2>(ctx, x, y);
  pixel_unshuffle<3>(ctx, x, y);
  convolve_depthwise(ctx, x, w, window, y, gelu{});
  max_pool(ctx, x, as_rows(y));
  copy_pixels(ctx, pixel_view<const float>{}, pixel_view<float>{});
  expected_positions(ctx, x, as_rows(y));
}

void objective(context<cuda<>> ctx, map_view<const float> x, map_view<float> y, std::span<const std::uint8_t> mask,
               float* loss) {
  normalize_locally(ctx, x, 47, y);
  masked_l1(ctx, x, y, mask, 4, 4, loss);
}
