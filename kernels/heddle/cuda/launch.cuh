/// @file
/// Launching kernels. A kernel is a trivially copyable struct of parameters with `HEDDLE_DEVICE void operator()() const` and
/// `static constexpr unsigned threads`; optionally `static constexpr unsigned min_blocks`, how many blocks a multiprocessor
/// should hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <heddle/core/error.hpp>

#include "device/config.cuh"
#include "device/stream.hpp"
#if HEDDLE_CUDA_EMULATED
#include <heddle/cuda/emulation/machine.hpp>
#endif

namespace heddle::inline v0::device {

namespace detail {

template <class Kernel>
constexpr const char* type_name() noexcept {
#if defined(__GNUC__) || defined(__clang__)
  return __PRETTY_FUNCTION__;
#else
  return "kernel";
#endif
}

/// The kernel with its template arguments: the composition it was made for.
template <class Kernel>
std::string kernel_name() {
  const std::string whole = type_name<Kernel>();
  const std::size_t begin = whole.find("Kernel = ");
  if (begin == std::string::npos) return whole;
  const std::size_t end = whole.find_last_of("];");
  return whole.substr(begin + 9, end - begin - 9);
}

template <class Kernel>
constexpr unsigned min_blocks() noexcept {
  if constexpr (requires { Kernel::min_blocks; }) return Kernel::min_blocks;
  return 1;
}

/// Most shared memory that a block may ask for: sm_90's; what smaller devices refuse, the runtime reports.
inline constexpr std::size_t most_shared_bytes = 227 * 1024;

template <class Kernel>
HEDDLE_COLD void raise_launch(const std::string& sentence) {
  ::heddle::detail::raise<::heddle::error>("launch of " + kernel_name<Kernel>() + ": " + sentence);
}

#if HEDDLE_CUDA_EMULATED
template <class Kernel>
void run_lane(const void* kernel) {
  (*static_cast<const Kernel*>(kernel))();
}
#else
template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads, min_blocks<Kernel>()) entry(const __grid_constant__ Kernel kernel) {
  kernel();
}
#endif

}  // namespace detail

/// Runs `kernel` in `blocks` blocks of `Kernel::threads` lanes with `shared_bytes` bytes of shared memory each, in the order of
/// `queue`. No blocks: nothing. Raises `heddle::error`, which names the kernel, where the launch is impossible or refused.
/// Neither allocates nor waits, so it may be captured.
template <class Kernel>
void launch([[maybe_unused]] stream queue, std::uint64_t blocks, std::size_t shared_bytes, const Kernel& kernel) {
  static_assert(std::is_trivially_copyable_v<Kernel>, "a kernel is copied to the device as bytes");
  static_assert(sizeof(Kernel) <= 4096, "a kernel's parameters are at most 4096 bytes");
  static_assert(Kernel::threads % warp_size == 0 && Kernel::threads > 0 && Kernel::threads <= 1024,
                "whole warps, at most 1024 lanes");
  if (blocks == 0) return;
  if (blocks > 0x7fffffffu) detail::raise_launch<Kernel>("more than 2^31 - 1 blocks");
  if (shared_bytes > detail::most_shared_bytes) {
    detail::raise_launch<Kernel>(std::to_string(shared_bytes) + " bytes of shared memory, a block has at most " +
                                 std::to_string(detail::most_shared_bytes));
  }
#if HEDDLE_CUDA_EMULATED
  emulation::run_grid(blocks, Kernel::threads, shared_bytes, &detail::run_lane<Kernel>, &kernel, detail::kernel_name<Kernel>);
#else
  cudaError_t status = cudaSuccess;
  if (shared_bytes > 48 * 1024) {
    status = cudaFuncSetAttribute(detail::entry<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shared_bytes));
  }
  if (status == cudaSuccess) {
    detail::entry<Kernel><<<static_cast<unsigned>(blocks), Kernel::threads, shared_bytes, queue>>>(kernel);
    status = cudaGetLastError();
  }
  if (status != cudaSuccess) detail::raise_launch<Kernel>(cudaGetErrorString(status));
#endif
}

}  // namespace heddle::inline v0::device
