/// @file
/// Where a pointer leads, and refusals before a launch: every one a sentence that names the operation and the argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <heddle/backend/tags.hpp>

#include "emulated_memory.hpp"

namespace heddle::inline v0::device {

/// Who may follow a pointer.
enum class memory_kind : unsigned char {
  host,     ///< only the host
  device,   ///< only the device
  managed,  ///< both
};

struct pointer_place {
  memory_kind kind = memory_kind::host;
  int device = -1;  ///< of device and managed memory
};

/// The device that work of the calling thread goes to.
inline int current_device() {
#if HEDDLE_CUDA_EMULATED
  return 0;
#else
  int device = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  return device;
#endif
}

/// Where `p` leads.
inline pointer_place place_of(const void* p) {
#if HEDDLE_CUDA_EMULATED
  const emulated::block_of_memory b = emulated::memory_map::instance().find(p);
  if (b.data == nullptr) return {};
  return {b.managed ? memory_kind::managed : memory_kind::device, b.device};
#else
  cudaPointerAttributes a{};
  check(cudaPointerGetAttributes(&a, p), "asking where a pointer leads");
  switch (a.type) {
    case cudaMemoryTypeDevice:
      return {memory_kind::device, a.device};
    case cudaMemoryTypeManaged:
      return {memory_kind::managed, a.device};
    case cudaMemoryTypeHost:
      return a.devicePointer == nullptr ? pointer_place{} : pointer_place{memory_kind::managed, a.device};  // pinned
    default:
      return {};  // also where the device could follow any pointer of the host: kernels would read it over the bus
  }
#endif
}

namespace detail {
[[noreturn]] HEDDLE_COLD inline void refuse(const char* operation, const char* argument, const std::string& what) {
  heddle::detail::raise<device_error>(std::string(operation) + ": " + argument + ' ' + what);
}
}  // namespace detail

/// Refuses memory that the current device cannot reach. Null passes: it stands for an argument that is not there.
/// @throws device_error
inline void require_device_pointer(const char* operation, const char* argument, const void* p) {
  if (p == nullptr) return;
  const pointer_place place = place_of(p);
  if (place.kind == memory_kind::host)
    detail::refuse(operation, argument, "points to host memory; copy it to the device (heddle::device_tensor)");
  if (place.kind == memory_kind::device && place.device != current_device())
    detail::refuse(
        operation, argument,
        "lies on device " + std::to_string(place.device) + ", but the current device is " + std::to_string(current_device()));
}

/// Refuses a pointer that is not a multiple of `alignment` bytes. @throws device_error
inline void require_aligned(const char* operation, const char* argument, const void* p, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(p) % alignment != 0)
    detail::refuse(operation, argument, "must be aligned to " + std::to_string(alignment) + " bytes");
}

/// Refuses a kernel that needs more shared memory than a block has. @throws device_error
inline void require_shared_memory(const char* operation, std::size_t needed, std::size_t available) {
  if (needed > available)
    heddle::detail::raise<device_error>(std::string(operation) + ": a block needs " + std::to_string(needed) +
                                        " bytes of shared memory, this device has " + std::to_string(available));
}

/// Whether work of `s` is being recorded into a graph rather than run.
inline bool capturing([[maybe_unused]] stream s) {
#if HEDDLE_CUDA_EMULATED
  return emulated::memory_map::instance().capturing();
#else
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(s, &status), "asking whether a stream is captured");
  return status != cudaStreamCaptureStatusNone;
#endif
}

/// Refuses what a stream that is being captured cannot do: allocating, waiting, copying from or to the host's own memory.
/// @throws device_error
inline void require_not_capturing(const char* operation, stream s) {
  if (capturing(s))
    heddle::detail::raise<device_error>(std::string(operation) +
                                        ": the stream is being captured into a graph; do this before the capture or after it");
}

}  // namespace heddle::inline v0::device
