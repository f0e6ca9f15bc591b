// Counts every allocation through operator new. Include it in one file of a test program only: it replaces the operators.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace heddle::test {

inline std::atomic<std::size_t> allocation_count{0};

/// Allocations since construction: `const allocations counted; run(); REQUIRE(counted.count() == 0);`
class allocations {
 public:
  allocations() : start_(allocation_count.load()) {}
  std::size_t count() const { return allocation_count.load() - start_; }

 private:
  std::size_t start_;
};

inline void* counted_allocation(std::size_t bytes, std::size_t alignment) noexcept {
  ++allocation_count;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
}

inline void* counted_allocation_or_stop(std::size_t bytes, std::size_t alignment) {
  void* memory = counted_allocation(bytes, alignment);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace heddle::test

// GCC takes an inlined pair of these for a mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

void* operator new(std::size_t bytes) { return heddle::test::counted_allocation_or_stop(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return heddle::test::counted_allocation_or_stop(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return heddle::test::counted_allocation_or_stop(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return heddle::test::counted_allocation_or_stop(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return heddle::test::counted_allocation(bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return heddle::test::counted_allocation(bytes, alignof(std::max_align_t));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
