/// @file
/// Sorting by a block: distinct keys of 64 bits in ascending order by a network of compare-exchanges, in shared memory as
/// far as they fit, the rest of the steps in global memory.
#pragma once

#include <bit>
#include <cstdint>

#include "rows.cuh"

namespace heddle::inline v0::device {

/// The most keys that a block sorts in shared memory.
inline constexpr std::uint64_t shared_keys = 4096;
/// Sorts behind all keys.
inline constexpr std::uint64_t no_key = ~std::uint64_t{0};

/// Keys that are sorted for `n` of them: a power of two, the rest `no_key`.
constexpr std::uint64_t sorted_keys(std::uint64_t n) noexcept { return std::bit_ceil(n); }
/// Shared memory of a sort.
constexpr std::size_t sort_shared_bytes(std::uint64_t n) noexcept {
  return (sorted_keys(n) < shared_keys ? sorted_keys(n) : shared_keys) * sizeof(std::uint64_t);
}
/// Keys in global memory that a sort needs; none where shared memory holds them.
constexpr std::uint64_t sort_global_keys(std::uint64_t n) noexcept { return n <= shared_keys ? 0 : sorted_keys(n); }

/// Keys in shared memory, or in global memory if they are many: one interface.
struct key_array {
  shared_view<std::uint64_t> close;
  std::uint64_t* far = nullptr;

  HEDDLE_DEVICE std::uint64_t load(std::uint64_t i) const {
    return far == nullptr ? close.load(static_cast<unsigned>(i)) : load_global(far + i);
  }
  HEDDLE_DEVICE void store(std::uint64_t i, std::uint64_t key) const {
    if (far == nullptr) {
      close.store(static_cast<unsigned>(i), key);
    } else {
      store_global(far + i, key);
    }
  }
};

/// Sorts `count` (a power of two) keys. All lanes call it after they wrote the keys; it begins and ends with `sync_block`.
template <unsigned Threads>
struct block_sort {
  static HEDDLE_DEVICE void run(const key_array& keys, std::uint64_t count) {
    sync_block();
    if (keys.far == nullptr) return up_to(keys.close, static_cast<unsigned>(count));
    constexpr auto chunk = static_cast<unsigned>(shared_keys);
    for (std::uint64_t first = 0; first < count; first += chunk) {
      load_chunk(keys, first);
      up_to(keys.close, chunk);
      store_chunk(keys, first);
    }
    for (std::uint64_t size = 2 * chunk; size <= count; size *= 2) {
      far_step(keys.far, count, size / 2, true);
      for (std::uint64_t stride = size / 4; stride >= chunk; stride /= 2) far_step(keys.far, count, stride, false);
      for (std::uint64_t first = 0; first < count; first += chunk) {
        load_chunk(keys, first);
        HEDDLE_DEVICE_NO_UNROLL
        for (unsigned stride = chunk / 2; stride != 0; stride /= 2) step(keys.close, chunk, stride, false);
        store_chunk(keys, first);
      }
    }
  }

 private:
  /// The whole network of `count` keys. Sorted halves are merged: the second is met from its end, then strides halve.
  static HEDDLE_DEVICE void up_to(const shared_view<std::uint64_t>& keys, unsigned count) {
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned size = 2; size <= count; size *= 2) {
      step(keys, count, size / 2, true);
      HEDDLE_DEVICE_NO_UNROLL
      for (unsigned stride = size / 4; stride != 0; stride /= 2) step(keys, count, stride, false);
    }
  }

  /// Pairs of keys `stride` apart, or mirrored in blocks of `2 stride`.
  static HEDDLE_DEVICE void step(const shared_view<std::uint64_t>& keys, unsigned count, unsigned stride, bool mirrored) {
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned pair = thread(); pair < count / 2; pair += Threads) {
      const unsigned in_half = pair & (stride - 1);
      const unsigned low = 2 * pair - in_half;
      const unsigned high = mirrored ? low + 2 * (stride - in_half) - 1 : low + stride;
      const std::uint64_t a = keys.load(low);
      const std::uint64_t b = keys.load(high);
      if (b < a) {
        keys.store(low, b);
        keys.store(high, a);
      }
    }
    sync_block();
  }

  static HEDDLE_DEVICE void far_step(std::uint64_t* keys, std::uint64_t count, std::uint64_t stride, bool mirrored) {
    HEDDLE_DEVICE_NO_UNROLL
    for (std::uint64_t pair = thread(); pair < count / 2; pair += Threads) {
      const std::uint64_t in_half = pair & (stride - 1);
      const std::uint64_t low = 2 * pair - in_half;
      const std::uint64_t high = mirrored ? low + 2 * (stride - in_half) - 1 : low + stride;
      const std::uint64_t a = load_global(keys + low);
      const std::uint64_t b = load_global(keys + high);
      if (b < a) {
        store_global(keys + low, b);
        store_global(keys + high, a);
      }
    }
    sync_block();
  }

  static HEDDLE_DEVICE void load_chunk(const key_array& keys, std::uint64_t first) {
    for (unsigned i = thread(); i < shared_keys; i += Threads) keys.close.store(i, load_global(keys.far + first + i));
    sync_block();
  }
  static HEDDLE_DEVICE void store_chunk(const key_array& keys, std::uint64_t first) {
    for (unsigned i = thread(); i < shared_keys; i += Threads) store_global(keys.far + first + i, keys.close.load(i));
    sync_block();
  }
};

/// Numbers the lanes of a block whose condition holds, in the order of the lanes, across several calls.
template <unsigned Threads>
class block_numbering {
  static constexpr unsigned warps = Threads / 32;
  shared_view<unsigned> counts_;
  std::uint64_t before_ = 0;

 public:
  static constexpr std::size_t shared_bytes = warps * sizeof(unsigned);

  explicit HEDDLE_DEVICE block_numbering(shared_address at) : counts_{at} {}

  /// How many conditions held in earlier calls and in lower lanes. All lanes call it.
  HEDDLE_DEVICE std::uint64_t number(bool condition) {
    const std::uint32_t mine = ballot(condition);
    if (lane() == 0) counts_.store(warp(), count_bits(mine));
    sync_block();
    std::uint64_t result = before_ + count_bits(mine & ((1U << lane()) - 1));
    HEDDLE_DEVICE_UNROLL
    for (unsigned w = 0; w < warps; ++w) {
      const unsigned count = counts_.load(w);
      before_ += count;
      if (w < warp()) result += count;
    }
    sync_block();
    return result;
  }

  HEDDLE_DEVICE std::uint64_t total() const { return before_; }
};

}  // namespace heddle::inline v0::device
