/// @file
/// Backend tags. A tag names who computes; the header of the same name (`backend/reference.hpp`, `backend/simd.hpp`)
/// brings its kernels.
#pragma once

#include <type_traits>

#include "../core/context.hpp"
#include "../core/executor.hpp"

namespace heddle::inline v0 {

/// Plain loops with double accumulation: the definition of every primitive, and the oracle of the tests.
struct reference : serial {
  using serial_type = reference;
  static constexpr reference as_serial() noexcept { return {}; }
};

/// Instruction sets. A kernel's type names the instruction set it was compiled for, so translation units built with
/// different flags never share one.
namespace isa {
struct baseline {};                 ///< whatever the compiler targets without being asked: SSE2 on x86-64, NEON on AArch64
struct avx2 : baseline {};          ///< AVX2 with FMA
struct avx512 : avx2 {};            ///< AVX-512 F, BW, CD, DQ, VL
struct avx512_bf16 : avx512 {};     ///< with dot products of pairs of bfloat16
struct amx : avx512_bf16 {};        ///< with tiles of bfloat16, which the operating system must grant as well

/// True where `Isa` has everything that `Part` has. What is written for an instruction set holds for its refinements:
/// specialise for `requires(isa::includes<Isa, isa::avx512>)`, not for one tag.
template <class Isa, class Part>
inline constexpr bool includes = std::is_base_of_v<Part, Isa>;

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#if defined(__AVX512BF16__) && (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__linux__)   // two spellings of compilers
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

}  // namespace heddle::inline v0
