/// @file
/// Memory of the device: owned blocks, managed blocks, and copies in the order of a stream.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <heddle/core/shared_owner.hpp>

#include "pointers.hpp"

namespace heddle::inline v0::device {

namespace detail {

[[noreturn]] HEDDLE_COLD inline void no_memory(std::size_t bytes, const char* kind) {
  heddle::detail::raise<device_error>("device memory: " + std::to_string(bytes) + " bytes of " + kind +
                                      " memory could not be had");
}

#if !HEDDLE_CUDA_EMULATED
/// Managed memory that the host may look at while kernels run. Where there is none (Windows), pinned memory of the host is
/// right too, and slow: the device reads it over the bus.
inline cudaError_t take_shared(void** p, std::size_t bytes) {
  int concurrent = 0;
  const cudaError_t status = cudaDeviceGetAttribute(&concurrent, cudaDevAttrConcurrentManagedAccess, current_device());
  if (status != cudaSuccess) return status;
  return concurrent != 0 ? cudaMallocManaged(p, bytes, cudaMemAttachGlobal) : cudaHostAlloc(p, bytes, cudaHostAllocMapped);
}
#endif

inline std::byte* take(std::size_t bytes, bool managed) {
#if HEDDLE_CUDA_EMULATED
  if (emulated::memory_map::instance().capturing()) require_not_capturing("device memory", nullptr);
  std::byte* const p = emulated::memory_map::instance().allocate(bytes, managed);
  if (p == nullptr) no_memory(bytes, managed ? "managed" : "device");
  return p;
#else
  void* p = nullptr;
  const cudaError_t status = managed ? take_shared(&p, bytes) : cudaMalloc(&p, bytes);
  if (status == cudaErrorMemoryAllocation) no_memory(bytes, managed ? "managed" : "device");
  check(status, "allocating device memory");
  // All zero, as every allocation of the library; waited for, because streams that do not block would overtake it.
  check(cudaMemset(p, 0, bytes), "clearing device memory");
  check(cudaDeviceSynchronize(), "clearing device memory");
  return static_cast<std::byte*>(p);
#endif
}

inline void give_back(std::byte* p) noexcept {
#if HEDDLE_CUDA_EMULATED
  emulated::memory_map::instance().release(p);
#else
  cudaPointerAttributes a{};  // all of it fails only when the process ends and the device is gone already
  const bool pinned = cudaPointerGetAttributes(&a, p) == cudaSuccess && a.type == cudaMemoryTypeHost;
  static_cast<void>(pinned ? cudaFreeHost(p) : cudaFree(p));
#endif
}

}  // namespace detail

/// A uniquely owned, zeroed block of device memory (`allocate`) or managed memory (`allocate_managed`), aligned to 256 bytes.
/// A block handed to a `shared_owner` lives as long as somebody refers to it.
class memory {
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;

