/// @file
/// Exchange among the lanes of a warp. All 32 lanes must call together. None of these orders memory: `sync_warp` does.
#pragma once

#include <bit>
#include <type_traits>

#include "place.cuh"

namespace heddle::inline v0::device {

#if HEDDLE_CUDA_EMULATED
namespace detail {

template <class T>
struct shuffle_operands {
  T value;
  T result;
  unsigned from;
};

template <class T>
T shuffle(const char* function, T value, unsigned from, emulation::source_line line) {
  shuffle_operands<T> mine{value, value, from % 32};
  emulation::machine::current().warp_together(function, sizeof(T), line, mine, [](shuffle_operands<T>* const* lanes) {
    for (unsigned i = 0; i < 32; ++i) lanes[i]->result = lanes[lanes[i]->from]->value;
  });
  return mine.result;
}

struct vote_operands {
  bool value;
  std::uint32_t result;
};

inline std::uint32_t vote(const char* function, bool value, emulation::source_line line) {
  vote_operands mine{value, 0};
  emulation::machine::current().warp_together(function, 0, line, mine, [](vote_operands* const* lanes) {
    std::uint32_t all = 0;
    for (unsigned i = 0; i < 32; ++i) all |= static_cast<std::uint32_t>(lanes[i]->value) << i;
    for (unsigned i = 0; i < 32; ++i) lanes[i]->result = all;
  });
  return mine.result;
}

}  // namespace detail
#endif

/// Numbers that move between lanes: 4 or 8 bytes.
template <class T>
concept shuffled = std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8);

/// The value of the lane whose number differs in the bits of `mask`.
template <shuffled T>
HEDDLE_DEVICE T shuffle_xor(T value, unsigned mask HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::shuffle("shuffle_xor", value, lane() ^ mask, line);
#else
  return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask));
#endif
}

/// The value of lane `from` (modulo 32).
template <shuffled T>
HEDDLE_DEVICE T shuffle(T value, unsigned from HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::shuffle("shuffle", value, from, line);
#else
  return __shfl_sync(0xffffffffu, value, static_cast<int>(from));
#endif
}

/// The value of the lane `distance` below; the lowest lanes keep theirs.
template <shuffled T>
HEDDLE_DEVICE T shuffle_up(T value, unsigned distance HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::shuffle("shuffle_up", value, lane() >= distance ? lane() - distance : lane(), line);
#else
  return __shfl_up_sync(0xffffffffu, value, distance);
#endif
}

/// The value of the lane `distance` above; the highest lanes keep theirs.
template <shuffled T>
HEDDLE_DEVICE T shuffle_down(T value, unsigned distance HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::shuffle("shuffle_down", value, lane() + distance < 32 ? lane() + distance : lane(), line);
#else
  return __shfl_down_sync(0xffffffffu, value, distance);
#endif
}

/// Bit i is the condition of lane i.
HEDDLE_DEVICE std::uint32_t ballot(bool condition HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::vote("ballot", condition, line);
#else
  return __ballot_sync(0xffffffffu, condition);
#endif
}

HEDDLE_DEVICE bool vote_any(bool condition HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::vote("vote_any", condition, line) != 0;
#else
  return __any_sync(0xffffffffu, condition) != 0;
#endif
}

HEDDLE_DEVICE bool vote_all(bool condition HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return detail::vote("vote_all", condition, line) == 0xffffffffu;
#else
  return __all_sync(0xffffffffu, condition) != 0;
#endif
}

/// How many bits are set: of a ballot, how many lanes.
HEDDLE_DEVICE unsigned count_bits(std::uint32_t bits) {
#if HEDDLE_CUDA_EMULATED
  return static_cast<unsigned>(std::popcount(bits));
#else
  return static_cast<unsigned>(__popc(bits));
#endif
}

/// The sum over groups of `Lanes` neighbouring lanes (a power of two), the same in each of them.
template <unsigned Lanes = warp_size, shuffled T>
HEDDLE_DEVICE T warp_sum(T value HEDDLE_LINE) {
  static_assert(Lanes <= warp_size && (Lanes & (Lanes - 1)) == 0, "lanes of a warp, a power of two");
  HEDDLE_DEVICE_UNROLL
  for (unsigned mask = Lanes / 2; mask != 0; mask /= 2) {
#if HEDDLE_CUDA_EMULATED
    value += shuffle_xor(value, mask, line);
#else
    value += shuffle_xor(value, mask);
#endif
  }
  return value;
}

/// The largest over groups of `Lanes` neighbouring lanes, the same in each of them.
template <unsigned Lanes = warp_size, shuffled T>
HEDDLE_DEVICE T warp_max(T value HEDDLE_LINE) {
  static_assert(Lanes <= warp_size && (Lanes & (Lanes - 1)) == 0, "lanes of a warp, a power of two");
  HEDDLE_DEVICE_UNROLL
  for (unsigned mask = Lanes / 2; mask != 0; mask /= 2) {
#if HEDDLE_CUDA_EMULATED
    const T other = shuffle_xor(value, mask, line);
#else
    const T other = shuffle_xor(value, mask);
#endif
    value = other > value ? other : value;
  }
  return value;
}

}  // namespace heddle::inline v0::device
