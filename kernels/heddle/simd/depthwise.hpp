/// @file
/// Depthwise convolution on vectors of channels, stored as floats or bfloat16 and summed in floats. Where the stride is 1 and the window 3 or 5 columns wide, tiles of two rows
/// keep their sums and the weights of a row in registers, and every input that is loaded serves all taps that it meets; the
/// rest goes by strips of columns.
#pragma once

#include <heddle/primitive/convolve.hpp>

#include <algorithm>

#include "depthwise_tiles.hpp"

namespace heddle::inline v0 {

namespace detail {

/// Elements [begin, end) of a window that meet an axis of `n` inputs, for output `i`.
struct tap_range {
  std::size_t begin;
  std::size_t end;
  constexpr tap_range(const window_axis& axis, std::size_t n, std::size_t i) noexcept {
    const std::size_t at = i * axis.stride;
    begin = std::min(axis.size, axis.before > at ? axis.before - at : std::size_t{0});
    end = std::max(begin, std::min(axis.size, n + axis.before > at ? n + axis.before - at : std::size_t{0}));
  }
  constexpr std::size_t size() const noexcept { return end - begin; }
};

/// A depthwise convolution with its axes in the order that suits the tiles.
struct depthwise_shape {
  dynamic_extents<5> x;
  dynamic_extents<5> y;
  volume_window window;

  /// A window that sees frames only is turned, so that a sequence becomes a row, and frames of maps rows.
  depthwise_shape(const dynamic_extents<5>& input, const dynamic_extents<5>& output, const volume_window& given)
      : x(input), y(output), window(given) {
    if (!given.rows.is_trivial() || !given.columns.is_trivial() || given.frames.is_trivial()) return;
    const std::size_t positions = x.extent(2) * x.extent(3);
    const bool sequence = positions == 1;
    window = sequence ? volume_window{{}, {}, given.frames} : volume_window{{}, given.frames, {}};
    const auto turned = [&](const dynamic_extents<5>& e) {
      return sequence ? dynamic_extents<5>(e.extent(0), 1, 1, e.extent(1), e.extent(4))
                      : dynamic_extents<5>(e.extent(0), 1, e.extent(1), positions, e.extent(4));
    };
    x = turned(input);
    y = turned(output);
  }
};

}  // namespace detail

/// The weight is `[vector][tap][lane]`, then the biases `[vector][lane]`. The last vector of channels begins earlier where
/// they do not fill it, and drops what is already done. Every output is one chain of multiply-adds over its taps in
/// row-major order, starting at the bias, wherever in a tile it is.
template <class Isa, class Executor>
struct kernel<op::depthwise, simd_backend<Isa, Executor>> {
  using backend_type = simd_backend<Isa, Executor>;
  using v = vec<Isa>;
  static constexpr std::uint32_t format = 0x300u + static_cast<std::uint32_t>(v::size);

  static dense_weight prepare(matrix_view<const float> weight, std::span<const float> bias) {
    const std::size_t channels = weight.extent(0);
    const std::size_t taps = weight.extent(1);
    const std::size_t vectors = vector_count(channels);
    detail::aligned_bytes memory(vectors * (taps + 1) * v::size * sizeof(float));
    float* const data = reinterpret_cast<float*>(memory.data());
    float* const start = data + vectors * taps * v::size;
    for (std::size_t q = 0; q < vectors; ++q)
      for (std::size_t l = 0; l < std::min(v::size, channels); ++l) {
        const std::size_t c = first_channel(channels, q) + l;
        for (std::size_t t = 0; t < taps; ++t) data[(q * taps + t) * v::size + l] = weight(c, t);
        if (!bias.empty()) start[q * v::size + l] = bias[c];
      }
    return {channels, taps, data, start, format, std::move(memory)};
  }

