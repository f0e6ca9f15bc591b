/// @file
/// The products of attention in bfloat16 by dot products of pairs, and which products stored bfloat16 takes.
#pragma once

#include <heddle/simd/attend_amx.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

namespace heddle::inline v0::detail {

/// `scores[r][16 j + lane] = scale (q[r] . k_j[lane]) + start[r][...]` for `Rows` queries and two panels; raises the maxima
/// of the rows where there are any. `Start`: there is a start.
template <class Isa, std::size_t Rows, bool Start>
HEDDLE_NOINLINE void dot_score_tile(const attend_score_job<bf16_pair>& j, std::size_t row, std::size_t panel, std::size_t words,
                                    std::size_t query_pitch) {
  using v = vec<Isa>;
  v sum[Rows][2];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) sum[r][0] = sum[r][1] = v::zero();
  const bf16_pair* q = j.queries + row * query_pitch;
  const bf16_pair* key = j.keys + panel * words * v::size;
  const bf16_pair* const end = q + words;
  HEDDLE_NO_UNROLL
  for (; q != end; ++q, key += v::size) {
    const pairs<Isa> k0 = pairs<Isa>::load(key);
    const pairs<Isa> k1 = pairs<Isa>::load(key + words * v::size);
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < Rows; ++r) {
      const pairs<Isa> x = pairs<Isa>::broadcast(q + r * query_pitch);
      sum[r][0] = dot_pair(sum[r][0], x, k0);
      sum[r][1] = dot_pair(sum[r][1], x, k1);
    }
  }
  const v scale(j.scale);
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t c = 0; c < 2; ++c) {
      if constexpr (Start) {
        sum[r][c] = fma(sum[r][c], scale, v::load(j.start + (row + r) * j.start_pitch + (panel + c) * v::size));
      } else {
        sum[r][c] = sum[r][c] * scale;
      }
      sum[r][c].store(j.scores + (row + r) * j.pitch + (panel + c) * v::size);
    }
  }
  if (j.largest == nullptr) return;
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    float* const largest = j.largest + (row + r) * v::size;
    max(max(v::load(largest), sum[r][0]), sum[r][1]).store(largest);
  }
}

/// `out[r][16 c + lane] = factor[r] out[r][...] + weights[r] . values[...][16 c + lane]` for `Rows` rows and `Columns` vectors.
template <class Isa, std::size_t Rows, std::size_t Columns, bool Continue>
HEDDLE_NOINLINE void dot_value_tile(const attend_value_job<bf16_pair>& j, std::size_t row, std::size_t column,
                                    std::size_t pitch) {
  using v = vec<Isa>;
  float* const out = j.out + row * pitch + column * v::size;
  v sum[Rows][Columns];
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t c = 0; c < Columns; ++c)
      sum[r][c] = Continue ? v::load(out + r * pitch + c * v::size) * v::broadcast(j.factor + row + r) : v::zero();
  }
  for (std::size_t i = 0; i < j.run_count; ++i) {
    const std::size_t first = j.runs[i].first * v::size;
    const std::size_t run_end = first + j.runs[i].count * v::size;
    const std::size_t last = run_end < j.keys ? run_end : j.keys;
    const bf16_pair* value = j.values + first / 2 * pitch + column * v::size;
    const bf16_pair* weight = reinterpret_cast<const bf16_pair*>(j.weights + row * j.pitch) + first / 2;
    const bf16_pair* const end = weight + (last - first) / 2;
    HEDDLE_NO_UNROLL
    for (; weight < end; ++weight, value += pitch) {
      pairs<Isa> x[Columns];
      HEDDLE_UNROLL
      for (std::size_t c = 0; c < Columns; ++c) x[c] = pairs<Isa>::load(value + c * v::size);
      HEDDLE_UNROLL
      for (std::size_t r = 0; r < Rows; ++r) {
        const pairs<Isa> w = pairs<Isa>::broadcast(weight + r * j.pitch);
        HEDDLE_UNROLL
        for (std::size_t c = 0; c < Columns; ++c) sum[r][c] = dot_pair(sum[r][c], w, x[c]);
      }
    }
  }
  HEDDLE_UNROLL
  for (std::size_t r = 0; r < Rows; ++r) {
    HEDDLE_UNROLL
    for (std::size_t c = 0; c < Columns; ++c) sum[r][c].store(out + r * pitch + c * v::size);
  }
}

/// Dot products of pairs, in register tiles of 14 rows and two vectors like those of floats.
template <class Isa>
struct attend_products_bf16 : attend_bf16_format<Isa, 1> {
  using format = attend_bf16_format<Isa, 1>;
  using session = no_session;
  static constexpr std::size_t tile_rows = pairs<Isa>::native ? 14 : 7;  // without a dot instruction operands are two registers
  static constexpr std::size_t block_rows = 28;

  /// Queries are not scaled here: the tiles scale in their epilogue.
  template <std::size_t D, class Source>
  static void pack_queries(const Source& source, std::size_t first, std::size_t count, std::size_t dim, float,
                           bf16_pair* out) noexcept {
    format::template pack_queries<D>(source, first, count, dim, 1.0F, out);
  }

  template <std::size_t D, bool Start>
  static void scores(const attend_score_job<bf16_pair>& j) noexcept {
    const std::size_t dim = D == dyn ? j.head_dim : D;
    for (std::size_t panel = 0; panel < j.panels; panel += 2)
      for (std::size_t row = 0; row < j.rows; row += tile_rows)
        dot_score_tile<Isa, tile_rows, Start>(j, row, panel, format::pairs_of(dim), format::query_pitch(dim));
  }

  template <std::size_t D>
  static void values(const attend_value_job<bf16_pair>& j) noexcept {
    const std::size_t pitch = format::out_pitch(D == dyn ? j.head_dim : D);
    each_piece<2>(pitch / format::width, [&](auto n, std::size_t column) {
      for (std::size_t row = 0; row < j.rows; row += tile_rows) {
        if (j.factor == nullptr) {
          dot_value_tile<Isa, tile_rows, n, false>(j, row, column, pitch);
        } else {
          dot_value_tile<Isa, tile_rows, n, true>(j, row, column, pitch);
        }
      }
    });
  }
};

/// Stored bfloat16 by dot products: 1.3 times as fast as floats or more where two of them start in a cycle (AMD).
template <class Isa>
  requires(isa::includes<Isa, isa::avx512_bf16> && !isa::includes<Isa, isa::amx>)
struct attend_products<Isa, bfloat16> {
  template <class F>
  static void choose(F&& f) {
    f(attend_products_bf16<Isa>{});
  }
  template <class F>
  static constexpr std::size_t bytes(F&& f) {
    return f(attend_products_bf16<Isa>{});
  }
};

/// By tiles where the system grants them, else in floats: processors with AMX start a dot product every second cycle only
/// (80 GFLOP/s where multiply-adds of floats reach 158, measured on Sapphire Rapids).
template <class Isa>
  requires(isa::includes<Isa, isa::amx>)
struct attend_products<Isa, bfloat16> {
  template <class F>
  static void choose(F&& f) {
#if HEDDLE_HAS_AMX
    if (amx_granted()) return f(attend_products_tiles<Isa, amx_registers, amx_session>{});
#endif
    f(attend_products_f32<Isa>{});
  }
  template <class F>
  static constexpr std::size_t bytes(F&& f) {
    const std::size_t tiles = f(attend_products_tiles<Isa, emulated_tiles, no_session>{});  // of the same sizes
    const std::size_t floats = f(attend_products_f32<Isa>{});
    return tiles > floats ? tiles : floats;
  }
};

}  // namespace heddle::inline v0::detail

#endif
