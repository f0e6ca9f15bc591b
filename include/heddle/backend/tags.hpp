/// @file
/// Backend tags. A tag names who computes; the header of the same name (`backend/reference.hpp`, `backend/simd.hpp`)
/// brings its kernels.
#pragma once

#include <type_traits>

#include "../core/context.hpp"
#include "../core/executor.hpp"

struct CUstream_st;  // what a cudaStream_t points to

namespace heddle::inline v0 {

/// Plain loops with double accumulation: the definition of every primitive, and the oracle of the tests.
struct reference : serial {
  using serial_type = reference;
  static constexpr reference as_serial() noexcept { return {}; }
};

/// Instruction sets. A kernel's type names the instruction set it was compiled for, so translation units built with
/// different flags never share one.
namespace isa {
struct baseline {};              ///< whatever the compiler targets without being asked: SSE2 on x86-64, NEON on AArch64
struct avx2 : baseline {};       ///< AVX2 with FMA
struct avx512 : avx2 {};         ///< AVX-512 F, BW, CD, DQ, VL
struct avx512_bf16 : avx512 {};  ///< with dot products of pairs of bfloat16
struct amx : avx512_bf16 {};     ///< with tiles of bfloat16, which the operating system must grant as well

/// True where `Isa` has everything that `Part` has. What is written for an instruction set holds for its refinements:
/// specialise for `requires(isa::includes<Isa, isa::avx512>)`, not for one tag.
template <class Isa, class Part>
inline constexpr bool includes = std::is_base_of_v<Part, Isa>;

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#if defined(__AVX512BF16__) && (defined(__AMX_BF16__) || defined(__AMXBF16__)) && \
    defined(__linux__)  // two spellings of compilers
using native = amx;
#elif defined(__AVX512BF16__)
using native = avx512_bf16;
#else
using native = avx512;
#endif
#elif defined(__AVX2__) && defined(__FMA__)
using native = avx2;
#else
using native = baseline;
#endif
}  // namespace isa

/// Vector kernels for instruction set `Isa`, run by `Executor` (`serial`, `openmp` or the user's).
template <class Isa, class Executor>
struct simd_backend {
  using isa_type = Isa;
  using executor_type = Executor;
  using serial_type = simd_backend<Isa, serial>;
  [[no_unique_address]] Executor executor{};

  constexpr std::size_t concurrency() const noexcept { return executor.concurrency(); }
  static constexpr serial_type as_serial() noexcept { return {}; }
  template <class F>
  HEDDLE_ALWAYS_INLINE void parallel_for(std::size_t count, F&& f) const {
    executor.parallel_for(count, static_cast<F&&>(f));
  }
};

/// The vector backend for the instruction set that this translation unit is compiled for.
template <class Executor = serial>
using simd_on = simd_backend<isa::native, Executor>;
using simd = simd_on<serial>;

/// Compute capabilities of devices that kernels are written for; a later one has all that an earlier one has.
namespace arch {
struct sm_80 {};           ///< Ampere and everything since: products of warps, asynchronous copies
struct sm_90a : sm_80 {};  ///< Hopper: products of warpgroups, copies of tiles
}  // namespace arch

namespace device {
/// A queue of work on a device, not owned; the default stream if null. It is a `cudaStream_t`, named without its header.
using stream = CUstream_st*;
}  // namespace device

/// Kernels for devices of compute capability `Arch`, put into `stream` in the order of the calls. Views hold device
/// pointers; the calls return before the work is done. Compiled by a host compiler, the same kernels run emulated.
template <class Arch>
struct cuda_backend {
  using arch_type = Arch;
  using serial_type = cuda_backend;
  /// One launch for a whole map, not one for every part of it that fits a cache.
  static constexpr bool prefers_whole_maps = true;
  /// Parameters live where the device reads them.
  static constexpr bool moves_weights = true;
  device::stream stream = nullptr;

  static constexpr std::size_t concurrency() noexcept { return 1; }
  constexpr serial_type as_serial() const noexcept { return *this; }
  /// In the calling thread; what the parts enqueue runs in their order, so they may share scratch memory.
  template <class F>
  HEDDLE_ALWAYS_INLINE void parallel_for(std::size_t count, F&& f) const {
    for (std::size_t i = 0; i < count; ++i) f(i, std::size_t{0});
  }
};

/// The device backend: `cuda<>` runs everywhere, `cuda<arch::sm_90a>` in code compiled for that architecture.
template <class Arch = arch::sm_80>
using cuda = cuda_backend<Arch>;

/// Whether layers give `Backend` whole maps, because a call costs it more than a cache saves.
template <class Backend>
inline constexpr bool prefers_whole_maps = [] {
  if constexpr (requires { Backend::prefers_whole_maps; }) {
    return Backend::prefers_whole_maps;
  } else {
    return false;
  }
}();

}  // namespace heddle::inline v0
