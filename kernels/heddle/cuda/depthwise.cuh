/// @file
/// Depthwise convolution on a device. A block takes 32 channels of a tile of outputs: the inputs that it sees lie in shared
/// memory with their halo, a frame of the window at a time, and every thread keeps four neighbouring outputs in registers.
/// Windows whose tile would not fit read global memory.
#pragma once

#include <heddle/backend/tags.hpp>
#include <heddle/cuda/runtime/memory.hpp>
#include <heddle/primitive/convolve.hpp>

#include "rows.cuh"

namespace heddle::inline v0 {

namespace device {

/// A depthwise convolution with numbers of 64 bits where they multiply. The weight is `[tap][pitch]`.
struct depthwise_problem {
  const float* x;
  float* y;
  const float* weight;
  const float* bias;
  const float* residual;  ///< null: none
  std::uint64_t residual_stride;
  std::uint64_t batch, channels, pitch;
  std::uint64_t in[3];  ///< frames, rows, columns
  std::uint64_t out[3];
  unsigned size[3];
  unsigned stride[3];
  std::uint64_t before[3];

  /// Element of the input along an axis that output `i` meets at `tap`; outside it is `in[axis]` or more.
  HEDDLE_DEVICE std::uint64_t source(unsigned axis, std::uint64_t i, std::uint64_t tap) const {
    return i * stride[axis] + tap - before[axis];
  }
  HEDDLE_DEVICE const float* pixel(std::uint64_t b, std::uint64_t frame, std::uint64_t row, std::uint64_t column) const {
    return x + (((b * in[0] + frame) * in[1] + row) * in[2] + column) * channels;
  }

  template <unsigned V, class Activation>
  HEDDLE_DEVICE void write(std::uint64_t position, std::uint64_t channel, floats<V> sum, const Activation& activation) const {
    const floats<V> base =
        residual == nullptr ? same_floats<V>(0.0F) : load_floats<V>(residual + position * residual_stride + channel);
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < V; ++i) sum[i] = base[i] + activation(sum[i]);
    store_floats(y + position * channels + channel, sum);
  }
};

template <unsigned V>
HEDDLE_DEVICE void multiply_add(floats<V>& sum, const floats<V>& a, const floats<V>& b) {
  HEDDLE_DEVICE_UNROLL
  for (unsigned i = 0; i < V; ++i) sum[i] += a[i] * b[i];
}

/// Through shared memory. `Columns` is the width of a window with a column stride of 1, so that an input that is loaded
/// serves all outputs of a strip; 0: any.
template <class Activation, unsigned V, unsigned Columns>
struct depthwise_tiles {
  static constexpr unsigned lanes = 32 / V;  ///< threads of one strip
  static constexpr unsigned threads = V == 4 ? 128 : 256;
  static constexpr unsigned strip = 4;  ///< outputs of a thread
  static constexpr unsigned tile_columns = 2 * strip;
  static constexpr unsigned tile_rows = threads / lanes / 2;

  depthwise_problem p;
  Activation activation;
  std::uint64_t row_tiles, column_tiles, groups;
  unsigned seen_rows, seen_columns;  ///< of the input, by one tile

  static constexpr std::uint64_t seen(std::uint64_t tile, std::uint64_t stride, std::uint64_t size) {
    return (tile - 1) * stride + size;
  }
  HEDDLE_HOST_DEVICE std::uint64_t tiles() const { return p.batch * p.out[0] * row_tiles * column_tiles * groups; }

  HEDDLE_DEVICE void operator()() const {
    for (std::uint64_t t = block_index(); t < tiles(); t += grid_size()) {
      std::uint64_t rest = t / groups;
      const std::uint64_t channel = (t - rest * groups) * 32;
      const std::uint64_t column = rest % column_tiles * tile_columns;
      rest /= column_tiles;
      const std::uint64_t row = rest % row_tiles * tile_rows;
      rest /= row_tiles;
      const std::uint64_t b = rest / p.out[0];
      one_tile({b, rest - b * p.out[0], row, column, channel});
    }
  }

