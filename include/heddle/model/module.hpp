/// @file
/// What a module is, and the functions that run any of them: `forward`, `output_extents`, `multiply_adds`, `flops`,
/// `scratch_bytes`, `workspace_bytes`, `run`.
///
/// Two kinds of modules:
/// - a **row module** treats every token alike (linear, norm, activation, MLP). It has `in_channels`, `out_channels`,
///   `row_multiply_adds()`, `row_scratch_bytes(backend, rows)` and `forward_rows(ctx, x, y)` on `[rows, channels]`;
///   optionally `accumulate_rows(ctx, x, y)`, which adds to `y`, and `in_place_rows`, true where `y` may be `x`.
/// - a **map module** sees the whole map (convolution, attention, a network). It has `output_extents(x)`,
///   `multiply_adds(x)`, `scratch_bytes(backend, x)` and `forward(ctx, x, y)` on `[batch, height, width, channels]`;
///   optionally `in_place`, true where `y` may be `x`.
///
/// Containers and networks call the free functions below, which accept both kinds.
#pragma once

#include <cstdint>

#include "../backend/tags.hpp"
#include "../primitive/convolve.hpp"
#include "members.hpp"

namespace heddle::inline v0 {

/// Shape of a map: `[batch, height, width, channels]`.
using map_extents = dynamic_extents<4>;

/// A module that treats every token alike.
template <class M>
concept row_module = requires {
  { M::in_channels } -> std::convertible_to<std::size_t>;
  { M::out_channels } -> std::convertible_to<std::size_t>;
  { M::row_multiply_adds() } -> std::convertible_to<std::uint64_t>;
};

/// A module that sees the whole map.
template <class M>
concept map_module = requires(const map_extents& x) {
  { M::output_extents(x) } -> std::convertible_to<map_extents>;
  { M::multiply_adds(x) } -> std::convertible_to<std::uint64_t>;
};

template <class M>
concept module = row_module<M> || map_module<M>;

/// Owned scratch memory: `workspace`, `device_workspace`.
template <class W>
concept scratch_memory = requires(const W& w) {
  { w.size() } -> std::convertible_to<std::size_t>;
  { w.scratch() } -> std::convertible_to<arena>;
};

namespace detail {

template <class M>
constexpr bool in_place_module() {
  if constexpr (row_module<M>) {
    if constexpr (requires { M::in_place_rows; }) return M::in_place_rows;
  } else {
    if constexpr (requires { M::in_place; }) return M::in_place;
  }
  return false;
}

/// Rows that go through a row module together: enough to fill the register tiles, few enough for the inner caches.
inline constexpr std::size_t row_block = 96;

/// Modules with small weights run block by block through all their steps; those whose weights outgrow the inner caches
/// run step by step over all rows, so that each weight is read once; on a backend that prefers whole maps all of them do.
template <class M, class Backend>
inline constexpr bool runs_in_blocks = !prefers_whole_maps<Backend> && parameters<M> * sizeof(float) <= std::size_t{1} << 20;

constexpr std::size_t row_count(const map_extents& x) noexcept { return x.extent(0) * x.extent(1) * x.extent(2); }

template <class M, class Backend>
constexpr std::size_t rows_scratch_bytes(const Backend& backend, std::size_t rows) {
  if constexpr (runs_in_blocks<M, Backend>) {
    return for_each_bytes(backend, M::row_scratch_bytes(backend.as_serial(), rows < row_block ? rows : row_block));
  } else {
    return M::row_scratch_bytes(backend, rows);
  }
}

template <class Backend, class M>
void forward_all_rows(context<Backend> ctx, const M& m, matrix_view<const float> x, matrix_view<float> y) {
  if constexpr (runs_in_blocks<M, Backend>) {
    const std::size_t rows = x.extent(0);
    const std::size_t bytes = M::row_scratch_bytes(ctx.backend.as_serial(), rows < row_block ? rows : row_block);
    ctx.for_each((rows + row_block - 1) / row_block, bytes, [&](auto worker, std::size_t block) {
      const std::size_t first = block * row_block;
      const std::size_t count = rows - first < row_block ? rows - first : row_block;
      m.forward_rows(worker, row_range(x, first, count), row_range(y, first, count));
    });
  } else {
    m.forward_rows(ctx, x, y);
  }
}

}  // namespace detail

/// Shape of the output of module type `M` for an input shape.
/// @throws shape_error where the module cannot take that input
template <module M>
constexpr map_extents output_extents(const map_extents& x) {
  if constexpr (row_module<M>) {
    require_extent("module: x", "channels", M::in_channels, x.extent(3));
    return map_extents(x.extent(0), x.extent(1), x.extent(2), M::out_channels);
  } else {
    return M::output_extents(x);
  }
}

/// Multiplications with additions of products and convolutions (norms, activations and softmax not counted), as papers count.
template <module M>
constexpr std::uint64_t multiply_adds(const map_extents& x) {
  if constexpr (row_module<M>) {
    return M::row_multiply_adds() * detail::row_count(x);
  } else {
    return M::multiply_adds(x);
  }
}

/// Floating-point operations: two per multiply-add.
template <module M>
constexpr std::uint64_t flops(const map_extents& x) {
  return 2 * multiply_adds<M>(x);
}

/// Scratch bytes that `forward(ctx, m, x, y)` takes from its context.
template <module M, class Backend>
constexpr std::size_t scratch_bytes(const Backend& backend, const map_extents& x) {
  if constexpr (row_module<M>) {
    return detail::rows_scratch_bytes<M>(backend, detail::row_count(x));
  } else {
    return M::scratch_bytes(backend, x);
  }
}

/// Bytes of a workspace that suffices to `run` module type `M` on an input of the given shape: a constant expression for
/// constant shapes.
template <module M, class Backend>
constexpr std::size_t workspace_bytes(const map_extents& x, const Backend& backend = {}) {
  return scratch_bytes<M>(backend, x);
}

/// Runs a module inside another one. Shapes were checked by the caller.
template <class Backend, module M>
void forward(context<Backend> ctx, const M& m, map_view<const float> x, map_view<float> y) {
  if constexpr (row_module<M>) {
    detail::forward_all_rows(ctx, m, as_rows(x), as_rows(y));
  } else {
    m.forward(ctx, x, y);
  }
}

/// Runs a module: `y = m(x)`.
///
/// @param m       bound and prepared for the backend
/// @param x       `[batch, height, width, channels]`
/// @param y       of `output_extents<M>(x.extents())`
/// @param scratch at least `workspace_bytes<M>(x.extents(), backend)` bytes: a `workspace`, or a `device_workspace` for
///                views of device memory
/// @throws shape_error, workspace_error before anything is written
template <class Backend, module M, scratch_memory Workspace>
void run(const M& m, map_view<const float> x, map_view<float> y, const Workspace& scratch, const Backend& backend = {}) {
  const map_extents expected = output_extents<M>(x.extents());
  constexpr const char* axes[] = {"images", "rows", "columns", "channels"};
  for (std::size_t r = 0; r < 4; ++r) require_extent("run: y", axes[r], expected.extent(r), y.extent(r));
  const std::size_t needed = scratch_bytes<M>(backend, x.extents());
  if (needed > scratch.size()) arena::too_small(needed, scratch.size());
  forward(context<Backend>{backend, scratch.scratch()}, m, x, y);
}

}  // namespace heddle::inline v0
