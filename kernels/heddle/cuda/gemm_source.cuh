/// @file
/// Where the operands of matrix products come from: rows in several segments, read in place, and prepared weights.
#pragma once

#include "gemm_tile.cuh"

namespace heddle::inline v0 {

namespace device {

/// Elements of 16 bytes.
template <class T>
inline constexpr unsigned piece_elements = 16 / sizeof(T);

/// Rows whose inputs are the concatenation of segments (`segmented_rows` on the device).
///
/// A source of rows has: `row(r)`, what is remembered of a row (rows behind the last one are allowed); `at(k)`, where input
/// `k` of every row lies; and `find(row, place, from)`, the address of that input and how many more inputs of the row
/// follow it in memory, none where the input is a zero. `vectors` says that pieces of 16 bytes never straddle and are aligned.
template <class T>
struct row_source {
  using element = T;
  static constexpr unsigned most_segments = 32;
  struct segment {
    const T* data;
    std::int64_t row_stride;
    std::uint32_t end;  ///< inputs up to the end of this segment
  };
  segment segments[most_segments];
  std::uint32_t count = 0;
  bool vectors = true;
  std::int64_t rows = 0;

  struct row_state {
    std::int64_t row;
  };
  struct place {
    const T* data;
    std::int64_t row_stride;
    std::uint32_t left;
  };

  HEDDLE_DEVICE row_state row(std::int64_t r) const { return {r}; }
  HEDDLE_DEVICE place at(std::uint32_t k) const {
    std::uint32_t begin = 0;
    HEDDLE_DEVICE_NO_UNROLL
    for (std::uint32_t i = 0; i < count; ++i) {
      if (k < segments[i].end) return {segments[i].data + (k - begin), segments[i].row_stride, segments[i].end - k};
      begin = segments[i].end;
    }
    return {segments[0].data, 0, 0};  // zeros: behind the last input
  }
  HEDDLE_DEVICE std::uint32_t find(const row_state& r, const place& p, const T*& from) const {
    if (r.row >= rows) {
      from = p.data;
      return 0;
    }
    from = p.data + r.row * p.row_stride;
    return p.left;
  }
};

/// Enqueues the copy of inputs [k, k + piece) of a row to shared memory, zeros where there are none; `p` is `x.at(k)`.
template <class Source>
HEDDLE_DEVICE void copy_piece(const Source& x, shared_address to, const typename Source::row_state& row,
                              const typename Source::place& p, std::uint32_t k) {
  using element = typename Source::element;
  constexpr unsigned size = piece_elements<element>;
  const element* from;
  std::uint32_t left = x.find(row, p, from);
  if (x.vectors) {
    copy_async<16>(to, from, (left < size ? left : size) * static_cast<unsigned>(sizeof(element)));
    return;
  }
  std::uint32_t until = p.left;  // inputs up to the end of the place; `left` is 0 where all of them are zeros
  HEDDLE_DEVICE_NO_UNROLL
  for (unsigned e = 0; e < size; ++e) {
    if (until == 0) {
      const typename Source::place next = x.at(k + e);
      until = next.left;
      left = x.find(row, next, from);
    }
    if constexpr (sizeof(element) == 4) {
      copy_async<4>(to + 4 * e, from, left != 0 ? 4 : 0);
    } else {  // no copy of two bytes is asynchronous
      shared_store(to + static_cast<unsigned>(sizeof(element)) * e, left != 0 ? load_global(from) : element{});
    }
    if (left != 0) ++from;
    if (left != 0) --left;
    if (until != 0) --until;
  }
}

/// A weight matrix `[outputs, inputs]`, inputs padded with zeros to whole steps of the products, rows aligned to 16 bytes.
template <class T>
struct weight_source {
  using element = T;
  const T* data = nullptr;
  std::uint32_t outputs = 0;
  std::uint32_t pitch = 0;  ///< elements from one row to the next: the padded inputs

  HEDDLE_DEVICE void copy_piece(shared_address to, std::uint32_t output, std::uint32_t k) const {
    const bool inside = output < outputs;
    copy_async16(to, data + (inside ? static_cast<std::int64_t>(output) * pitch + k : 0), inside);
  }
};

}  // namespace device

}  // namespace heddle::inline v0
