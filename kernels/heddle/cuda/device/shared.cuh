/// @file
/// Shared memory by address: numbers and vectors of 2 to 16 bytes, aligned to their size.
#pragma once

#include <cstring>
#include <type_traits>

#include "place.cuh"

namespace heddle::inline v0::device {

/// What one load or store moves.
template <class T>
concept moved_at_once =
    std::is_trivially_copyable_v<T> && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);

#if !HEDDLE_CUDA_EMULATED
namespace detail {
extern __shared__ __align__(1024) unsigned char shared_memory[];

template <std::size_t Bytes>
struct bits_of;
template <>
struct bits_of<2> {
  using type = unsigned short;
};
template <>
struct bits_of<4> {
  using type = unsigned;
};
template <>
struct bits_of<8> {
  using type = uint2;
};
template <>
struct bits_of<16> {
  using type = uint4;
};

/// The same bytes as another type; std::bit_cast wants a constexpr default, this only a register move.
template <class To, class From>
HEDDLE_DEVICE To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}
}  // namespace detail
#endif

/// Where the block's shared memory begins: aligned to 1024 bytes, its size given at the launch.
HEDDLE_DEVICE shared_address shared_base() {
#if HEDDLE_CUDA_EMULATED
  return emulation::shared_begin;
#else
  return static_cast<shared_address>(__cvta_generic_to_shared(detail::shared_memory));
#endif
}

/// The value at an address.
template <moved_at_once T>
HEDDLE_DEVICE T shared_load(shared_address address HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  auto& m = emulation::machine::current();
  T value;
  std::memcpy(&value, m.read("shared_load", address, sizeof(T), m.lane().thread, line), sizeof(T));
  return value;
#else
  typename detail::bits_of<sizeof(T)>::type bits;
  if constexpr (sizeof(T) == 2) {
    asm volatile("ld.shared.u16 %0, [%1];" : "=h"(bits) : "r"(address) : "memory");
  } else if constexpr (sizeof(T) == 4) {
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(bits) : "r"(address) : "memory");
  } else if constexpr (sizeof(T) == 8) {
    asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(bits.x), "=r"(bits.y) : "r"(address) : "memory");
  } else {
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
                 : "r"(address)
                 : "memory");
  }
  return detail::same_bits<T>(bits);
#endif
}

/// Stores a value at an address.
template <moved_at_once T>
HEDDLE_DEVICE void shared_store(shared_address address, T value HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  std::memcpy(emulation::machine::current().write("shared_store", address, sizeof(T), line), &value, sizeof(T));
#else
  const auto bits = detail::same_bits<typename detail::bits_of<sizeof(T)>::type>(value);
  if constexpr (sizeof(T) == 2) {
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(address), "h"(bits) : "memory");
  } else if constexpr (sizeof(T) == 4) {
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(bits) : "memory");
  } else if constexpr (sizeof(T) == 8) {
    asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(address), "r"(bits.x), "r"(bits.y) : "memory");
  } else {
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(bits.x), "r"(bits.y), "r"(bits.z), "r"(bits.w)
                 : "memory");
  }
#endif
}

/// An array of `T` in shared memory.
template <moved_at_once T>
struct shared_view {
  shared_address base;

  HEDDLE_DEVICE shared_address at(unsigned i) const { return base + i * static_cast<unsigned>(sizeof(T)); }
  HEDDLE_DEVICE T load(unsigned i HEDDLE_LINE) const {
#if HEDDLE_CUDA_EMULATED
    return shared_load<T>(at(i), line);
#else
    return shared_load<T>(at(i));
#endif
  }
  HEDDLE_DEVICE void store(unsigned i, T value HEDDLE_LINE) const {
#if HEDDLE_CUDA_EMULATED
    shared_store<T>(at(i), value, line);
#else
    shared_store<T>(at(i), value);
#endif
  }
};

}  // namespace heddle::inline v0::device