 private:
  using tile_view = shared_view<floats<V>>;
  struct place {
    std::uint64_t b, frame, row, column, channel;
  };

  HEDDLE_DEVICE void one_tile(const place& at) const {
    const tile_view tile{shared_base()};
    const std::uint64_t channel = at.channel + thread() % lanes * V;
    const unsigned strip_column = thread() / lanes % 2 * strip;
    const unsigned row = thread() / lanes / 2;
    floats<V> sum[strip];
    const floats<V> start = load_floats<V>(p.bias + channel);
    HEDDLE_DEVICE_UNROLL
    for (unsigned o = 0; o < strip; ++o) sum[o] = start;
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned kt = 0; kt < p.size[0]; ++kt) {
      const std::uint64_t frame = p.source(0, at.frame, kt);
      if (frame >= p.in[0]) continue;  // the same for the whole block
      load(tile, at, frame);
      copy_commit();
      copy_wait<0>();
      sync_block();
      HEDDLE_DEVICE_NO_UNROLL
      for (unsigned ky = 0; ky < p.size[1]; ++ky) {
        const float* const weight = p.weight + (std::uint64_t{kt} * p.size[1] + ky) * p.size[2] * p.pitch + channel;
        const unsigned first =
            ((row * p.stride[1] + ky) * seen_columns + strip_column * p.stride[2]) * lanes + thread() % lanes;
        if constexpr (Columns != 0) {
          one_line_in_registers(tile, first, weight, sum);
        } else {
          one_line(tile, first, weight, sum);
        }
      }
      sync_block();
    }
    write(at, row, strip_column, channel, sum);
  }

  /// The inputs of a tile in one frame; zeros outside the map and beyond the channels.
  HEDDLE_DEVICE void load(const tile_view& tile, const place& at, std::uint64_t frame) const {
    const unsigned count = seen_rows * seen_columns * lanes;
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned i = thread(); i < count; i += threads) {
      const unsigned pixel = i / lanes;
      const unsigned line = pixel / seen_columns;
      const std::uint64_t row = p.source(1, at.row, line);
      const std::uint64_t column = p.source(2, at.column, pixel - line * seen_columns);
      const std::uint64_t channel = at.channel + i % lanes * V;
      const bool valid = row < p.in[1] && column < p.in[2] && channel < p.channels;
      const float* const from = valid ? p.pixel(at.b, frame, row, column) + channel : p.x;
      if constexpr (V == 4) {
        copy_async16(tile.at(i), from, valid);
      } else {
        tile.store(i, valid ? load_floats<V>(from) : same_floats<V>(0.0F));
      }
    }
  }

  HEDDLE_DEVICE void one_line_in_registers(const tile_view& tile, unsigned first, const float* weight,
                                           floats<V> (&sum)[strip]) const {
    floats<V> value[strip + Columns];
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < strip + Columns - 1; ++i) value[i] = tile.load(first + i * lanes);
    HEDDLE_DEVICE_UNROLL
    for (unsigned kx = 0; kx < Columns; ++kx) {
      const floats<V> w = load_floats<V>(weight + kx * p.pitch);
      HEDDLE_DEVICE_UNROLL
      for (unsigned o = 0; o < strip; ++o) multiply_add(sum[o], w, value[o + kx]);
    }
  }

  HEDDLE_DEVICE void one_line(const tile_view& tile, unsigned first, const float* weight, floats<V> (&sum)[strip]) const {
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned kx = 0; kx < p.size[2]; ++kx) {
      const floats<V> w = load_floats<V>(weight + kx * p.pitch);
      HEDDLE_DEVICE_UNROLL
      for (unsigned o = 0; o < strip; ++o) multiply_add(sum[o], w, tile.load(first + (o * p.stride[2] + kx) * lanes));
    }
  }

  HEDDLE_DEVICE void write(const place& at, unsigned row, unsigned strip_column, std::uint64_t channel,
                           const floats<V> (&sum)[strip]) const {
    if (channel >= p.channels || at.row + row >= p.out[1]) return;
    const std::uint64_t line = ((at.b * p.out[0] + at.frame) * p.out[1] + at.row + row) * p.out[2];
    HEDDLE_DEVICE_UNROLL
    for (unsigned o = 0; o < strip; ++o) {
      const std::uint64_t column = at.column + strip_column + o;
      if (column < p.out[2]) p.write(line + column, channel, sum[o], activation);
    }
  }
};

