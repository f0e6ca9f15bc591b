/// @file
/// Asynchronous copies from global to shared memory that each lane starts and waits for. What was copied is visible to the
/// lane itself after `copy_wait`, to others after a barrier that follows it.
#pragma once

#include "place.cuh"

namespace heddle::inline v0::device {

/// Starts a copy of `Bytes` (4, 8 or 16) bytes, of which the first `valid` are read; the others become zero. With `valid`
/// 0 `from` is not looked at, so ragged ends need no branch. Both addresses are aligned to `Bytes`.
template <unsigned Bytes>
HEDDLE_DEVICE void copy_async(shared_address to, const void* from, unsigned valid = Bytes HEDDLE_LINE) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "a lane copies 4, 8 or 16 bytes at a time");
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.copies.issue(m, "copy_async", to, from, Bytes, valid, line);
#else
  if constexpr (Bytes == 16) {  // past the first-level cache, which only this size can
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(__cvta_generic_to_global(from)), "r"(valid)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(__cvta_generic_to_global(from)), "n"(Bytes),
                 "r"(valid)
                 : "memory");
  }
#endif
}

/// 16 bytes, or 16 zeros if `!valid`.
HEDDLE_DEVICE void copy_async16(shared_address to, const void* from, bool valid = true HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  copy_async<16>(to, from, valid ? 16u : 0u, line);
#else
  copy_async<16>(to, from, valid ? 16u : 0u);
#endif
}

/// The copies started since the last commit become a group.
HEDDLE_DEVICE void copy_commit() {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.copies.commit(m);
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits for all groups of this lane but the last `Pending`.
template <unsigned Pending>
HEDDLE_DEVICE void copy_wait() {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.copies.wait(m, Pending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
}

}  // namespace heddle::inline v0::device