 public:
  memory() noexcept = default;
  memory(std::size_t bytes, bool managed) : data_(bytes == 0 ? nullptr : detail::take(bytes, managed)), size_(bytes) {}
  memory(memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  memory& operator=(memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  memory(const memory&) = delete;
  memory& operator=(const memory&) = delete;
  ~memory() {
    if (data_ != nullptr) detail::give_back(data_);
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  template <class T>
  T* as() const noexcept {
    return reinterpret_cast<T*>(data_);
  }
};

/// Memory that only the device may read and write. @throws device_error
inline memory allocate(std::size_t bytes) { return memory(bytes, false); }

/// Memory that the host may read and write while no kernel runs, and the device always: for weights. @throws device_error
inline memory allocate_managed(std::size_t bytes) { return memory(bytes, true); }

/// Says that the device will mostly read a managed block, so that both sides may keep a copy, and moves it there.
/// Only a hint: where the device cannot do that, nothing happens.
inline void prefetch([[maybe_unused]] const memory& m, [[maybe_unused]] stream s = nullptr) {
#if !HEDDLE_CUDA_EMULATED
  if (m.size() == 0) return;
  const int device = current_device();
#if CUDART_VERSION >= 13000
  cudaMemLocation where{};
  where.type = cudaMemLocationTypeDevice;
  where.id = device;
  static_cast<void>(cudaMemAdvise(m.data(), m.size(), cudaMemAdviseSetReadMostly, where));
  static_cast<void>(cudaMemPrefetchAsync(m.data(), m.size(), where, 0, s));
#else
  static_cast<void>(cudaMemAdvise(m.data(), m.size(), cudaMemAdviseSetReadMostly, device));
  static_cast<void>(cudaMemPrefetchAsync(m.data(), m.size(), device, s));
#endif
  static_cast<void>(cudaGetLastError());
#endif
}

/// Waits until all work of a stream is done; reports what failed in it. @throws device_error
inline void wait(stream s = nullptr) {
  require_not_capturing("device::wait", s);
#if !HEDDLE_CUDA_EMULATED
  check(cudaStreamSynchronize(s), "waiting for a stream");
#endif
}

namespace detail {

inline void require_copy_place(const char* argument, const void* p, std::size_t bytes, bool on_device) {
  const pointer_place place = place_of(p);
  if (on_device && place.kind == memory_kind::host)
    refuse("device::copy", argument, "points to host memory, where device memory is due");
  if (!on_device && place.kind == memory_kind::device)
    refuse("device::copy", argument, "points to device memory, where host memory is due");
#if HEDDLE_CUDA_EMULATED
  if (on_device && !emulated::memory_map::instance().holds(p, bytes))
    refuse("device::copy", argument, "has less than the " + std::to_string(bytes) + " bytes that are copied");
#else
  static_cast<void>(bytes);
#endif
}

inline void copy_bytes(stream s, void* to, const void* from, std::size_t bytes, bool to_device, bool from_device) {
  if (bytes == 0) return;
  require_copy_place("the destination", to, bytes, to_device);
  require_copy_place("the source", from, bytes, from_device);
  if (!(to_device && from_device)) require_not_capturing("device::copy", s);
#if HEDDLE_CUDA_EMULATED
  const emulation::open_memory open;
  std::memmove(to, from, bytes);
#else
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, s), "copying memory");
#endif
}

}  // namespace detail

/// Copies `count` elements from the host to the device, after the work that `s` has already. `from` is free again when this
/// returns, unless it is pinned memory: that must stay until the stream is done. @throws device_error
template <class T>
void copy_to_device(stream s, T* to, const T* from, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>, "heddle::device: elements must be trivially copyable");
  detail::copy_bytes(s, to, from, count * sizeof(T), true, false);
}

/// Copies `count` elements from the device to the host, after the work of `s`, and waits for them. @throws device_error
template <class T>
void copy_to_host(stream s, T* to, const T* from, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>, "heddle::device: elements must be trivially copyable");
  detail::copy_bytes(s, to, from, count * sizeof(T), false, true);
  wait(s);
}

/// Copies `count` elements on the device, in the order of `s`. May be captured. @throws device_error
template <class T>
void copy_on_device(stream s, T* to, const T* from, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>, "heddle::device: elements must be trivially copyable");
  detail::copy_bytes(s, to, from, count * sizeof(T), true, true);
}

/// Sets `count` elements on the device to zero bytes, in the order of `s`. May be captured. @throws device_error
template <class T>
void clear(stream s, T* p, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>, "heddle::device: elements must be trivially copyable");
  if (count == 0) return;
  detail::require_copy_place("the destination", p, count * sizeof(T), true);
#if HEDDLE_CUDA_EMULATED
  static_cast<void>(s);
  const emulation::open_memory open;
  std::memset(p, 0, count * sizeof(T));
#else
  check(cudaMemsetAsync(p, 0, count * sizeof(T), s), "clearing memory");
#endif
}

}  // namespace heddle::inline v0::device
