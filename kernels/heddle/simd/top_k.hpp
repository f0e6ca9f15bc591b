/// @file
/// `select_top_k` by whole numbers: value and position become one 64-bit key, so that no two are equal and any sort is stable.
#pragma once

#include <algorithm>
#include <bit>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/select/top_k.hpp>

namespace heddle::inline v0 {

namespace detail {

/// Ascending keys are descending values, then ascending positions; NaN last. `Isa` keeps copies of different flags apart.
template <class Isa>
HEDDLE_ALWAYS_INLINE std::uint64_t descending_key(float value, std::size_t position) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value == 0.0F ? 0.0F : value);
  const std::uint32_t ascending = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  const std::uint32_t descending = value == value ? ~ascending : 0xffffffffU;
  return std::uint64_t{descending} << 32U | position;
}

}  // namespace detail

template <class Isa, class Executor>
struct kernel<op::top_k, simd_backend<Isa, Executor>> {
  static constexpr std::size_t worker_bytes(std::size_t columns) noexcept { return scratch_bytes<std::uint64_t>(columns); }

  static void row(arena memory, const float* values, std::size_t columns, std::int32_t* positions, std::size_t k,
                  top_k_order order) {
    auto* const keys = memory.take<std::uint64_t>(columns);
    for (std::size_t i = 0; i < columns; ++i) keys[i] = detail::descending_key<Isa>(values[i], i);
    if (k < columns) std::nth_element(keys, keys + k, keys + columns, ascending{});
    if (order == top_k_order::by_value) std::sort(keys, keys + k, ascending{});
    for (std::size_t i = 0; i < k; ++i) positions[i] = static_cast<std::int32_t>(keys[i] & 0xffffffffU);
    if (order == top_k_order::by_position) std::sort(positions, positions + k, ascending{});
  }

 private:
  /// A type of this kernel's own: the instances of the standard algorithms then belong to one instruction set.
  struct ascending {
    template <class T>
    bool operator()(T a, T b) const noexcept {
      return a < b;
    }
  };
};

}  // namespace heddle::inline v0
