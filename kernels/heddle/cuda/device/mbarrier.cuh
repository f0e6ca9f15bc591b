/// @file
/// Barriers in shared memory that count arrivals and bytes (sm_90a): how lanes wait for tiles and for each other. An mbarrier
/// is eight bytes, aligned; a phase is complete when all arrivals and all expected bytes are there, and the next one begins.
/// The first phase has parity 0; who waits for parity 1 of a fresh mbarrier goes on at once.
#pragma once

#include "place.cuh"

namespace heddle::inline v0::device {

/// Makes an mbarrier of `arrivals` arrivals a phase. One lane, then `fence_mbarrier_init`, then a barrier of the block.
HEDDLE_DEVICE void mbarrier_init(shared_address barrier, unsigned arrivals HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.barriers.init(m, barrier, arrivals, line);
#else
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
#endif
}

/// What this lane initialised is visible to the tile engine.
HEDDLE_DEVICE void fence_mbarrier_init() {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.clocks().fence(m.lane().thread);
#else
  HEDDLE_SM90(asm volatile("fence.mbarrier_init.release.cluster;" :: : "memory"));
#endif
}

/// What this lane stored, and what was ordered before, is visible to tile stores and warpgroup products.
HEDDLE_DEVICE void fence_async_proxy() {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.clocks().fence(m.lane().thread);
#else
  HEDDLE_SM90(asm volatile("fence.proxy.async.shared::cta;" :: : "memory"));
#endif
}

/// One arrival.
HEDDLE_DEVICE void mbarrier_arrive(shared_address barrier HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.barriers.arrive(m, "mbarrier_arrive", barrier, 0, line);
#else
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
#endif
}

/// One arrival, with `bytes` more bytes expected in this phase.
HEDDLE_DEVICE void mbarrier_arrive_expect(shared_address barrier, unsigned bytes HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.barriers.arrive(m, "mbarrier_arrive_expect", barrier, bytes, line);
#else
  HEDDLE_SM90(asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory"));
#endif
}

/// `bytes` more bytes are expected in this phase.
HEDDLE_DEVICE void mbarrier_expect(shared_address barrier, unsigned bytes HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.barriers.expect(m, barrier, bytes, line);
#else
  HEDDLE_SM90(asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory"));
#endif
}

/// Waits until the phase of this parity (0 or 1) is complete. Orders what was done before its arrivals, and its tiles.
HEDDLE_DEVICE void mbarrier_wait(shared_address barrier, unsigned parity HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  m.barriers.wait(m, barrier, parity, line);
#else
  HEDDLE_SM90(
      asm volatile("{\n"
                   ".reg .pred done;\n"
                   "again:\n"
                   "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                   "@done bra finished;\n"
                   "bra again;\n"
                   "finished:\n"
                   "}\n" ::"r"(barrier),
                   "r"(parity) : "memory"));
#endif
}

/// True in one lane of the warp, which all lanes ask together.
HEDDLE_DEVICE bool elect_one(HEDDLE_ONLY_LINE) {
#if HEDDLE_CUDA_EMULATED
  int nothing = 0;
  emulation::machine::current().warp_together("elect_one", 0, line, nothing, [](int* const*) {});
  return lane() == 0;
#else
  unsigned elected = 0;
  HEDDLE_SM90(
      asm volatile("{\n"
                   ".reg .pred one;\n"
                   "elect.sync _|one, 0xffffffff;\n"
                   "selp.u32 %0, 1, 0, one;\n"
                   "}\n" : "=r"(elected)));
  return elected != 0;
#endif
}

/// Gives this warpgroup more (`up`) or fewer registers a lane: a multiple of 8, 24 to 240. Every warp of it calls.
template <unsigned Registers>
HEDDLE_DEVICE void set_registers_up(HEDDLE_ONLY_LINE) {
  static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256, "a multiple of 8, 24 to 256");
#if HEDDLE_CUDA_EMULATED
  int nothing = 0;
  emulation::machine::current().warpgroup_together("set_registers_up", Registers, line, nothing, [](int* const*) {});
#else
  HEDDLE_SM90A(asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers)));
#endif
}
template <unsigned Registers>
HEDDLE_DEVICE void set_registers_down(HEDDLE_ONLY_LINE) {
  static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256, "a multiple of 8, 24 to 256");
#if HEDDLE_CUDA_EMULATED
  int nothing = 0;
  emulation::machine::current().warpgroup_together("set_registers_down", Registers, line, nothing, [](int* const*) {});
#else
  HEDDLE_SM90A(asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers)));
#endif
}

}  // namespace heddle::inline v0::device
