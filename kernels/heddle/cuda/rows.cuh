/// @file
/// How blocks of threads lie on rows of floats: neighbouring threads take neighbouring vectors of 16 bytes, where the memory
/// allows it, and several short rows share a block.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/core/view.hpp>
#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/math.cuh>
#include <heddle/cuda/device/shared.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/warp.cuh>
#include <heddle/cuda/launch.cuh>
#include <heddle/cuda/runtime/pointers.hpp>

namespace heddle::inline v0::device {

/// `V` neighbouring floats, moved by one access.
template <unsigned V>
using floats = vector<float, V>;

template <unsigned V>
HEDDLE_DEVICE floats<V> load_floats(const float* from HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  return load_vector<V>(from, line);
#else
  return load_vector<V>(from);
#endif
}
template <unsigned V>
HEDDLE_DEVICE void store_floats(float* to, const floats<V>& value HEDDLE_LINE) {
#if HEDDLE_CUDA_EMULATED
  store_vector(to, value, line);
#else
  store_vector(to, value);
#endif
}
template <unsigned V>
HEDDLE_DEVICE floats<V> same_floats(float value) {
  floats<V> all;
  HEDDLE_DEVICE_UNROLL
  for (unsigned i = 0; i < V; ++i) all[i] = value;
  return all;
}

/// The largest grid of a launch; what is more goes around in a loop.
inline constexpr std::uint64_t largest_grid = 0x7fffffffU;

inline unsigned grid_of(std::uint64_t blocks) noexcept {
  return static_cast<unsigned>(blocks < largest_grid ? blocks : largest_grid);
}

/// Whether rows that begin at `p`, `stride` elements apart, can be read 16 bytes at a time. One row has no stride.
inline bool rows_of_vectors(const void* p, std::size_t stride, std::size_t rows) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % 16 == 0 && (rows <= 1 || stride % 4 == 0);
}
inline bool rows_of_vectors(const matrix_view<const float>& m) noexcept {
  return m.extent(1) % 4 == 0 && rows_of_vectors(m.data_handle(), m.stride(0), m.extent(0));
}

/// Whether the rows of a matrix follow each other without a gap.
inline bool rows_without_gaps(const matrix_view<const float>& m) noexcept {
  return m.extent(0) <= 1 || m.stride(0) == m.extent(1);
}

/// Tiles of `Threads` vectors on a matrix of `rows` x `vectors`. A tile is `1 << lanes_log2` vectors wide.
template <unsigned Threads>
struct row_tiling {
  std::uint64_t rows = 0;
  std::uint64_t vectors = 0;
  std::uint64_t column_tiles = 1;
  std::uint64_t tiles = 0;
  unsigned lanes_log2 = 0;

  row_tiling() = default;
  row_tiling(std::uint64_t r, std::uint64_t v) noexcept : rows(r), vectors(v) {
    while ((1U << lanes_log2) < Threads && (std::uint64_t{1} << lanes_log2) < v) ++lanes_log2;
    column_tiles = ((v - 1) >> lanes_log2) + 1;
    tiles = (((r - 1) >> lines_log2()) + 1) * column_tiles;
  }

  unsigned grid() const noexcept { return grid_of(tiles); }

  /// Calls `f(row, vector)` for every vector of this thread.
  template <class F>
  HEDDLE_DEVICE void for_each(F f) const {
    const std::uint64_t lane = thread() & ((1U << lanes_log2) - 1);
    const std::uint64_t line = thread() >> lanes_log2;
    for (std::uint64_t tile = block_index(); tile < tiles; tile += grid_size()) {
      const std::uint64_t row_tile = column_tiles == 1 ? tile : tile / column_tiles;
      const std::uint64_t row = (row_tile << lines_log2()) + line;
      const std::uint64_t vector = ((tile - row_tile * column_tiles) << lanes_log2) + lane;
      if (row < rows && vector < vectors) f(row, vector);
    }
  }

 private:
  static constexpr unsigned threads_log2() noexcept {
    unsigned n = 0;
    while ((1U << n) < Threads) ++n;
    return n;
  }
  HEDDLE_HOST_DEVICE constexpr unsigned lines_log2() const noexcept { return threads_log2() - lanes_log2; }
};

}  // namespace heddle::inline v0::device
