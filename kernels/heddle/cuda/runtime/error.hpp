/// @file
/// Errors of the device: what the CUDA runtime reports, as one sentence that says what was being done.
#pragma once

#include <string>

#include <heddle/core/error.hpp>

/// 1 where kernels run on the emulated device of a host compiler.
#if !defined(HEDDLE_CUDA_EMULATED)
#if defined(__CUDACC__)
#define HEDDLE_CUDA_EMULATED 0
#else
#define HEDDLE_CUDA_EMULATED 1
#endif
#endif

#if !HEDDLE_CUDA_EMULATED
#include <cuda_runtime_api.h>
#endif

namespace heddle::inline v0 {

/// The device cannot do what was asked: no memory, no device, a pointer it cannot reach, a launch that failed.
class device_error : public error {
 public:
  using error::error;
};

namespace device {

#if !HEDDLE_CUDA_EMULATED
/// Turns a status of the CUDA runtime into a `device_error` that names what was being done.
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  // A failed launch leaves its error behind for the next question; it is answered here.
  static_cast<void>(cudaGetLastError());
  heddle::detail::raise<device_error>(std::string(doing) + ": the device reports " + cudaGetErrorName(status) + " (" +
                                      cudaGetErrorString(status) + ')');
}
#endif

}  // namespace device
}  // namespace heddle::inline v0
