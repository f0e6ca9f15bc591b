/// @file
/// The tiles of AMX-BF16 behind one object: whoever makes an `amx_session` may use tiles on this thread until it is gone.
#pragma once

#include "tile_emulation.hpp"

#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__AVX512BF16__) && defined(__linux__) && defined(__x86_64__)
#define HEDDLE_HAS_AMX 1
#include <sys/syscall.h>
#include <unistd.h>
#else
#define HEDDLE_HAS_AMX 0
#endif

namespace heddle::inline v0::detail {

#if HEDDLE_HAS_AMX

/// Linux saves the tiles of a process only after it has asked for them. The answer is the same for the whole process.
inline bool amx_granted() noexcept {
  static const bool granted = [] {
    constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
    constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
    return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  }();
  return granted;
}

/// The tile registers of this thread, while an `amx_session` of it exists.
class amx_registers {
 public:
  template <int T>
  HEDDLE_ALWAYS_INLINE void zero() noexcept {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  HEDDLE_ALWAYS_INLINE void load(const void* p, std::size_t pitch) noexcept {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(pitch), "i"(T) : "memory");
  }
  /// The same for data that is not read again soon: it need not displace what is. 15 to 25 % of a product on Sapphire Rapids.
  template <int T>
  HEDDLE_ALWAYS_INLINE void load_once(const void* p, std::size_t pitch) noexcept {
    asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(pitch), "i"(T) : "memory");
  }
  template <int T>
  HEDDLE_ALWAYS_INLINE void store(void* p, std::size_t pitch) const noexcept {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(pitch), "i"(T) : "memory");
  }
  template <int C, int A, int B>
  HEDDLE_ALWAYS_INLINE void dot() noexcept {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};

/// Configures the tiles of this thread when made (all of 16 rows of 64 bytes), and releases them at its end, so that
/// nothing is left behind for the thread's other work and for the switching of threads: 80 ns together on Sapphire Rapids.
/// Only where `available()`. Tiles are scratch registers of a call, like vector registers.
class amx_session {
  struct configuration {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static_assert(sizeof(configuration) == 64);

 public:
  HEDDLE_ALWAYS_INLINE amx_session() noexcept {
    alignas(64) const configuration c;
    asm volatile("ldtilecfg %0" : : "m"(c));
  }
  HEDDLE_ALWAYS_INLINE ~amx_session() { asm volatile("tilerelease" : : : "memory"); }
  amx_session(const amx_session&) = delete;
  amx_session& operator=(const amx_session&) = delete;
};

/// Both in one.
class amx_tiles : amx_session, public amx_registers {
 public:
  static bool available() noexcept { return amx_granted(); }
};

#endif

}  // namespace heddle::inline v0::detail
