/// @file
/// What emulated kernels know of global memory: the buffers they may touch, and a guard that opens device memory while a
/// kernel or a copy runs and closes it afterwards.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace heddle::inline v0::device::emulation {

/// A range of memory that kernels may access through `load_global`, `store_global` and copies.
struct buffer {
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;
  const char* name = "";
  bool read_only = false;

  bool contains(std::uintptr_t address, std::size_t length) const noexcept {
    return address >= begin && length <= bytes && address - begin <= bytes - length;
  }
};

namespace detail {

struct memory_state {
  std::vector<buffer> buffers;  // sorted by address
  std::size_t last_found = 0;
  void (*open)() = nullptr;
  void (*close)() = nullptr;
  unsigned openings = 0;
};

inline memory_state& memory() noexcept {
  static memory_state state;
  return state;
}

}  // namespace detail

/// Makes [data, data + bytes) known. `name` must outlive the registration. Ranges must not overlap.
inline void register_buffer(const void* data, std::size_t bytes, const char* name = "device memory", bool read_only = false) {
  auto& buffers = detail::memory().buffers;
  const buffer added{reinterpret_cast<std::uintptr_t>(data), bytes, name, read_only};
  const auto at = std::lower_bound(buffers.begin(), buffers.end(), added,
                                   [](const buffer& a, const buffer& b) { return a.begin < b.begin; });
  buffers.insert(at, added);
}

/// Forgets the buffer that begins at `data`.
inline void unregister_buffer(const void* data) noexcept {
  auto& buffers = detail::memory().buffers;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const auto at = std::find_if(buffers.begin(), buffers.end(), [&](const buffer& b) { return b.begin == address; });
  if (at != buffers.end()) buffers.erase(at);
}

/// The buffer that holds `bytes` bytes from `data` on; null if there is none.
inline const buffer* find_buffer(const void* data, std::size_t bytes = 1) noexcept {
  auto& state = detail::memory();
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  if (state.last_found < state.buffers.size() && state.buffers[state.last_found].contains(address, bytes)) {
    return &state.buffers[state.last_found];
  }
  const auto after = std::upper_bound(state.buffers.begin(), state.buffers.end(), address,
                                      [](std::uintptr_t a, const buffer& b) { return a < b.begin; });
  if (after == state.buffers.begin()) return nullptr;
  const auto found = after - 1;
  if (!found->contains(address, bytes)) return nullptr;
  state.last_found = static_cast<std::size_t>(found - state.buffers.begin());
  return &*found;
}

/// Where an access lies that `find_buffer` does not know: near which buffer, if there is one.
inline std::string describe_outside(const void* data, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  for (const auto& b : detail::memory().buffers) {
    const std::uintptr_t end = b.begin + b.bytes;
    if (address >= b.begin && address < end + 4096) {
      return ": byte " + std::to_string(address - b.begin) + ", " + std::to_string(bytes) + " bytes long, of " + b.name +
             ", which has " + std::to_string(b.bytes) + " bytes";
    }
    if (address < b.begin && b.begin - address <= 4096) {
      return ": " + std::to_string(b.begin - address) + " bytes before the start of " + b.name;
    }
  }
  return ": " + std::to_string(bytes) + " bytes outside every buffer of the device";
}

/// Sets the functions that make device memory accessible and inaccessible; null for none.
inline void set_memory_guard(void (*open)(), void (*close)()) noexcept {
  detail::memory().open = open;
  detail::memory().close = close;
}

/// Device memory is accessible while one of these lives: around a launch, and around a copy.
class open_memory {
 public:
  open_memory() noexcept {
    auto& state = detail::memory();
    if (state.openings++ == 0 && state.open != nullptr) state.open();
  }
  ~open_memory() {
    auto& state = detail::memory();
    if (--state.openings == 0 && state.close != nullptr) state.close();
  }
  open_memory(const open_memory&) = delete;
  open_memory& operator=(const open_memory&) = delete;
};

/// Registers memory of the caller for its own lifetime: for tests of kernels with plain arrays.
class exposed {
 public:
  template <class Array>
  explicit exposed(Array& array, const char* name = "array") : data_(array.data()) {
    register_buffer(data_, array.size() * sizeof(*array.data()), name);
  }
  ~exposed() { unregister_buffer(data_); }
  exposed(const exposed&) = delete;
  exposed& operator=(const exposed&) = delete;

 private:
  const void* data_;
};

}  // namespace heddle::inline v0::device::emulation
