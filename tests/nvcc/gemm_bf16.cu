// Products with weights of bfloat16: registers, shared memory and instructions of every tile.
// Matrix instructions: parts of 16 rows x parts of 8 columns x steps of 16 inputs (in 64, in 32 from rows of floats;
// a warp of the small tile has half of them).
// BUDGET all spills=0 stack=0 registers<=168
// BUDGET all registers<=144 kernel=product_tileILj64
// BUDGET all registers<=80 kernel=product_tileILj32
// SASS all HMMA=64 LDSM>=24 LDGSTS>=16 LDL=0 STL=0 kernel=product_tileILj128ELj128ELj2ELj4ELj3ELj1EEENS1_13bf16_products
// SASS all HMMA=32 LDSM>=4 LDGSTS>=12 LDL=0 STL=0 kernel=product_tileILj128ELj128ELj2ELj4ELj3ELj1EEENS1_16rounded_products
// SASS all HMMA=8 LDSM>=6 LDL=0 STL=0 kernel=product_tileILj32ELj64ELj2ELj2ELj6ELj2EEENS1_13bf16_products
// SASS all HMMA=32 LDSM>=16 LDL=0 STL=0 kernel=product_tileILj64ELj64ELj2ELj2ELj3ELj1EEENS1_13bf16_products
#include <heddle/cuda/gemm_bf16.cuh>
#include <heddle/primitive/activation.hpp>

using namespace heddle;

void products(context<cuda<>> ctx, matrix_view<const bfloat16> x, matrix_view<const float> z, const bf16_weight& weight,
              matrix_view<bfloat16> y) {
  gemm(ctx, x, weight, y, gelu{});
  gemm(ctx, z, weight, y, identity{}, as_const(y));
}

static_assert(device::ring<device::large_tile, device::bf16_products>::bytes == 96 * 1024);
static_assert(device::ring<device::large_tile, device::rounded_products>::bytes == 72 * 1024);
