/// @file
/// Stacks and the switch between them: what makes hundreds of lanes run in turn on one thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include <heddle/core/error.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define HEDDLE_FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEDDLE_FIBER_ASAN 1
#endif
#endif
#if !defined(HEDDLE_FIBER_ASAN)
#define HEDDLE_FIBER_ASAN 0
#endif
#if HEDDLE_FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(HEDDLE_FIBER_ASSEMBLER)  // chosen by whoever compiles
#elif defined(__x86_64__) && defined(__linux__)
#define HEDDLE_FIBER_ASSEMBLER 1
#else
#define HEDDLE_FIBER_ASSEMBLER 0
#endif
#if !HEDDLE_FIBER_ASSEMBLER
#include <ucontext.h>
#endif

namespace heddle::inline v0::device::emulation {

#if HEDDLE_FIBER_ASSEMBLER
#if defined(__clang__)
#define HEDDLE_FIBER_OPAQUE __attribute__((naked, noinline))
#else
#define HEDDLE_FIBER_OPAQUE __attribute__((naked, noinline, noipa))
#endif

/// Saves what the System V convention makes the callee keep, stores the stack pointer in `*from` and goes on at `to`.
HEDDLE_FIBER_OPAQUE inline void switch_stack([[maybe_unused]] void** from, [[maybe_unused]] void* to) {
  __asm__ volatile(
      "pushq %rbp\n\t"
      "pushq %rbx\n\t"
      "pushq %r12\n\t"
      "pushq %r13\n\t"
      "pushq %r14\n\t"
      "pushq %r15\n\t"
      "movq %rsp, (%rdi)\n\t"
      "movq %rsi, %rsp\n\t"
      "popq %r15\n\t"
      "popq %r14\n\t"
      "popq %r13\n\t"
      "popq %r12\n\t"
      "popq %rbx\n\t"
      "popq %rbp\n\t"
      "ret");
}
#undef HEDDLE_FIBER_OPAQUE
#endif

/// A flow of control with its own stack; the thread's own one if `start` was never called.
class fiber {
 public:
  /// Prepares to run `entry`, which must never return, on [stack, stack + bytes).
  void start(void* stack, std::size_t bytes, void (*entry)()) {
    bottom_ = stack;
    bytes_ = bytes;
#if HEDDLE_FIBER_ASAN
    __asan_unpoison_memory_region(stack, bytes);  // what an abandoned fiber left
    fake_stack_ = nullptr;
#endif
#if HEDDLE_FIBER_ASSEMBLER
    auto* top = reinterpret_cast<void**>(static_cast<char*>(stack) + bytes);
    *--top = nullptr;  // the return address of entry; it also aligns the stack as a call would
    *--top = reinterpret_cast<void*>(entry);
    for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
    stack_pointer_ = top;
#else
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack;
    context_.uc_stack.ss_size = bytes;
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
#endif
  }

  /// Leaves `from` and goes on with `to`. `last`: `from` will never be continued.
  static void switch_to([[maybe_unused]] fiber& from, fiber& to, [[maybe_unused]] bool last = false) {
#if HEDDLE_FIBER_ASAN
    void* unused = nullptr;
    __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack_, to.bottom_, to.bytes_);
    (void)unused;
#endif
#if HEDDLE_FIBER_ASSEMBLER
    switch_stack(&from.stack_pointer_, to.stack_pointer_);
#else
    swapcontext(&from.context_, &to.context_);
#endif
    from.arrived(nullptr);
  }

  /// To be called first on a fresh stack; `starter` is the fiber that runs on the thread's own stack, whose bounds are
  /// learnt here, if it is the one that was left.
  void arrived([[maybe_unused]] fiber* starter) {
#if HEDDLE_FIBER_ASAN
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &bytes);
    if (starter != nullptr && starter->bottom_ == nullptr) {
      starter->bottom_ = bottom;
      starter->bytes_ = bytes;
    }
#endif
  }

 private:
#if HEDDLE_FIBER_ASSEMBLER
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_{};
#endif
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
#if HEDDLE_FIBER_ASAN
  void* fake_stack_ = nullptr;
#endif
};

/// Stacks for the lanes of a block, kept from launch to launch. Pages that no lane touched cost nothing; below each stack
/// lies one that must not be touched.
class stack_pool {
 public:
  static constexpr std::size_t guard_bytes = 4096;
  static constexpr std::size_t stack_bytes = std::size_t{256} * 1024 - guard_bytes;

  stack_pool() = default;
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;
  ~stack_pool() { release(); }

  void reserve(unsigned count) {
    if (count <= count_) return;
    release();
    const std::size_t stride = stack_bytes + guard_bytes;
    void* memory = mmap(nullptr, count * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) ::heddle::detail::raise<::heddle::error>("emulation: no memory for the stacks of a block");
    memory_ = static_cast<char*>(memory);
    count_ = count;
    for (unsigned i = 0; i < count; ++i) mprotect(memory_ + i * stride, guard_bytes, PROT_NONE);
  }
  void* stack(unsigned i) const noexcept { return memory_ + i * (stack_bytes + guard_bytes) + guard_bytes; }

 private:
  void release() noexcept {
    if (memory_ != nullptr) munmap(memory_, count_ * (stack_bytes + guard_bytes));
    memory_ = nullptr;
    count_ = 0;
  }

  char* memory_ = nullptr;
  unsigned count_ = 0;
};

}  // namespace heddle::inline v0::device::emulation
