/// @file
/// `pixel_shuffle` and its inverse on a device: a stretch of pixels goes through shared memory, so that both sides are read
/// and written in whole lines.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/pixel_shuffle.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// A tile is `pixels` neighbouring coarse pixels of a row with `channels` of the fine channels; `Back` goes from fine to coarse.
template <unsigned R, bool Back>
struct shuffle_pixels {
  static constexpr unsigned threads = 256;
  static constexpr unsigned capacity = 4096;  ///< floats of a tile
  static constexpr unsigned square = R * R;
  static_assert(square <= capacity, "heddle::pixel_shuffle: the factor is too large for a device");
  static constexpr std::size_t shared_bytes = (capacity + capacity / 32) * sizeof(float);

  const float* from;
  float* to;
  std::uint64_t rows;      ///< of coarse pixels, over all images
  std::uint64_t width;     ///< coarse pixels of a row
  std::uint64_t channels;  ///< of a fine pixel
  unsigned tile_pixels;
  unsigned tile_channels;

  HEDDLE_HOST_DEVICE std::uint64_t pixel_tiles() const { return (width - 1) / tile_pixels + 1; }
  HEDDLE_HOST_DEVICE std::uint64_t channel_tiles() const { return (channels - 1) / tile_channels + 1; }
  HEDDLE_HOST_DEVICE std::uint64_t tiles() const { return rows * pixel_tiles() * channel_tiles(); }

  HEDDLE_DEVICE void operator()() const {
    const shared_view<float> tile{shared_base()};
    for (std::uint64_t t = block_index(); t < tiles(); t += grid_size()) {
      const std::uint64_t strip = t / channel_tiles();
      const std::uint64_t row = strip / pixel_tiles();
      const place p{row, (strip - row * pixel_tiles()) * tile_pixels, (t - strip * channel_tiles()) * tile_channels};
      const auto pixels = static_cast<unsigned>(width - p.pixel < tile_pixels ? width - p.pixel : tile_pixels);
      const auto count = static_cast<unsigned>(channels - p.channel < tile_channels ? channels - p.channel : tile_channels);
      if constexpr (Back) {
        fine(tile, p, pixels, count);
        sync_block();
        coarse(tile, p, pixels, count);
      } else {
        coarse(tile, p, pixels, count);
        sync_block();
        fine(tile, p, pixels, count);
      }
      sync_block();
    }
  }

 private:
  struct place {
    std::uint64_t row, pixel, channel;
  };

  /// A gap after every 32 floats: neighbouring channels of a fine pixel are a whole square apart.
  static HEDDLE_DEVICE unsigned slot(unsigned i) { return i + i / 32; }

  /// Between the coarse map and the tile.
  HEDDLE_DEVICE void coarse(const shared_view<float>& tile, const place& p, unsigned pixels, unsigned count) const {
    const unsigned run = count * square;
    const std::uint64_t first = ((p.row * width + p.pixel) * channels + p.channel) * square;
    const bool whole = count == channels;
    for (unsigned i = thread(); i < pixels * run; i += threads) {
      const unsigned pixel = whole ? 0 : i / run;
      const std::uint64_t at = first + pixel * channels * square + (i - pixel * run);
      if constexpr (Back) {
        store_global(to + at, tile.load(slot(i)));
      } else {
        tile.store(slot(i), load_global(from + at));
      }
    }
  }

  /// Between the R rows of the fine map and the tile.
  HEDDLE_DEVICE void fine(const shared_view<float>& tile, const place& p, unsigned pixels, unsigned count) const {
    const unsigned line = pixels * R * count;
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned i = thread(); i < R * line; i += threads) {
      const unsigned down = i / line;
      const unsigned e = i - down * line;
      const unsigned pixel = e / count;  // fine, within the tile
      const unsigned channel = e - pixel * count;
      const unsigned at = slot(pixel / R * count * square + channel * square + down * R + pixel % R);
      const std::uint64_t element = (((p.row * R + down) * width + p.pixel) * R + pixel) * channels + p.channel + channel;
      if constexpr (Back) {
        tile.store(at, load_global(from + element));
      } else {
        store_global(to + element, tile.load(at));
      }
    }
  }
};

}  // namespace device

template <class Arch>
struct kernel<op::pixel_shuffle, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;

  template <std::size_t R>
  static void shuffle(context<backend_type> ctx, const map_view<const float>& x, const map_view<float>& y) {
    launch<R, false>(ctx.backend.stream, x.data_handle(), y.data_handle(), x.extents(), y.extent(3));
  }

  template <std::size_t R>
  static void unshuffle(context<backend_type> ctx, const map_view<const float>& x, const map_view<float>& y) {
    launch<R, true>(ctx.backend.stream, x.data_handle(), y.data_handle(), y.extents(), x.extent(3));
  }

 private:
  template <std::size_t R, bool Back>
  static void launch(device::stream stream, const float* from, float* to, const dynamic_extents<4>& coarse,
                     std::size_t channels) {
    if (coarse.size() == 0) return;
    device::require_device_pointer("pixel_shuffle", "x", from);
    device::require_device_pointer("pixel_shuffle", "y", to);
    using functor = device::shuffle_pixels<static_cast<unsigned>(R), Back>;
    constexpr std::size_t most = functor::capacity / functor::square;  // fine channels of one coarse pixel
    const std::size_t count = channels < most ? channels : most;
    const std::size_t pixels = most / count < coarse.extent(2) ? most / count : coarse.extent(2);
    const functor f{from,
                    to,
                    coarse.extent(0) * coarse.extent(1),
                    coarse.extent(2),
                    channels,
                    static_cast<unsigned>(pixels),
                    static_cast<unsigned>(count)};
    device::launch(stream, device::grid_of(f.tiles()), functor::shared_bytes, f);
  }
};

}  // namespace heddle::inline v0
