/// @file
/// The register tiles of `gemm`: rows times a panel of the weight, for every height and width in use. They know no
/// activation and no residual, so all products of a program share them.
#pragma once

#include <heddle/primitive/gemm.hpp>

#include "vec.hpp"

namespace heddle::inline v0::detail {

/// What one tile computes: `out[r, c] = start[c] + sum over k of x[row + r, k] * panel[k, c]`, one chain of multiply-adds
/// in the order of k, whatever the height of the tile.
struct gemm_tile {
  const float* panel;  ///< `[inputs][columns]`
  const float* start;  ///< `[columns]`: the bias
  const row_segment* segments;
  std::size_t segment_count;
  std::size_t row;
  float* out;
  std::size_t out_stride;
  bool ahead;                   ///< fetch the panel ahead: it does not come from the first-level cache
  const float* next = nullptr;  ///< with `ahead`: what to bring into the second-level cache meanwhile, null: nothing,
  std::size_t next_step = 0;    ///< and how many bytes of it with every input
};
using gemm_tile_function = void (*)(const gemm_tile&);

/// Rows of the tallest tile for panels of `vectors` vectors, and the widest panel.
template <class Isa>
struct gemm_shape {  // 16 registers: 12 accumulators, 2 of the panel, 1 input
  static constexpr std::size_t widest = 2;
  static constexpr std::size_t tallest(std::size_t vectors) noexcept { return vectors == 2 ? 6 : 8; }
};
template <class Isa>
  requires(isa::includes<Isa, isa::avx512>)
struct gemm_shape<Isa> {  // 32 registers
  static constexpr std::size_t widest = 4;
  static constexpr std::size_t tallest(std::size_t vectors) noexcept { return vectors == 4 ? 6 : vectors == 3 ? 9 : 14; }
};
#if defined(__aarch64__)
template <>
struct gemm_shape<isa::baseline> {  // 32 registers
  static constexpr std::size_t widest = 2;
  static constexpr std::size_t tallest(std::size_t) noexcept { return 8; }
};
#endif

/// Steps of k that a tile fetches its panel ahead: the hardware does not follow from the second-level cache in time.
inline constexpr std::size_t prefetch_distance = 48;

/// Asks for a cache line; any address will do.
HEDDLE_ALWAYS_INLINE void prefetch([[maybe_unused]] const void* p) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(p);
#endif
}

/// Asks for a cache line in the second-level cache.
HEDDLE_ALWAYS_INLINE void prefetch_far([[maybe_unused]] const void* p) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(p, 0, 2);
#endif
}

/// The same number, of which the compiler knows nothing: an address that is built from it stays as it is written.
HEDDLE_ALWAYS_INLINE std::size_t opaque(std::size_t n) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  __asm__("" : "+r"(n));
#endif
  return n;
}

/// Adds the products of inputs [x, end) to the sums; rows are `stride` floats apart. Row `odd 2^n` is addressed as the odd
/// multiple of the stride times a scale: half as many registers as rows, and no arithmetic inside the loop, which would take
/// turns of the multiply-adds.
template <class Isa, bool Ahead, std::size_t Rows, std::size_t Vectors>
HEDDLE_ALWAYS_INLINE const float* add_gemm_steps(vec<Isa> (&sum)[Rows][Vectors], const float* x, const float* end,
                                                 std::size_t stride, const float* panel, const char*& next,
                                                 std::size_t next_step) noexcept {
  using v = vec<Isa>;
  std::size_t odd[(Rows + 1) / 2];  // bytes from row 0 to rows 1, 3, 5, ...
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < (Rows + 1) / 2; ++i) odd[i] = opaque((2 * i + 1) * stride * sizeof(float));
  const auto row = [&](std::size_t i) {
    std::size_t scale = 1;
    std::size_t n = i;
    while (n != 0 && n % 2 == 0) n /= 2, scale *= 2;
    return i == 0 ? x : reinterpret_cast<const float*>(reinterpret_cast<const char*>(x) + odd[n / 2] * scale);
  };
  HEDDLE_NO_UNROLL
  for (; x != end; ++x, panel += Vectors * v::size) {
    if constexpr (Ahead) {
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) prefetch(panel + (prefetch_distance * Vectors + j) * v::size);
      prefetch_far(next);
      next += next_step;
    }
    v w[Vectors];
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Vectors; ++j) w[j] = v::load(panel + j * v::size);
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      const v a = v::broadcast(row(i));
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) sum[i][j] = fma(a, w[j], sum[i][j]);
    }
  }
  return panel;
}

