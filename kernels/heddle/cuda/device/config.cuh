/// @file
/// The switches of device code. A kernel is written once: nvcc compiles it for the device, any other compiler for the
/// emulated block, where every function of this layer checks what it is asked to do.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/config.hpp>

#if defined(__CUDACC__)
#define HEDDLE_CUDA_EMULATED 0
/// A function of the device.
#define HEDDLE_DEVICE __device__ __forceinline__
/// Loops over registers must be unrolled: an accumulator indexed by a variable moves to memory. Emulated they need not be.
#define HEDDLE_DEVICE_UNROLL _Pragma("unroll")
#define HEDDLE_DEVICE_NO_UNROLL _Pragma("unroll 1")
/// The last parameter of a function of this layer: the line that calls it, for reports. Nothing on the device.
#define HEDDLE_ONLY_LINE
#define HEDDLE_LINE
/// What only sm_90, or only sm_90a, can do. Compiled for others, as one of several targets of a program, it stops the kernel.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define HEDDLE_SM90(...) __trap()
#else
#define HEDDLE_SM90(...) __VA_ARGS__
#endif
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HEDDLE_SM90A(...) __trap()
#else
#define HEDDLE_SM90A(...) __VA_ARGS__
#endif
#else
#define HEDDLE_CUDA_EMULATED 1
#define HEDDLE_DEVICE inline
#define HEDDLE_DEVICE_UNROLL
#define HEDDLE_DEVICE_NO_UNROLL
#include <heddle/cuda/emulation/source_line.hpp>
#define HEDDLE_ONLY_LINE ::heddle::device::emulation::source_line line = ::heddle::device::emulation::source_line::here()
#define HEDDLE_LINE , HEDDLE_ONLY_LINE
#endif

namespace heddle::inline v0::device {

/// Lanes of a warp, and of the four warps that share a tensor core on sm_90a.
inline constexpr unsigned warp_size = 32;
inline constexpr unsigned warpgroup_size = 128;

/// A place in the block's shared memory, in bytes. Kernels hold no pointers to shared memory: what goes through an address
/// is one instruction on the device and checked when emulated.
using shared_address = std::uint32_t;

/// `N` values that move as one: 4, 8 or 16 bytes.
template <class T, unsigned N>
struct alignas(sizeof(T) * N) vector {
  static_assert(sizeof(T) * N <= 16 && (sizeof(T) * N & (sizeof(T) * N - 1)) == 0, "a vector has 2, 4, 8 or 16 bytes");
  using value_type = T;
  T values[N];

  HEDDLE_HOST_DEVICE constexpr T& operator[](unsigned i) { return values[i]; }
  HEDDLE_HOST_DEVICE constexpr const T& operator[](unsigned i) const { return values[i]; }
};

}  // namespace heddle::inline v0::device