  template <class T, class Activation>
  static void run(context<backend_type> ctx, const volume_view<const T>& x, const dense_weight& weight,
                  const volume_window& window, const volume_view<T>& y, Activation activation, matrix_view<const T> residual) {
    if (y.empty()) return;
    const detail::depthwise_shape shape(x.extents(), y.extents(), window);
    const problem<T> p{
        shape.x,         shape.y, shape.window,           x.data_handle(),
        y.data_handle(), &weight, residual.data_handle(), residual.data_handle() == nullptr ? 0 : residual.stride(0)};
    const std::size_t height = p.tiled() ? std::min(detail::depthwise_rows<Isa>, p.y.extent(2)) : 1;
    const std::size_t frames = p.y.extent(1);
    const std::size_t groups = (p.y.extent(2) + height - 1) / height;
    ctx.backend.parallel_for(p.y.extent(0) * groups * frames,
                             [&](std::size_t task, std::size_t) {  // frames innermost: they share their input
                               const std::size_t row = task / frames % groups * height;
                               rows_of_frame(p, task / frames / groups, task % frames, row, height, activation);
                             });
  }

 private:
  static constexpr std::size_t narrowest_tile = 4;
  static constexpr std::size_t buffer_floats = 2 * 8 * v::size;

  static constexpr std::size_t vector_count(std::size_t channels) noexcept { return (channels + v::size - 1) / v::size; }
  static constexpr std::size_t first_channel(std::size_t channels, std::size_t q) noexcept {
    return channels < v::size ? 0 : std::min(q * v::size, channels - v::size);
  }

  template <class T>
  struct problem {
    dynamic_extents<5> x;
    dynamic_extents<5> y;
    volume_window window;
    const T* input;
    T* output;
    const dense_weight* weight;
    const T* residual;
    std::size_t residual_stride;

    bool tiled() const noexcept {
      return window.rows.stride == 1 && window.columns.stride == 1 && (window.columns.size == 3 || window.columns.size == 5) &&
             x.extent(4) >= v::size && y.extent(3) >= narrowest_tile;
    }
    /// True where outputs are the sums themselves.
    template <class Activation>
    bool is_plain() const noexcept {
      return std::is_same_v<T, float> && std::is_same_v<Activation, identity> && residual == nullptr && x.extent(4) >= v::size;
    }
    std::size_t channels() const noexcept { return x.extent(4); }
    /// Number of an output in row-major order.
    std::size_t position(std::size_t image, std::size_t frame, std::size_t row, std::size_t column) const noexcept {
      return ((image * y.extent(1) + frame) * y.extent(2) + row) * y.extent(3) + column;
    }
    const T* frame(std::size_t image, std::size_t number) const noexcept {
      return input + (image * x.extent(1) + number) * x.extent(2) * x.extent(3) * x.extent(4);
    }
  };

  /// One vector of channels: lanes [skip, skip + count) are new.
  struct channel_range {
    std::size_t first;
    std::size_t skip;
    std::size_t count;
    const float* weight;
    const float* start;
    template <class T>
    channel_range(const problem<T>& p, std::size_t q)
        : first(first_channel(p.channels(), q)),
          skip(q * v::size - first),
          count(std::min(v::size, p.channels()) - skip),
          weight(p.weight->data + q * p.window.size() * v::size),
          start(p.weight->bias + q * v::size) {}
  };

  /// Which outputs a tile brings: rows [row, row + rows) and columns [column, column + columns), and where in its buffer they begin.
  struct new_outputs {
    std::size_t image, frame, row, rows, column, columns;
  };

