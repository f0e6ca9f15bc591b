/// @file
/// The bytes of a file: mapped into memory where the system can, or read.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "../core/error.hpp"
#include "../core/shared_owner.hpp"
#include "../core/tensor.hpp"
#include "report.hpp"

#if defined(__has_include)
#if __has_include(<sys/mman.h>) && __has_include(<unistd.h>)
#define HEDDLE_HAS_MMAP 1
#endif
#endif
#if !defined(HEDDLE_HAS_MMAP)
#define HEDDLE_HAS_MMAP 0
#endif

#if HEDDLE_HAS_MMAP
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace heddle::inline v0::io {

/// Asks for a copy of the file in memory instead of a mapping: later changes of the file are then not seen, and a file on
/// a medium that may go away is safe to use.
struct read_whole_t {
  explicit read_whole_t() = default;
};
inline constexpr read_whole_t read_whole{};

namespace detail {

/// Read-only bytes and what keeps them alive.
struct shared_bytes {
  std::span<const std::byte> bytes{};
  shared_owner owner{};
};

[[noreturn]] HEDDLE_COLD inline void raise_file(const std::string& path, const char* what, int code) {
  heddle::detail::raise<file_error>(concat({path, ": ", what, code == 0 ? "" : ": ", code == 0 ? "" : std::strerror(code)}));
}

struct close_file {
  void operator()(std::FILE* f) const noexcept { static_cast<void>(std::fclose(f)); }
};
using file_handle = std::unique_ptr<std::FILE, close_file>;

HEDDLE_COLD inline std::size_t size_of_file(std::FILE* file, const std::string& path) {
#if HEDDLE_HAS_MMAP
  struct stat status{};
  if (::fstat(::fileno(file), &status) != 0) raise_file(path, "cannot be read", errno);
  if (!S_ISREG(status.st_mode)) raise_file(path, "is not a regular file", 0);
  return static_cast<std::size_t>(status.st_size);
#else
  if (std::fseek(file, 0, SEEK_END) != 0) raise_file(path, "cannot be read", errno);
  const long size = std::ftell(file);
  if (size < 0 || std::fseek(file, 0, SEEK_SET) != 0) raise_file(path, "cannot be read", errno);
  return static_cast<std::size_t>(size);
#endif
}

/// The whole file in one aligned allocation.
HEDDLE_COLD inline shared_bytes read_file(const std::string& path) {
  const file_handle file(std::fopen(path.c_str(), "rb"));
  if (!file) raise_file(path, "cannot be opened", errno);
  const std::size_t size = size_of_file(file.get(), path);
  heddle::detail::aligned_bytes memory(size);
  if (size != 0 && std::fread(memory.data(), 1, size, file.get()) != size) raise_file(path, "cannot be read", errno);
  const std::span<const std::byte> bytes(memory.data(), size);
  return {bytes, std::move(memory)};
}

#if HEDDLE_HAS_MMAP
class mapping {
  void* data_ = nullptr;
  std::size_t size_ = 0;

 public:
  mapping(void* data, std::size_t size) noexcept : data_(data), size_(size) {}
  mapping(mapping&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
  mapping& operator=(mapping&&) = delete;
  ~mapping() {
    if (data_ != nullptr) static_cast<void>(::munmap(data_, size_));
  }
};

/// The file as read-only pages. Empty files cannot be mapped and need not be.
HEDDLE_COLD inline shared_bytes map_file(const std::string& path) {
  const file_handle file(std::fopen(path.c_str(), "rb"));
  if (!file) raise_file(path, "cannot be opened", errno);
  const std::size_t size = size_of_file(file.get(), path);
  if (size == 0) return {};
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, ::fileno(file.get()), 0);
  if (data == MAP_FAILED) raise_file(path, "cannot be mapped", errno);
  return {{static_cast<const std::byte*>(data), size}, mapping(data, size)};
}
#else
HEDDLE_COLD inline shared_bytes map_file(const std::string& path) { return read_file(path); }
#endif

}  // namespace detail
}  // namespace heddle::inline v0::io