/// One output vector a thread, from global memory: for windows of any size.
template <class Activation, unsigned V>
struct depthwise_direct {
  static constexpr unsigned threads = 256;
  row_tiling<threads> tiling;  ///< positions x vectors of channels
  depthwise_problem p;
  Activation activation;

  HEDDLE_DEVICE void operator()() const {
    tiling.for_each([&](std::uint64_t position, std::uint64_t vector) {
      const std::uint64_t column = position % p.out[2];
      const std::uint64_t line = position / p.out[2];
      const std::uint64_t row = line % p.out[1];
      const std::uint64_t frame = line / p.out[1] % p.out[0];
      const std::uint64_t b = line / p.out[1] / p.out[0];
      const std::uint64_t channel = vector * V;
      floats<V> sum = load_floats<V>(p.bias + channel);
      const float* weight = p.weight + channel;
      for (unsigned kt = 0; kt < p.size[0]; ++kt)
        for (unsigned ky = 0; ky < p.size[1]; ++ky)
          for (unsigned kx = 0; kx < p.size[2]; ++kx, weight += p.pitch) {
            const std::uint64_t t = p.source(0, frame, kt);
            const std::uint64_t i = p.source(1, row, ky);
            const std::uint64_t j = p.source(2, column, kx);
            if (t < p.in[0] && i < p.in[1] && j < p.in[2])
              multiply_add(sum, load_floats<V>(weight), load_floats<V>(p.pixel(b, t, i, j) + channel));
          }
      p.write(position, channel, sum, activation);
    });
  }
};

}  // namespace device

