/// @file
/// The memory of the emulated device. Device memory is mapped without any access and opened (`emulation::open_memory`) only
/// while kernels and copies run, so that host code which follows a device pointer stops where it does so; managed memory is open always.
#pragma once

#include "error.hpp"

#if HEDDLE_CUDA_EMULATED

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <heddle/cuda/emulation/memory.hpp>

namespace heddle::inline v0::device::emulated {

/// A block of memory that kernels may read and write.
struct block_of_memory {
  std::byte* data = nullptr;
  std::size_t bytes = 0;   ///< asked for
  std::size_t mapped = 0;  ///< whole pages, without the guards before and behind
  bool managed = false;    ///< the host may read and write it too
  int device = 0;
};

/// All blocks of the emulated device.
class memory_map {
  std::mutex mutex_{};
  std::vector<block_of_memory> blocks_{};
  bool open_ = false;
  bool capturing_ = false;

  memory_map() {
    emulation::set_memory_guard([] { instance().set_open(true); }, [] { instance().set_open(false); });
  }

  static std::size_t page() noexcept { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
  void protect(const block_of_memory& b) const noexcept {
    if (!b.managed) static_cast<void>(mprotect(b.data, b.mapped, open_ ? PROT_READ | PROT_WRITE : PROT_NONE));
  }

 public:
  /// The map of this process.
  static memory_map& instance() {
    static memory_map map;
    return map;
  }

  /// A zeroed block between two pages that nobody may touch; null where the system has no memory.
  std::byte* allocate(std::size_t bytes, bool managed, int device = 0) {
    const std::size_t p = page();
    const std::size_t mapped = (bytes + p - 1) / p * p;
    void* const whole = mmap(nullptr, mapped + 2 * p, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole == MAP_FAILED) return nullptr;
    const std::lock_guard lock(mutex_);
    const block_of_memory b{static_cast<std::byte*>(whole) + p, bytes, mapped, managed, device};
    if (managed) static_cast<void>(mprotect(b.data, mapped, PROT_READ | PROT_WRITE));
    protect(b);
    blocks_.push_back(b);
    emulation::register_buffer(b.data, bytes, managed ? "managed memory" : "device memory");
    return b.data;
  }

  void release(std::byte* data) noexcept {
    const std::lock_guard lock(mutex_);
    for (block_of_memory& b : blocks_) {
      if (b.data != data) continue;
      emulation::unregister_buffer(data);
      static_cast<void>(munmap(b.data - page(), b.mapped + 2 * page()));
      b = blocks_.back();
      blocks_.pop_back();
      return;
    }
  }

  /// The block that holds an address; an empty one if none does.
  block_of_memory find(const void* address) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const std::lock_guard lock(mutex_);
    for (const block_of_memory& b : blocks_) {
      const auto begin = reinterpret_cast<std::uintptr_t>(b.data);
      if (at >= begin && at < begin + (b.bytes == 0 ? 1 : b.bytes)) return b;
    }
    return {};
  }

  /// Whether all of `[address, address + bytes)` lies in one block.
  bool holds(const void* address, std::size_t bytes) noexcept {
    const block_of_memory b = find(address);
    return b.data != nullptr && static_cast<std::size_t>(static_cast<const std::byte*>(address) - b.data) + bytes <= b.bytes;
  }

  /// Called by `emulation::open_memory`.
  void set_open(bool open) noexcept {
    const std::lock_guard lock(mutex_);
    open_ = open;
    for (const block_of_memory& b : blocks_) protect(b);
  }

  bool capturing() const noexcept { return capturing_; }
  void set_capturing(bool on) noexcept { capturing_ = on; }
};

}  // namespace heddle::inline v0::device::emulated

#endif
