/// @file
/// Where a lane is: in its warp, its block and the grid.
#pragma once

#include "config.cuh"
#if HEDDLE_CUDA_EMULATED
#include <heddle/cuda/emulation/machine.hpp>
#endif

namespace heddle::inline v0::device {

/// Number of this lane in its block.
HEDDLE_DEVICE unsigned thread() {
#if HEDDLE_CUDA_EMULATED
  return emulation::machine::current().lane().thread;
#else
  return threadIdx.x;
#endif
}

/// Number of this block in the grid, which has one dimension.
HEDDLE_DEVICE unsigned block_index() {
#if HEDDLE_CUDA_EMULATED
  return emulation::machine::current().index;
#else
  return blockIdx.x;
#endif
}

/// Blocks of the grid.
HEDDLE_DEVICE unsigned grid_size() {
#if HEDDLE_CUDA_EMULATED
  return emulation::machine::current().grid;
#else
  return gridDim.x;
#endif
}

/// Lanes of a block.
HEDDLE_DEVICE unsigned block_size() {
#if HEDDLE_CUDA_EMULATED
  return emulation::machine::current().threads;
#else
  return blockDim.x;
#endif
}

/// Number of this lane in its warp.
HEDDLE_DEVICE unsigned lane() { return thread() % warp_size; }
/// Number of this lane's warp in the block.
HEDDLE_DEVICE unsigned warp() { return thread() / warp_size; }
/// Number of this lane's warpgroup in the block.
HEDDLE_DEVICE unsigned warpgroup() { return thread() / warpgroup_size; }

}  // namespace heddle::inline v0::device
