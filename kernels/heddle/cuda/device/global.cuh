/// @file
/// Global memory: checked against the device's buffers when emulated. A vector moves with one instruction and must be
/// aligned to its size.
#pragma once

#include "shared.cuh"

namespace heddle::inline v0::device {

/// The value at `from`: any trivially copyable type, also one byte.
template <class T>
HEDDLE_DEVICE T load_global(const T* from HEDDLE_LINE) {
  static_assert(std::is_trivially_copyable_v<T>, "only plain data lies in global memory");
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().global("load_global", from, sizeof(T), alignof(T), false, line);
#endif
  return *from;
}

/// The same by the read-only path, for what no kernel writes while this one runs. 4, 8 or 16 bytes.
template <moved_at_once T>
HEDDLE_DEVICE T load_global_constant(const T* from HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().global("load_global_constant", from, sizeof(T), sizeof(T), false, line);
  return *from;
#else
  using bits = typename detail::bits_of<sizeof(T)>::type;
  return detail::same_bits<T>(__ldg(reinterpret_cast<const bits*>(from)));
#endif
}

/// `N` elements from `from` on with one load; `from` must be aligned to their bytes.
template <unsigned N, class T>
HEDDLE_DEVICE vector<T, N> load_vector(const T* from HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().global("load_vector", from, sizeof(T) * N, sizeof(T) * N, false, line);
#endif
  return *reinterpret_cast<const vector<T, N>*>(from);
}

/// Stores a value.
template <class T>
HEDDLE_DEVICE void store_global(T* to, std::type_identity_t<T> value HEDDLE_LINE) {
  static_assert(std::is_trivially_copyable_v<T>, "only plain data lies in global memory");
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().global("store_global", to, sizeof(T), alignof(T), true, line);
#endif
  *to = value;
}

/// Stores `N` elements from `to` on with one store; `to` must be aligned to their bytes. (Where a struct is assigned, the
/// compiler stores it in parts as soon as its elements come from different branches.)
template <class T, unsigned N>
HEDDLE_DEVICE void store_vector(T* to, const vector<T, N>& value HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().global("store_vector", to, sizeof(T) * N, sizeof(T) * N, true, line);
  *reinterpret_cast<vector<T, N>*>(to) = value;
#else
  constexpr std::size_t bytes = sizeof(T) * N;
  const auto bits = detail::same_bits<typename detail::bits_of<bytes>::type>(value);
  const auto address = __cvta_generic_to_global(to);
  if constexpr (bytes == 2) {
    asm volatile("st.global.u16 [%0], %1;" ::"l"(address), "h"(bits) : "memory");
  } else if constexpr (bytes == 4) {
    asm volatile("st.global.u32 [%0], %1;" ::"l"(address), "r"(bits) : "memory");
  } else if constexpr (bytes == 8) {
    asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(address), "r"(bits.x), "r"(bits.y) : "memory");
  } else {
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(address), "r"(bits.x), "r"(bits.y), "r"(bits.z), "r"(bits.w)
                 : "memory");
  }
#endif
}

/// Adds to an integer that other blocks add to as well, and returns what it was. Of floats there is no such function:
/// their sum would depend on the order.
template <class T>
  requires(std::is_same_v<T, int> || std::is_same_v<T, unsigned>)
HEDDLE_DEVICE T atomic_add(T* to, T value HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  emulation::machine::current().global("atomic_add", to, sizeof(T), sizeof(T), true, line);
  const T before = *to;
  *to = static_cast<T>(before + value);
  return before;
#else
  return atomicAdd(to, value);
#endif
}

}  // namespace heddle::inline v0::device
