/// @file
/// Rows of a small problem on their way into shared memory and back, through the index map.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_short_layout.cuh>
#include <heddle/cuda/device/device.cuh>

namespace heddle::inline v0::detail {

/// The rows of one batch item and head: token `i` lies `i * step` elements behind `data`.
template <class T>
struct row_source {
  T* data;
  std::size_t step;

  HEDDLE_DEVICE T* row(std::int32_t token) const { return data + static_cast<std::size_t>(token) * step; }
};

/// Every row of a view begins at a multiple of `Bytes`.
template <unsigned Bytes, class View>
bool rows_begin_at(const View& v) noexcept {
  constexpr std::size_t elements = Bytes / sizeof(typename View::value_type);
  bool ok = reinterpret_cast<std::uintptr_t>(v.data_handle()) % Bytes == 0;
  for (std::size_t axis = 0; axis < 3; ++axis) ok = ok && (v.extent(axis) <= 1 || v.stride(axis) % elements == 0);
  return ok;
}

/// Copies between rows in memory and rows in shared memory.
template <class Layout>
struct short_stage {
  using value_type = typename Layout::value_type;
  using output_type = typename Layout::output_type;

  /// Puts rows `[0, rows)` at `to`, `Threads` threads together: row `i` is that of `tokens[i]`, zeros where it is below 0.
  /// Copies may still be under way on return. `whole`: views are aligned for the largest copies.
  template <unsigned Threads>
  static HEDDLE_DEVICE void load(device::shared_address to, device::shared_address tokens, unsigned rows,
                                 const row_source<const value_type>& from, unsigned thread, bool whole) {
    constexpr unsigned copies = Layout::copies_per_row;
    constexpr unsigned together = Threads >= copies ? Threads / copies : 1;  // rows of one pass
    const device::shared_view<std::int32_t> token_of{tokens};
    for (unsigned i = thread; i < together * copies; i += Threads) {
      const unsigned piece = i % copies;
      for (unsigned r = i / copies; r < rows; r += together) {
        const std::int32_t token = token_of.load(r);
        copy_piece(to + r * Layout::row_bytes, token < 0 ? from.data : from.row(token), piece, token >= 0, whole);
      }
    }
  }

  /// Writes rows `[0, rows)` of a warp's outputs from shared memory; rows of tokens below 0 are left out.
  static HEDDLE_DEVICE void store(device::shared_address from, device::shared_address tokens, unsigned rows,
                                  const row_source<output_type>& to, bool whole) {
    constexpr unsigned copies = Layout::out_copies_per_row;
    constexpr unsigned elements = Layout::out_copy_bytes / sizeof(output_type);
    const device::shared_view<std::int32_t> token_of{tokens};
    for (unsigned i = device::lane(); i < rows * copies; i += 32U) {
      const unsigned r = i / copies;
      const unsigned first = i % copies * elements;
      const std::int32_t token = token_of.load(r);
      if (token < 0) continue;
      output_type* out = to.row(token) + first;
      const device::shared_address at = from + r * Layout::out_bytes + first * static_cast<unsigned>(sizeof(output_type));
      if constexpr (Layout::out_copy_bytes >= 4) {
        if (whole) {
          using words = device::vector<std::uint32_t, Layout::out_copy_bytes / 4>;
          device::store_global(reinterpret_cast<words*>(out), device::shared_view<words>{at}.load(0));
          continue;
        }
      }
      for (unsigned e = 0; e < elements; ++e) device::store_global(out + e, device::shared_view<output_type>{at}.load(e));
    }
  }

  /// Copies one piece of a row, or zeros if `!valid` and behind the last element.
  static HEDDLE_DEVICE void copy_piece(device::shared_address row, const value_type* from, unsigned piece, bool valid,
                                       bool whole) {
    constexpr unsigned elements = Layout::copy_bytes / sizeof(value_type);
    const device::shared_address to = row + piece * Layout::copy_bytes;
    valid = valid && piece * elements < Layout::head_dim;
    if (valid) from += piece * elements;
    if constexpr (Layout::copy_bytes >= 4) {
      if (whole) {
        device::copy_async<Layout::copy_bytes>(to, from, valid ? Layout::copy_bytes : 0U);
        return;
      }
    }
    for (unsigned e = 0; e < elements; ++e)
      device::shared_view<value_type>{to}.store(e, valid ? device::load_global(from + e) : value_type{});
  }
};

}  // namespace heddle::inline v0::detail