  /// `y = residual + activation(raw)` for the new outputs of a buffer.
  template <class T, class Activation>
  static void finish(const problem<T>& p, const new_outputs& n, const channel_range& c, const float* raw,
                     std::size_t raw_row_pitch, Activation activation) {
    for (std::size_t r = 0; r < n.rows; ++r) {
      const std::size_t position = p.position(n.image, n.frame, n.row + r, n.column);
      const float* from = raw + r * raw_row_pitch + c.skip;
      T* to = p.output + position * p.channels() + c.first + c.skip;
      const T* base = p.residual == nullptr ? nullptr : p.residual + position * p.residual_stride + c.first + c.skip;
      HEDDLE_NO_UNROLL
      for (std::size_t j = 0; j < n.columns; ++j, from += v::size, to += p.channels()) {
        v sum = activation(detail::load_lanes<Isa>(from, c.count));
        if (base != nullptr) {
          sum = detail::load_elements<Isa>(base, c.count) + sum;
          base += p.residual_stride;
        }
        detail::store_elements<Isa>(sum, to, c.count);
      }
    }
  }

  template <class T, class Activation>
  static void rows_of_frame(const problem<T>& p, std::size_t image, std::size_t frame, std::size_t row, std::size_t height,
                            Activation activation) {
    if (!p.tiled()) return strips(p, {image, frame, row, 1, 0, 0}, activation);
    const std::size_t rows = std::min(height, p.y.extent(2) - row);
    const std::size_t columns = p.y.extent(3);
    for (std::size_t column = 0; column < columns;) {
      const std::size_t wide = tile_columns(columns - column, columns);
      const std::size_t end = std::min(columns, column + wide);
      one_tile(p, {image, frame, row, rows, column, end - column}, height, wide, activation);
      column = end;
    }
  }

  /// Columns of the next tile where `left` of `columns` are left; no more than there are.
  static std::size_t tile_columns(std::size_t left, std::size_t columns) noexcept {
    if (left % 8 != 0 && left % 7 == 0) return 7;
    if (left >= 8) return 8;
    return left > 4 && columns >= 7 ? 7 : 4;
  }

  /// A tile of `height` x `wide` outputs for all channels. Where fewer are new it begins earlier and drops the others.
  template <class T, class Activation>
  static void one_tile(const problem<T>& p, const new_outputs& n, std::size_t height, std::size_t wide, Activation activation) {
    const std::size_t row = n.row + n.rows - height;
    const std::size_t column = n.column + n.columns - wide;
    const window_axis& across = p.window.columns;
    const detail::tap_range frames(p.window.frames, p.x.extent(1), n.frame);
    const std::size_t channels = p.channels();
    const auto pitch = static_cast<std::ptrdiff_t>(channels);
    const auto width = static_cast<std::ptrdiff_t>(p.x.extent(3));
    detail::depthwise_tile<T> t{};
    t.frames = frames.size();
    t.pitch = pitch;
    t.row_pitch = width * pitch;
    t.rows = static_cast<std::ptrdiff_t>(p.x.extent(2));
    t.frame_pitch = t.rows * t.row_pitch;
    t.row = static_cast<std::ptrdiff_t>(row) - static_cast<std::ptrdiff_t>(p.window.rows.before);
    t.column = static_cast<std::ptrdiff_t>(column) - static_cast<std::ptrdiff_t>(across.before);
    t.height = static_cast<std::ptrdiff_t>(p.window.rows.size);
    for (std::size_t i = 0; i < wide + across.size - 1; ++i) {
      const std::ptrdiff_t at = t.column + static_cast<std::ptrdiff_t>(i);
      if (at >= 0 && at < width) t.inside |= 1u << i;
    }
    const T* const input = frames.size() == 0
                               ? p.input
                               : p.frame(n.image, n.frame * p.window.frames.stride + frames.begin - p.window.frames.before);
    const std::size_t first_tap = frames.begin * p.window.rows.size * across.size;
    const detail::depthwise_tile_function<T> run_tile = detail::choose_depthwise_tile<Isa, T>(across.size, height, wide);
    const bool direct = p.template is_plain<Activation>() && n.rows == height;  // what is done again gets the same bits
    alignas(memory_alignment) float buffer[buffer_floats];
    for (std::size_t q = 0; q < vector_count(channels); ++q) {
      const channel_range c(p, q);
      t.input = input + c.first;
      t.weight = c.weight + first_tap * v::size;
      t.start = c.start;
      t.out = buffer;
      if constexpr (std::is_same_v<T, float>) {
        if (direct) t.out = p.output + p.position(n.image, n.frame, row, column) * channels + c.first;
      }
      t.out_pitch = direct ? channels : v::size;
      t.out_row_pitch = t.out_pitch * (direct ? p.y.extent(3) : wide);
      run_tile(t);
      if (!direct)
        finish(p, n, c, buffer + ((height - n.rows) * wide + wide - n.columns) * v::size, wide * v::size, activation);
    }
  }

