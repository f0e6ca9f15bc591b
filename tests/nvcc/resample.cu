// Resampling compiles for every target and keeps what it computes with in registers.
// BUDGET all spills=0
// BUDGET all stack=0
#include <heddle/cuda/resample.cuh>
#include <heddle/cuda/resize_u8.cuh>

using namespace heddle;

void resized(context<cuda<>> ctx, map_view<const float> x, map_view<float> y) {
  if (resize_bytes(ctx.backend, x.extents(), y.extents()) > ctx.scratch.remaining()) return;
  resize(ctx, x, y, resize_rule::bilinear<>{});
  resize(ctx, x, y, resize_rule::bicubic_antialiased{});
}

void pooled(context<cuda<>> ctx, map_view<const float> x, matrix_view<const float> rois, map_view<float> y) {
  if (roi_bytes(ctx.backend, x.extents(), y.extents()) > ctx.scratch.remaining()) return;
  roi_align(ctx, x, rois, y);
  precise_roi_pool(ctx, x, rois, y);
}

void sampled(context<cuda<>> ctx, map_view<const float> x, map_view<const float> grid, map_view<float> y) {
  grid_sample(ctx, x, grid, y);
  grid_sample(ctx, x, grid, y, grid_mode::bicubic{}, grid_padding::reflection{});
}

void resized(context<cuda<>> ctx, image_u8_view<const std::uint8_t> x, image_u8_view<std::uint8_t> y) {
  resize_u8(ctx, x, y, u8_rule::bilinear{});
  resize_u8(ctx, x, y, u8_rule::bicubic{});
  resize_u8(ctx, x, y, u8_rule::area{});
}