/// A local array with constant loops: the one way of writing it that keeps the accumulators in registers with every
/// compiler tried. Never inlined, so that nothing around it competes for registers. What the end needs is copied: stores of
/// vectors may overwrite anything, so that members would be read again after each.
template <class Isa, std::size_t Rows, std::size_t Vectors>
HEDDLE_NOINLINE void run_gemm_tile(const gemm_tile& t) {
  using v = vec<Isa>;
  v sum[Rows][Vectors];
  HEDDLE_UNROLL
  for (std::size_t j = 0; j < Vectors; ++j) {
    const v start = v::load(t.start + j * v::size);
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) sum[i][j] = start;
  }
  const float* panel = t.panel;
  const char* next = reinterpret_cast<const char*>(t.next != nullptr ? t.next : t.panel);
  for (std::size_t s = 0; s < t.segment_count; ++s) {
    const row_segment& segment = t.segments[s];
    const std::size_t stride = segment.row_stride;
    const float* const x = segment.data + t.row * stride;
    panel = t.ahead ? add_gemm_steps<Isa, true>(sum, x, x + segment.length, stride, panel, next, t.next_step)
                    : add_gemm_steps<Isa, false>(sum, x, x + segment.length, stride, panel, next, t.next_step);
  }
  float* const out = t.out;
  const std::size_t out_stride = t.out_stride;
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Rows; ++i) {
    HEDDLE_UNROLL
    for (std::size_t j = 0; j < Vectors; ++j) sum[i][j].store(out + i * out_stride + j * v::size);
  }
}

/// A tile in use: its height and its function.
struct gemm_tile_choice {
  std::size_t rows;
  gemm_tile_function run;
};

/// The lowest tile of at least `rows` rows; `rows` is at most the tallest.
template <class Isa, std::size_t Vectors>
gemm_tile_choice choose_gemm_tile(std::size_t rows) {
  if constexpr (gemm_shape<Isa>::tallest(Vectors) == 14) {
    if (rows > 13) return {14, run_gemm_tile<Isa, 14, Vectors>};
    if (rows > 12) return {13, run_gemm_tile<Isa, 13, Vectors>};
    if (rows > 10) return {12, run_gemm_tile<Isa, 12, Vectors>};
    if (rows > 8) return {10, run_gemm_tile<Isa, 10, Vectors>};
  }
  if constexpr (gemm_shape<Isa>::tallest(Vectors) == 9)
    if (rows > 8) return {9, run_gemm_tile<Isa, 9, Vectors>};
  if constexpr (gemm_shape<Isa>::tallest(Vectors) >= 8)
    if (rows > 6) return {8, run_gemm_tile<Isa, 8, Vectors>};
  if constexpr (gemm_shape<Isa>::tallest(Vectors) == 6)
    if (rows == 5) return {5, run_gemm_tile<Isa, 5, Vectors>};
  if (rows > 4) return {6, run_gemm_tile<Isa, 6, Vectors>};
  if (rows > 2) return {4, run_gemm_tile<Isa, 4, Vectors>};
  if (rows > 1) return {2, run_gemm_tile<Isa, 2, Vectors>};
  return {1, run_gemm_tile<Isa, 1, Vectors>};
}

