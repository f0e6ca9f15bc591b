// Products of bfloat16 by warpgroups: 4 steps of 16 inputs each, operands by the tile engine, no spills.
// ARCH sm_90a
// BUDGET all spills=0 stack=0 registers<=240
// SASS all HGMMA=4 UTMALDG>=2 USETMAXREG=2 LDL=0 STL=0
#include <heddle/cuda/gemm_warpgroup.cuh>
#include <heddle/primitive/activation.hpp>

using namespace heddle;

void products(const device::row_source<bfloat16>& x, const device::weight_source<bfloat16>& weights) {
  device::enqueue_warpgroups({}, x, 64, weights, device::product_epilogue<bfloat16, gelu>{});
}

// One block to a multiprocessor (227 KiB).
static_assert(device::wide_tile::bytes <= 227 * 1024 && device::square_tile::bytes <= 227 * 1024);