/// The weight is `[tap][channel]`, then the biases, with channels padded to whole groups of 32, in managed memory.
template <class Arch>
struct kernel<op::depthwise, cuda_backend<Arch>> {
  using backend_type = cuda_backend<Arch>;
  static constexpr std::uint32_t format = 0x700u;

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    const std::size_t channels = weight.extent(0);
    const std::size_t taps = weight.extent(1);
    device::memory memory = device::allocate_managed((taps + 1) * pitch(channels) * sizeof(float));
    float* const data = memory.template as<float>();
    float* const start = data + taps * pitch(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t t = 0; t < taps; ++t) data[t * pitch(channels) + c] = weight(c, t);
      if (!bias.empty()) start[c] = bias[c];
    }
    device::prefetch(memory);
    return {channels, taps, data, start, format, shared_owner(std::move(memory))};
  }

  template <class Activation>
  static void run(context<backend_type> ctx, const volume_view<const float>& x, const dense_weight& weight,
                  const volume_window& window, const volume_view<float>& y, Activation activation,
                  matrix_view<const float> residual) {
    if (y.empty()) return;
    device::require_device_pointer("convolve_depthwise", "x", x.data_handle());
    device::require_device_pointer("convolve_depthwise", "y", y.data_handle());
    device::require_device_pointer("convolve_depthwise", "weight", weight.data);
    device::require_device_pointer("convolve_depthwise", "residual", residual.data_handle());
    const device::depthwise_problem p = problem(x, weight, window, y, residual);
    const bool vectors = p.channels % 4 == 0 && device::rows_of_vectors(x.data_handle(), 0, 1) &&
                         device::rows_of_vectors(y.data_handle(), 0, 1) &&
                         device::rows_of_vectors(p.residual, p.residual_stride, residual.extent(0));
    if (vectors) {
      choose<4>(ctx.backend.stream, p, activation);
    } else {
      choose<1>(ctx.backend.stream, p, activation);
    }
  }

 private:
  static constexpr std::size_t most_shared = std::size_t{48} << 10U;

  static constexpr std::size_t pitch(std::size_t channels) noexcept { return (channels + 31) / 32 * 32; }

  /// A window that sees frames only is turned, so that tiles share what they load: a sequence becomes a row, frames of maps rows.
  static device::depthwise_problem problem(const volume_view<const float>& x, const dense_weight& weight,
                                           const volume_window& window, const volume_view<float>& y,
                                           const matrix_view<const float>& residual) {
    device::depthwise_problem p{};
    p.x = x.data_handle();
    p.y = y.data_handle();
    p.weight = weight.data;
    p.bias = weight.bias;
    p.residual = residual.data_handle();
    p.residual_stride = residual.data_handle() == nullptr ? 0 : residual.stride(0);
    p.batch = x.extent(0);
    p.channels = x.extent(4);
    p.pitch = pitch(p.channels);
    window_axis axes[3] = {window.frames, window.rows, window.columns};
    std::size_t in[3] = {x.extent(1), x.extent(2), x.extent(3)};
    std::size_t out[3] = {y.extent(1), y.extent(2), y.extent(3)};
    if (axes[1].is_trivial() && axes[2].is_trivial() && !axes[0].is_trivial()) {
      const std::size_t positions = in[1] * in[2];
      const std::size_t to = positions == 1 ? 2 : 1;
      in[to] = in[0];
      out[to] = out[0];
      axes[to] = axes[0];
      if (to == 1) in[2] = out[2] = positions;
      if (to == 2) in[1] = out[1] = 1;
      in[0] = out[0] = 1;
      axes[0] = {};
    }
    for (std::size_t a = 0; a < 3; ++a) {
      p.in[a] = in[a];
      p.out[a] = out[a];
      p.size[a] = static_cast<unsigned>(axes[a].size);
      p.stride[a] = static_cast<unsigned>(axes[a].stride);
      p.before[a] = axes[a].before;
    }
    return p;
  }

  template <unsigned V, class Activation>
  static void choose(device::stream stream, const device::depthwise_problem& p, const Activation& activation) {
    if constexpr (V == 4) {
      if (p.stride[2] == 1 && p.size[2] == 3) return tiles<V, 3>(stream, p, activation);
      if (p.stride[2] == 1 && p.size[2] == 5) return tiles<V, 5>(stream, p, activation);
      if (p.stride[2] == 1 && p.size[2] == 7) return tiles<V, 7>(stream, p, activation);
    }
    tiles<V, 0>(stream, p, activation);
  }

  template <unsigned V, unsigned Columns, class Activation>
  static void tiles(device::stream stream, const device::depthwise_problem& p, const Activation& activation) {
    using functor = device::depthwise_tiles<Activation, V, Columns>;
    const std::uint64_t rows = functor::seen(functor::tile_rows, p.stride[1], p.size[1]);
    const std::uint64_t columns = functor::seen(functor::tile_columns, p.stride[2], p.size[2]);
    const std::uint64_t bytes = rows * columns * 32 * sizeof(float);
    if (rows > most_shared || columns > most_shared || bytes > most_shared) return direct<V>(stream, p, activation);
    const functor f{p,
                    activation,
                    (p.out[1] - 1) / functor::tile_rows + 1,
                    (p.out[2] - 1) / functor::tile_columns + 1,
                    p.pitch / 32,
                    static_cast<unsigned>(rows),
                    static_cast<unsigned>(columns)};
    device::launch(stream, device::grid_of(f.tiles()), bytes, f);
  }

  template <unsigned V, class Activation>
  static void direct(device::stream stream, const device::depthwise_problem& p, const Activation& activation) {
    using functor = device::depthwise_direct<Activation, V>;
    const device::row_tiling<functor::threads> tiling(p.batch * p.out[0] * p.out[1] * p.out[2], p.channels / V);
    device::launch(stream, tiling.grid(), 0, functor{tiling, p, activation});
  }
};

}  // namespace heddle::inline v0
