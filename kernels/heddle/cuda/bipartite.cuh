/// @file
/// `match_bipartite` on a device, with the numbers and the order of additions of its definition, so that near ties fall the
/// same way: unit rows in double precision, tiles of 32 sources and 64 destinations, the destinations shared out among blocks.
#pragma once

#include <cmath>

#include <heddle/backend/tags.hpp>
#include <heddle/core/math.hpp>
#include <heddle/primitive/select/bipartite.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// Unit rows of sources, then of destinations, a warp for each.
struct unit_rows {
  static constexpr unsigned threads = 128;
  const float* rows;
  std::uint64_t stride, row_count, dims, groups, group_stride;
  const std::int32_t* sources;
  const std::int32_t* destinations;
  std::uint64_t source_count, count;  ///< count: of both
  double* to;

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t i = std::uint64_t{block_index()} * (threads / 32) + warp(); i < count;
         i += std::uint64_t{grid_size()} * (threads / 32)) {
      const std::int32_t position =
          i < source_count ? load_global(sources + i) : load_global(destinations + (i - source_count));
      const bool inside = position >= 0 && static_cast<std::uint64_t>(position) < row_count;
      one_row(inside ? rows + static_cast<std::uint64_t>(position) * stride : nullptr, to + i * dims);
    }
  }

 private:
  HEDDLE_DEVICE void one_row(const float* from, double* row) const {
    double squares = 0.0;
    for (std::uint64_t first = 0; first < dims; first += 32) {
      const std::uint64_t c = first + lane();
      const double value = from != nullptr && c < dims ? mean(from + c) : 0.0;
      const double square = math::product(value, value);
      const auto last = static_cast<unsigned>(dims - first < 32 ? dims - first : 32);
      for (unsigned l = 0; l < last; ++l) squares += shuffle(square, l);
      if (c < dims) store_global(row + c, value);
    }
    const double norm = std::sqrt(squares);
    for (std::uint64_t c = lane(); c < dims; c += 32) store_global(row + c, norm == 0.0 ? 0.0 : load_global(row + c) / norm);
  }

  HEDDLE_DEVICE double mean(const float* from) const {
    double sum = 0.0;
    for (std::uint64_t g = 0; g < groups; ++g) sum += static_cast<double>(load_global(from + g * group_stride));
    return sum / static_cast<double>(groups);
  }
};

/// The most similar of a part of the destinations.
struct alignas(16) best_match {
  double similarity;
  std::int64_t index;  ///< -1: none
};

struct match_tiles {
  static constexpr unsigned threads = 256;
  static constexpr unsigned tile_sources = 32;
  static constexpr unsigned tile_destinations = 64;
  static constexpr unsigned depth = 16;  ///< dimensions at a time
  static constexpr unsigned a_pitch = tile_sources + 1;
  static constexpr unsigned b_pitch = tile_destinations + 1;
  static constexpr std::size_t shared_bytes = depth * (a_pitch + b_pitch) * sizeof(double);
  const double* a;  ///< `[sources, dims]`
  const double* b;  ///< `[destinations, dims]`
  std::uint64_t sources, destinations, dims;
  std::uint64_t parts, tiles_per_part;
  best_match* best;  ///< `[sources, parts]`

  HEDDLE_HOST_DEVICE std::uint64_t source_tiles() const { return (sources - 1) / tile_sources + 1; }

  HEDDLE_DEVICE void operator()() const {
    const std::uint64_t blocks = source_tiles() * parts;
    for (std::uint64_t block = block_index(); block < blocks; block += grid_size()) {
      const std::uint64_t tile = block / parts;
      part_of(tile * tile_sources, block - tile * parts);
    }
  }

 private:
  HEDDLE_DEVICE void part_of(std::uint64_t first, std::uint64_t part) const {
    best_match mine[2] = {{-__builtin_inf(), -1}, {-__builtin_inf(), -1}};
    for (std::uint64_t t = part * tiles_per_part; t < (part + 1) * tiles_per_part && t * tile_destinations < destinations;
         ++t) {
      double sum[2][4] = {};
      products(first, t * tile_destinations, sum);
      HEDDLE_DEVICE_UNROLL
      for (unsigned j = 0; j < 4; ++j) {
        const std::uint64_t at = t * tile_destinations + column() + 16 * j;
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 2; ++i)
          if (at < destinations && sum[i][j] > mine[i].similarity) mine[i] = {sum[i][j], static_cast<std::int64_t>(at)};
      }
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 2; ++i) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned mask = 8; mask != 0; mask /= 2) {
        const best_match other{shuffle_xor(mine[i].similarity, mask), shuffle_xor(mine[i].index, mask)};
        const bool earlier =
            other.similarity == mine[i].similarity && other.index >= 0 && (mine[i].index < 0 || other.index < mine[i].index);
        if (other.similarity > mine[i].similarity || earlier) mine[i] = other;
      }
      const std::uint64_t source = first + 2 * line() + i;
      if (column() == 0 && source < sources) store_global(best + source * parts + part, mine[i]);
    }
  }

  static HEDDLE_DEVICE unsigned line() { return thread() / 16; }
  static HEDDLE_DEVICE unsigned column() { return thread() % 16; }

  /// Of two sources with four destinations, one dimension after the other; products are rounded before they are added.
  HEDDLE_DEVICE void products(std::uint64_t source, std::uint64_t destination, double (&sum)[2][4]) const {
    const shared_view<double> close_a{shared_base()};
    const shared_view<double> close_b{shared_base() + depth * a_pitch * static_cast<shared_address>(sizeof(double))};
    for (std::uint64_t first = 0; first < dims; first += depth) {
      load(close_a, a_pitch, tile_sources, a, sources, source, first);
      load(close_b, b_pitch, tile_destinations, b, destinations, destination, first);
      sync_block();
      const auto last = static_cast<unsigned>(dims - first < depth ? dims - first : depth);
      HEDDLE_DEVICE_NO_UNROLL
      for (unsigned k = 0; k < last; ++k) {
        const double left[2] = {close_a.load(k * a_pitch + 2 * line()), close_a.load(k * a_pitch + 2 * line() + 1)};
        HEDDLE_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) {
          const double right = close_b.load(k * b_pitch + column() + 16 * j);
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 0; i < 2; ++i) sum[i][j] += math::product(left[i], right);
        }
      }
      sync_block();
    }
  }

  /// `[depth, rows]` of a tile, transposed; zeros beyond the rows and dimensions.
  HEDDLE_DEVICE void load(const shared_view<double>& close, unsigned pitch, unsigned rows, const double* from,
                          std::uint64_t row_count, std::uint64_t row, std::uint64_t dim) const {
    for (unsigned i = thread(); i < rows * depth; i += threads) {
      const unsigned k = i % depth;
      const unsigned r = i / depth;
      const bool inside = row + r < row_count && dim + k < dims;
      close.store(k * pitch + r, inside ? load_global(from + (row + r) * dims + dim + k) : 0.0);
    }
  }
};

