/// @file
/// Platform switches: the few macros of the library. Everything else is C++.
#pragma once

#if defined(__CUDACC__)
/// Marks a policy hook as callable from host and device code; empty for a host compiler.
#define HEDDLE_HOST_DEVICE __host__ __device__
#else
#define HEDDLE_HOST_DEVICE
#endif

#if defined(__GNUC__) || defined(__clang__)
#define HEDDLE_ALWAYS_INLINE inline __attribute__((always_inline))
#define HEDDLE_NOINLINE __attribute__((noinline))
/// Errors and load-time code: kept out of line and small, so that models compile fast.
#define HEDDLE_COLD __attribute__((cold, noinline))
#else
#define HEDDLE_ALWAYS_INLINE inline
#define HEDDLE_NOINLINE
#define HEDDLE_COLD
#endif

/// Loop hints for micro-kernels: tile loops must be unrolled so that accumulators stay in registers, the loop over k must not be.
#if defined(__CUDACC__)
#define HEDDLE_UNROLL _Pragma("unroll")
#define HEDDLE_NO_UNROLL _Pragma("unroll 1")
#elif defined(__clang__)
#define HEDDLE_UNROLL _Pragma("clang loop unroll(full)")
#define HEDDLE_NO_UNROLL _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define HEDDLE_UNROLL _Pragma("GCC unroll 64")
#define HEDDLE_NO_UNROLL _Pragma("GCC unroll 1")
#else
#define HEDDLE_UNROLL
#define HEDDLE_NO_UNROLL
#endif

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define HEDDLE_HAS_EXCEPTIONS 1
#else
#define HEDDLE_HAS_EXCEPTIONS 0
#endif

#if !defined(HEDDLE_ASSERT)
#if defined(NDEBUG)
#define HEDDLE_ASSERT(condition, sentence) static_cast<void>(0)
#else
/// Debug-only check of an index or an internal agreement; never of a user's shapes, which are checked always.
#define HEDDLE_ASSERT(condition, sentence) \
  ((condition) ? static_cast<void>(0) : ::heddle::detail::assertion_failed(sentence, __FILE__, __LINE__))
#endif
#endif

namespace heddle::inline v0::detail {
[[noreturn]] HEDDLE_HOST_DEVICE inline void assertion_failed(const char* sentence, const char* file, int line);
}

#include <cstdio>
#include <cstdlib>

namespace heddle::inline v0::detail {
/// Prints the sentence and stops the program: a failed assertion is a mistake in the program, not in its input.
[[noreturn]] HEDDLE_HOST_DEVICE inline void assertion_failed([[maybe_unused]] const char* sentence,
                                                             [[maybe_unused]] const char* file, [[maybe_unused]] int line) {
#if defined(__CUDA_ARCH__)
  __trap();
#else
  std::fprintf(stderr, "heddle: %s (%s:%d)\n", sentence, file, line);
  std::abort();
#endif
}
}  // namespace heddle::inline v0::detail