  /// A row of outputs column by column, four at once where all their taps are inside.
  template <class T, class Activation>
  static void strips(const problem<T>& p, new_outputs n, Activation activation) {
    const window_axis& across = p.window.columns;
    const std::size_t columns = p.y.extent(3);
    const std::size_t reach = p.x.extent(3) + across.before;
    const std::size_t begin = std::min(columns, (across.before + across.stride - 1) / across.stride);
    const std::size_t end =
        reach < across.size ? begin : std::max(begin, std::min(columns, (reach - across.size) / across.stride + 1));
    for (n.column = 0; n.column < columns; n.column += n.columns) {
      n.columns = n.column >= begin && n.column + narrowest_tile <= end ? narrowest_tile : 1;
      one_strip(p, n, activation);
    }
  }

  template <class T, class Activation>
  static void one_strip(const problem<T>& p, const new_outputs& n, Activation activation) {
    const std::size_t channels = p.channels();
    const detail::tap_range frames(p.window.frames, p.x.extent(1), n.frame);
    const detail::tap_range rows(p.window.rows, p.x.extent(2), n.row);
    const detail::tap_range columns(p.window.columns, p.x.extent(3), n.column);
    detail::depthwise_strip<T> t{};
    t.frames = frames.size();
    t.rows = rows.size();
    t.columns = columns.size();
    t.pitch = channels;
    t.row_pitch = p.x.extent(3) * channels;
    t.frame_pitch = p.x.extent(2) * t.row_pitch;
    t.step = p.window.columns.stride * channels;
    t.weight_row_pitch = p.window.columns.size * v::size;
    t.weight_frame_pitch = p.window.rows.size * t.weight_row_pitch;
    t.lanes = std::min(v::size, channels);
    const bool empty = t.frames * t.rows * t.columns == 0;
    if (empty) t.frames = 0;
    const T* const input = empty
                               ? p.input
                               : p.frame(n.image, n.frame * p.window.frames.stride + frames.begin - p.window.frames.before) +
                                     (n.row * p.window.rows.stride + rows.begin - p.window.rows.before) * t.row_pitch +
                                     (n.column * p.window.columns.stride + columns.begin - p.window.columns.before) * channels;
    const bool direct = p.template is_plain<Activation>();
    const std::size_t first_tap = (frames.begin * p.window.rows.size + rows.begin) * p.window.columns.size + columns.begin;
    alignas(memory_alignment) float buffer[buffer_floats];
    for (std::size_t q = 0; q < vector_count(channels); ++q) {
      const channel_range c(p, q);
      t.input = input + c.first;
      t.weight = c.weight + first_tap * v::size;
      t.start = c.start;
      t.out = buffer;
      if constexpr (std::is_same_v<T, float>) {
        if (direct) t.out = p.output + p.position(n.image, n.frame, n.row, n.column) * channels + c.first;
      }
      t.out_pitch = direct ? channels : v::size;
      if (n.columns == narrowest_tile) {
        detail::run_depthwise_strip<Isa, narrowest_tile>(t);
      } else {
        detail::run_depthwise_strip<Isa, 1>(t);
      }
      if (!direct) finish(p, n, c, buffer, 0, activation);
    }
  }
};

}  // namespace heddle::inline v0