/// The best of all parts; the first of equal ones.
struct finish_matches {
  static constexpr unsigned threads = 128;
  const best_match* parts;
  std::uint64_t part_count, sources;
  std::int32_t* best;
  float* similarity;

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t i = std::uint64_t{block_index()} * threads + thread(); i < sources;
         i += std::uint64_t{grid_size()} * threads) {
      best_match found{-__builtin_inf(), -1};
      for (std::uint64_t p = 0; p < part_count; ++p) {
        const best_match part = load_global(parts + i * part_count + p);
        if (part.similarity > found.similarity) found = part;
      }
      store_global(best + i, static_cast<std::int32_t>(found.index < 0 ? 0 : found.index));
      store_global(similarity + i, static_cast<float>(found.similarity));
    }
  }
};

}  // namespace device

/// A position that names no row is similar to nothing: nobody can be told before the launch.
template <class Arch>
struct kernel<op::match_bipartite, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;
  using tiles = device::match_tiles;

  static constexpr std::size_t bytes(const backend_type&, std::size_t sources, std::size_t destinations,
                                     std::size_t dims) noexcept {
    return scratch_bytes<double>((sources + destinations) * dims) +
           scratch_bytes<device::best_match>(sources * parts(sources, destinations));
  }

  static void run(context<backend_type> ctx, const metric_rows& metric, std::span<const std::int32_t> sources,
                  std::span<const std::int32_t> destinations, std::span<std::int32_t> best, std::span<float> similarity) {
    device::require_device_pointer("match_bipartite", "metric", metric.rows.data_handle());
    device::require_device_pointer("match_bipartite", "sources", sources.data());
    device::require_device_pointer("match_bipartite", "destinations", destinations.data());
    device::require_device_pointer("match_bipartite", "best", best.data());
    device::require_device_pointer("match_bipartite", "similarity", similarity.data());
    const std::size_t dims = metric.rows.extent(1);
    const std::size_t count = sources.size() + destinations.size();
    const std::size_t part_count = parts(sources.size(), destinations.size());
    auto* const units = ctx.scratch.template take<double>(count * dims);
    auto* const found = ctx.scratch.template take<device::best_match>(sources.size() * part_count);
    const device::stream stream = ctx.backend.stream;
    device::launch(
        stream, device::grid_of((count - 1) / (device::unit_rows::threads / 32) + 1), 0,
        device::unit_rows{metric.rows.data_handle(), metric.rows.stride(0), metric.rows.extent(0), dims, metric.groups,
                          metric.group_stride, sources.data(), destinations.data(), sources.size(), count, units});
    const std::size_t destination_tiles = (destinations.size() - 1) / tiles::tile_destinations + 1;
    const tiles f{units,
                  units + sources.size() * dims,
                  sources.size(),
                  destinations.size(),
                  dims,
                  part_count,
                  (destination_tiles - 1) / part_count + 1,
                  found};
    device::launch(stream, device::grid_of(f.source_tiles() * part_count), tiles::shared_bytes, f);
    device::launch(stream, device::grid_of((sources.size() - 1) / device::finish_matches::threads + 1), 0,
                   device::finish_matches{found, part_count, sources.size(), best.data(), similarity.data()});
  }

 private:
  static constexpr std::size_t enough_blocks = 256;  ///< about two for every multiprocessor

  /// Parts of the destinations, so that few sources fill a device too.
  static constexpr std::size_t parts(std::size_t sources, std::size_t destinations) noexcept {
    if (sources == 0 || destinations == 0) return 1;
    const std::size_t source_tiles = (sources - 1) / tiles::tile_sources + 1;
    const std::size_t wanted = (enough_blocks - 1) / source_tiles + 1;
    const std::size_t most = (destinations - 1) / tiles::tile_destinations + 1;
    return wanted < most ? wanted : most;
  }
};

}  // namespace heddle::inline v0
