// Why nothing can run on a device here, for programs that were compiled for one.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdio>

namespace heddle::test {

/// Says in one line that there is no device, if there is none; ctest counts a test that says so as skipped.
inline bool skipped_without_device() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status == cudaSuccess && devices > 0) return false;
  std::printf("HEDDLE-SKIPPED: this machine has no device (CUDA reports: %s)\n",
              cudaGetErrorString(status == cudaSuccess ? cudaErrorNoDevice : status));
  return true;
}

}  // namespace heddle::test
