/// @file
/// Barriers. They order shared and global memory among the lanes that meet.
#pragma once

#include "place.cuh"

namespace heddle::inline v0::device {

/// Waits for every lane of the block.
HEDDLE_DEVICE void sync_block(HEDDLE_ONLY_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.barrier(0, m.threads, false, "sync_block", line);
#else
  __syncthreads();
#endif
}

/// Waits for every lane of the warp.
HEDDLE_DEVICE void sync_warp(HEDDLE_ONLY_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().sync_warp(line);
#else
  __syncwarp();
#endif
}

/// Waits at barrier `id` (1 to 15; 0 is `sync_block`'s) until `lanes` lanes have come. All lanes of a warp call together.
HEDDLE_DEVICE void barrier_sync(unsigned id, unsigned lanes HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().barrier(id, lanes, false, "barrier_sync", line);
#else
  asm volatile("barrier.sync.aligned %0, %1;" ::"r"(id), "r"(lanes) : "memory");
#endif
}

/// Is counted at barrier `id` and goes on.
HEDDLE_DEVICE void barrier_arrive(unsigned id, unsigned lanes HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().barrier(id, lanes, true, "barrier_arrive", line);
#else
  asm volatile("barrier.arrive.aligned %0, %1;" ::"r"(id), "r"(lanes) : "memory");
#endif
}

}  // namespace heddle::inline v0::device
