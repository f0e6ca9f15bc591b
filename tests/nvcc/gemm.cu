// Products of floats on the matrix units: registers, shared memory and instructions of every tile.
// Matrix instructions: parts of 16 rows x parts of 8 columns x steps of 8 inputs in 32 (of which a warp of the small
// tile has half) x three products.
// BUDGET all spills=0 stack=0 registers<=240
// BUDGET all registers<=160 kernel=product_tileILj64
// BUDGET all registers<=112 kernel=product_tileILj32
// SASS all HMMA=192 LDGSTS>=24 LDSM>=24 LDL=0 STL=0 kernel=product_tileILj128
// SASS all HMMA=96 LDGSTS>=24 LDSM>=16 LDL=0 STL=0 kernel=product_tileILj64
// SASS all HMMA=24 LDGSTS>=8 LDSM>=6 LDL=0 STL=0 kernel=product_tileILj32
#include <heddle/cuda/convolve.cuh>
#include <heddle/primitive/activation.hpp>

using namespace heddle;

void products(context<cuda<>> ctx, matrix_view<const float> x, const dense_weight& weight, matrix_view<float> y) {
  gemm(ctx, x, weight, y);
  gemm(ctx, x, weight, y, gelu{}, as_const(y));
}

void windows(context<cuda<>> ctx, map_view<const float> x, const dense_weight& weight, map_view<float> y) {
  convolve(ctx, x, weight, convolution_window::square(3, 1, 1), y, relu{});
}

void weights(const dense_weight& weight, float* storage) {
  prepare_dense_in(cuda<>{}, make_matrix<const float>(storage, 4, 4), storage);
  scale_inputs(cuda<>{}, weight, std::span<const float>(storage, 4), storage);
}

// Blocks that fit a multiprocessor of sm_80 (163 KiB): one, three, two.
static_assert(device::ring<device::large_tile, device::tf32_products>::bytes == 96 * 1024);
static_assert(device::ring<device::medium_tile, device::tf32_products>::bytes == 48 * 1024);
static_assert(device::ring<device::small_tile, device::tf32_products>::bytes == 72 * 1024);
