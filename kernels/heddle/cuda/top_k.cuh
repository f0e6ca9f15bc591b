/// @file
/// `select_top_k` on a device: a block sorts a row. Value and position become one key of 64 bits, so that no two are equal and
/// the order is that of the definition.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/select/top_k.hpp>

#include "sort.cuh"

namespace heddle::inline v0 {

namespace device {

/// Ascending keys are descending values, then ascending positions; what is not a number comes last.
HEDDLE_DEVICE std::uint64_t descending_key(float value, std::uint64_t position) {
  const auto bits = std::bit_cast<std::uint32_t>(value == 0.0F ? 0.0F : value);
  const std::uint32_t ascending = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  const std::uint32_t descending = value == value ? ~ascending : 0xffffffffU;
  return std::uint64_t{descending} << 32U | position;
}

struct select_rows {
  static constexpr unsigned threads = 256;
  const float* values;
  std::uint64_t value_stride;
  std::int32_t* positions;
  std::uint64_t position_stride;
  std::uint64_t rows, columns, kept;
  std::uint64_t* keys;  ///< in global memory; null: the row's fit shared memory
  bool by_position;

  std::size_t shared_bytes() const noexcept { return sort_shared_bytes(columns) + block_numbering<threads>::shared_bytes; }

  HEDDLE_DEVICE void operator()() const {
    const std::uint64_t count = sorted_keys_of(columns);
    const key_array sorted{{shared_base()}, keys};
    for (std::uint64_t row = block_index(); row < rows; row += grid_size()) {
      const float* const from = values + row * value_stride;
      std::int32_t* const to = positions + row * position_stride;
      for (std::uint64_t i = thread(); i < count; i += threads)
        sorted.store(i, i < columns ? descending_key(load_global(from + i), i) : no_key);
      block_sort<threads>::run(sorted, count);
      if (by_position) {
        keep_in_place(sorted.load(kept - 1), from, to);
      } else {
        for (std::uint64_t i = thread(); i < kept; i += threads)
          store_global(to + i, static_cast<std::int32_t>(sorted.load(i) & 0xffffffffU));
      }
      sync_block();
    }
  }

 private:
  static HEDDLE_DEVICE std::uint64_t sorted_keys_of(std::uint64_t n) {
    std::uint64_t count = 1;
    while (count < n) count *= 2;
    return count;
  }

  /// The positions of all keys up to the last that is kept.
  HEDDLE_DEVICE void keep_in_place(std::uint64_t last, const float* from, std::int32_t* to) const {
    block_numbering<threads> numbers(shared_base() + static_cast<shared_address>(shared_after_keys()));
    for (std::uint64_t first = 0; first < columns; first += threads) {
      const std::uint64_t i = first + thread();
      const bool selected = i < columns && descending_key(load_global(from + i), i) <= last;
      const std::uint64_t number = numbers.number(selected);
      if (selected) store_global(to + number, static_cast<std::int32_t>(i));
    }
  }
  HEDDLE_DEVICE std::uint64_t shared_after_keys() const {
    const std::uint64_t count = sorted_keys_of(columns);
    return (count < shared_keys ? count : shared_keys) * sizeof(std::uint64_t);
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::top_k, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  /// Keys of rows that do not fit shared memory: such rows follow each other, shorter ones are sorted at the same time.
  static constexpr std::size_t worker_bytes(std::size_t columns) noexcept {
    return scratch_bytes<std::uint64_t>(device::sort_global_keys(columns));
  }

  static void all(context<backend_type> ctx, const matrix_view<const float>& values, const matrix_view<std::int32_t>& positions,
                  top_k_order order) {
    device::require_device_pointer("select_top_k", "values", values.data_handle());
    device::require_device_pointer("select_top_k", "positions", positions.data_handle());
    const std::size_t columns = values.extent(1);
    const std::uint64_t keys = device::sort_global_keys(columns);
    std::uint64_t* const memory = keys == 0 ? nullptr : ctx.scratch.template take<std::uint64_t>(keys);
    const device::select_rows f{values.data_handle(), values.stride(0), positions.data_handle(),
                                positions.stride(0),  values.extent(0), columns,
                                positions.extent(1),  memory,           order == top_k_order::by_position};
    // One block where there is one set of keys.
    device::launch(ctx.backend.stream, memory == nullptr ? device::grid_of(f.rows) : 1, f.shared_bytes(), f);
  }
};

}  // namespace heddle::inline v0
