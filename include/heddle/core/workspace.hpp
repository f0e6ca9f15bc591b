/// @file
/// Scratch memory: the caller owns it, the library only divides it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tensor.hpp"

namespace heddle::inline v0 {

/// Bytes that `arena::take<T>(count)` uses: the elements, rounded up to the next cache line.
template <class T>
constexpr std::size_t scratch_bytes(std::size_t count) noexcept {
  return (count * sizeof(T) + memory_alignment - 1) / memory_alignment * memory_alignment;
}

/// Hands out parts of a block of memory one after the other. Copying an arena copies its position: whoever takes memory
/// from a copy gives it back by letting the copy go. That is how every layer returns its scratch.
class arena {
  std::byte* next_ = nullptr;
  std::byte* end_ = nullptr;
  bool on_host_ = true;

 public:
  constexpr arena() noexcept = default;
  /// @throws workspace_error if the block does not start at a multiple of `memory_alignment`.
  explicit arena(std::span<std::byte> block) : next_(block.data()), end_(block.data() + block.size()) {
    if (reinterpret_cast<std::uintptr_t>(block.data()) % memory_alignment != 0)
      detail::raise<workspace_error>("workspace: the memory must be aligned to " + std::to_string(memory_alignment) + " bytes");
  }
  /// The same of memory that the host may not follow: only kernels of a device write into it.
  static arena of_device(std::span<std::byte> block) {
    arena a(block);
    a.on_host_ = false;
    return a;
  }

  /// Whether the host may write into what is taken.
  constexpr bool on_host() const noexcept { return on_host_; }

  std::size_t remaining() const noexcept { return static_cast<std::size_t>(end_ - next_); }

  /// Uninitialised memory for `count` elements, aligned to a cache line.
  /// @throws workspace_error if less is left.
  template <class T>
  T* take(std::size_t count) {
    const std::size_t bytes = scratch_bytes<T>(count);
    if (bytes > remaining()) too_small(bytes, remaining());
    T* p = reinterpret_cast<T*>(next_);
    next_ += bytes;
    return p;
  }

  /// A part of the arena of its own, for one of several workers.
  /// @throws workspace_error if less is left.
  arena split(std::size_t bytes) { return over(take<std::byte>(bytes), scratch_bytes<std::byte>(bytes)); }
  /// An arena of other memory of the same kind.
  arena over(std::byte* data, std::size_t bytes) const {
    arena a(std::span<std::byte>(data, bytes));
    a.on_host_ = on_host_;
    return a;
  }

  [[noreturn]] HEDDLE_COLD static void too_small(std::size_t needed, std::size_t available) {
    detail::raise<workspace_error>("workspace: " + std::to_string(needed) + " bytes are needed, " + std::to_string(available) +
                                   " are left; ask workspace_bytes for the size");
  }
};

/// Scratch memory that owns its bytes.
/// @code
/// heddle::workspace scratch{heddle::workspace_bytes<model>(x.extents())};
/// @endcode
class workspace {
  detail::aligned_bytes memory_;

 public:
  workspace() = default;
  explicit workspace(std::size_t bytes) : memory_(bytes) {}
  std::size_t size() const noexcept { return memory_.size(); }
  arena scratch() const { return arena(std::span<std::byte>(memory_.data(), memory_.size())); }
};

}  // namespace heddle::inline v0