template <class Isa>
gemm_tile_choice choose_gemm_tile(std::size_t rows, std::size_t vectors) {
  if constexpr (gemm_shape<Isa>::widest == 4) {
    if (vectors == 4) return choose_gemm_tile<Isa, 4>(rows);
    if (vectors == 3) return choose_gemm_tile<Isa, 3>(rows);
  }
  return vectors == 2 ? choose_gemm_tile<Isa, 2>(rows) : choose_gemm_tile<Isa, 1>(rows);
}

/// A few outputs of many inputs, `Rows` rows of `x` times `outputs <= 4` rows of the weight as scalar products: lanes run
/// over k, so that narrow outputs do not waste them. `out[r * out_stride + n]`; `weight` is `[outputs][inputs]`.
template <class Isa, std::size_t Rows, std::size_t Outputs>
HEDDLE_NOINLINE void run_dot_tile(const gemm_tile& t, std::size_t inputs) {
  using v = vec<Isa>;
  v sum[Rows][Outputs];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Rows; ++i) {
    HEDDLE_UNROLL
    for (std::size_t n = 0; n < Outputs; ++n) sum[i][n] = v::zero();
  }
  const float* w = t.panel;
  for (std::size_t s = 0; s < t.segment_count; ++s) {
    const row_segment& segment = t.segments[s];
    const std::size_t stride = segment.row_stride;
    const float* x = segment.data + t.row * stride;
    const float* const whole = x + segment.length / v::size * v::size;
    HEDDLE_NO_UNROLL
    for (; x != whole; x += v::size, w += v::size) {
      v factor[Outputs];
      HEDDLE_UNROLL
      for (std::size_t n = 0; n < Outputs; ++n) factor[n] = v::load(w + n * inputs);
      HEDDLE_UNROLL
      for (std::size_t i = 0; i < Rows; ++i) {
        const v a = v::load(x + i * stride);
        HEDDLE_UNROLL
        for (std::size_t n = 0; n < Outputs; ++n) sum[i][n] = fma(a, factor[n], sum[i][n]);
      }
    }
    const std::size_t rest = segment.length % v::size;
    if (rest == 0) continue;
    HEDDLE_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      const v a = v::load_partial(x + i * stride, rest);
      HEDDLE_UNROLL
      for (std::size_t n = 0; n < Outputs; ++n) sum[i][n] = fma(a, v::load_partial(w + n * inputs, rest), sum[i][n]);
    }
    w += rest;
  }
  // Lane sums of several outputs together; every output's lanes are added in the same order, wherever it is.
  constexpr std::size_t outputs_per_join = v::size < Outputs ? v::size : v::size / Outputs * Outputs;
  static_assert(outputs_per_join % Outputs == 0, "heddle: too few lanes for this many outputs");
  constexpr std::size_t rows_per_join = outputs_per_join / Outputs;
  alignas(memory_alignment) float joined[v::size];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < Rows; i += rows_per_join) {
    v group[v::size];
    HEDDLE_UNROLL
    for (std::size_t e = 0; e < v::size; ++e)
      group[e] = e < outputs_per_join && i + e / Outputs < Rows ? sum[i + e / Outputs][e % Outputs] : v::zero();
    join_add(group).store(joined);
    HEDDLE_UNROLL
    for (std::size_t e = 0; e < outputs_per_join; ++e)
      if (i + e / Outputs < Rows) t.out[(i + e / Outputs) * t.out_stride + e % Outputs] = joined[e] + t.start[e % Outputs];
  }
}

template <class Isa, std::size_t Rows>
void run_dot_rows(const gemm_tile& t, std::size_t inputs, std::size_t outputs) {
  switch (outputs) {
    case 1:
      return run_dot_tile<Isa, Rows, 1>(t, inputs);
    case 2:
      return run_dot_tile<Isa, Rows, 2>(t, inputs);
    case 3:
      return run_dot_tile<Isa, Rows, 3>(t, inputs);
    default:
      return run_dot_tile<Isa, Rows, 4>(t, inputs);
  }
}

}  // namespace heddle::inline v0::detail
