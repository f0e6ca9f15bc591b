/// @file
/// Rows of queries, keys and values on their way into the shared memory of a streaming block, and outputs on their way back.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_flaws.cuh>
#include <heddle/cuda/attend_parameters.cuh>
#include <heddle/cuda/attend_stream_layout.cuh>

namespace heddle::inline v0::detail {

/// Copies by all threads of a block. `whole_vectors`: every row is a multiple of 16 bytes and begins at one.
template <class Layout>
struct stream_rows {
  using T = typename Layout::value_type;
  using element = flaws<T>;
  static constexpr unsigned per_vector = 16 / sizeof(T);

  unsigned dim;
  bool whole_vectors;
  const T* readable;  ///< any row: where copies of zeros pretend to read

  /// Row `r` of `Rows` is the one that `row(r)` points to; zeros behind its end, and where it is null. Copies may be under way
  /// on return. True if a value is known to be a flaw; of copies under way nothing is known.
  template <unsigned Rows, class RowOf>
  HEDDLE_DEVICE bool load(device::shared_address to, const RowOf& row) const {
    if (whole_vectors) {
      const unsigned vectors = dim / per_vector;
      each_vector<Rows>([&](unsigned r, unsigned vector) {
        const T* const from = row(r);
        const bool there = from != nullptr && vector < vectors;
        device::copy_async16(to + r * Layout::row_bytes + vector * 16U, there ? from + vector * per_vector : readable, there);
      });
      return false;
    }
    bool flawed = false;
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned i = device::thread(); i < Rows * Layout::dim; i += Layout::threads) {
      const unsigned r = i / Layout::dim;
      const unsigned d = i % Layout::dim;
      const T* const from = d < dim ? row(r) : nullptr;
      const T x = from != nullptr ? device::load_global(from + d) : T{};
      flawed = flawed || !(device::to_float(x) - device::to_float(x) == 0.0F);
      device::shared_store(to + r * Layout::row_bytes + d * static_cast<unsigned>(sizeof(T)), x);
    }
    return flawed;
  }

  /// The same of rows that a policy changes first, one row to a thread: `change(float* copy, r)`. Nothing is under way on return.
  template <unsigned Rows, class RowOf, class Change>
  HEDDLE_DEVICE void load_changed(device::shared_address to, const RowOf& row, const Change& change) const {
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned r = device::thread(); r < Rows; r += Layout::threads) {
      float copy[Layout::dim];
      const T* const from = row(r);
      for (unsigned d = 0; d < Layout::dim; ++d)
        copy[d] = from != nullptr && d < dim ? device::to_float(device::load_global(from + d)) : 0.0F;
      if (from != nullptr) change(copy, r);
      for (unsigned i = 0; i < Layout::vectors_per_row; ++i) {
        device::vector<T, per_vector> v;
        HEDDLE_DEVICE_UNROLL
        for (unsigned j = 0; j < per_vector; ++j) v[j] = device::round_to<T>(copy[i * per_vector + j]);
        device::shared_store(to + r * Layout::row_bytes + i * 16U, v);
      }
    }
  }

  /// Whether what this thread copied, and waited for, holds a flaw.
  template <unsigned Rows>
  HEDDLE_DEVICE bool flawed(device::shared_address at) const {
    if (!whole_vectors) return false;  // seen by `load`
    bool any = false;
    each_vector<Rows>([&](unsigned r, unsigned vector) {
      const auto v = device::shared_load<device::vector<std::uint32_t, 4>>(at + r * Layout::row_bytes + vector * 16U);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) any = any || element::any(v[i]);
    });
    return any;
  }

 private:
  /// `f(row, vector)` for the vectors of this thread.
  template <unsigned Rows, class F>
  static HEDDLE_DEVICE void each_vector(const F& f) {
    constexpr unsigned all = Rows * Layout::vectors_per_row;
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < (all + Layout::threads - 1) / Layout::threads; ++i) {
      const unsigned at = i * Layout::threads + device::thread();
      if (all % Layout::threads == 0 || at < all) f(at / Layout::vectors_per_row, at % Layout::vectors_per_row);
    }
  }
};

}  // namespace heddle::inline v0::detail
