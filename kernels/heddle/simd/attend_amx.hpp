/// @file
/// The products of attention in bfloat16 by tiles (AMX or its emulation), two by two: 32 queries and 32 keys
/// at a time. Panels of keys are padded to whole tiles; weights and values to 32 keys by the panels that belong to a step.
#pragma once

#include <heddle/simd/attend_bf16_pack.hpp>
#include <heddle/simd/gemm_bf16_tiles.hpp>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

namespace heddle::inline v0::detail {

/// One or two blocks of 16 rows (`a`, `a_pitch` bytes from row to row) times one or two columns of tiles (`b`), added to
/// tiles 0 to 3. `a` advances 64 bytes, `b` by `b_step` bytes a step.
template <int Rows, int Columns, class Tiles>
HEDDLE_ALWAYS_INLINE void add_tile_products(Tiles& t, const char* a, std::size_t a_pitch, const char* b, std::size_t b_pitch,
                                            std::size_t b_step, std::size_t b_column, std::size_t steps) noexcept {
  HEDDLE_NO_UNROLL
  for (std::size_t s = 0; s < steps; ++s, a += 64, b += b_step) {
    t.template load<4>(a, a_pitch);
    t.template load<6>(b, b_pitch);
    t.template dot<0, 4, 6>();
    if constexpr (Columns == 2) {
      t.template load<7>(b + b_column, b_pitch);
      t.template dot<1, 4, 7>();
    }
    if constexpr (Rows == 2) {
      t.template load<5>(a + tile_rows * a_pitch, a_pitch);
      t.template dot<2, 5, 6>();
      if constexpr (Columns == 2) t.template dot<3, 5, 7>();
    }
  }
}

/// Tiles 0 to 3 from or to `[16 Rows, pitch]` floats.
template <int Rows, int Columns, class Tiles>
HEDDLE_ALWAYS_INLINE void load_sums(Tiles& t, const float* p, std::size_t pitch) noexcept {
  t.template load<0>(p, pitch * sizeof(float));
  if constexpr (Columns == 2) t.template load<1>(p + tile_words, pitch * sizeof(float));
  if constexpr (Rows == 2) t.template load<2>(p + tile_rows * pitch, pitch * sizeof(float));
  if constexpr (Rows == 2 && Columns == 2) t.template load<3>(p + tile_rows * pitch + tile_words, pitch * sizeof(float));
}
template <int Rows, int Columns, class Tiles>
HEDDLE_ALWAYS_INLINE void store_sums(const Tiles& t, float* p, std::size_t pitch) noexcept {
  t.template store<0>(p, pitch * sizeof(float));
  if constexpr (Columns == 2) t.template store<1>(p + tile_words, pitch * sizeof(float));
  if constexpr (Rows == 2) t.template store<2>(p + tile_rows * pitch, pitch * sizeof(float));
  if constexpr (Rows == 2 && Columns == 2) t.template store<3>(p + tile_rows * pitch + tile_words, pitch * sizeof(float));
}
template <class Tiles>
HEDDLE_ALWAYS_INLINE void zero_sums(Tiles& t) noexcept {
  t.template zero<0>();
  t.template zero<1>();
  t.template zero<2>();
  t.template zero<3>();
}

/// `Tiles` are registers that exist while a `Session` does.
template <class Isa, class Tiles, class Session>
struct attend_products_tiles : attend_bf16_format<Isa, tile_words> {
  using format = attend_bf16_format<Isa, tile_words>;
  using typename format::v;
  using tiles = Tiles;
  using session = Session;
  static constexpr std::size_t tile_rows = detail::tile_rows;
  static constexpr std::size_t block_rows = 64;  // 32: 5 to 15 % slower

  template <std::size_t D, bool Start>
  static void scores(const attend_score_job<bf16_pair>& j) noexcept {
    const std::size_t dim = D == dyn ? j.head_dim : D;
    for (std::size_t row = 0; row < j.rows; row += 2 * tile_rows) {
      if (j.rows - row > tile_rows) {
        score_rows<2, Start>(j, row, dim);
      } else {
        score_rows<1, Start>(j, row, dim);
      }
    }
  }

  template <std::size_t D>
  static void values(const attend_value_job<bf16_pair>& j) noexcept {
    const std::size_t pitch = format::out_pitch(D == dyn ? j.head_dim : D);
    if (j.factor != nullptr) rescale(j, pitch);
    for (std::size_t row = 0; row < j.rows; row += 2 * tile_rows) {
      const bool two = j.rows - row > tile_rows;
      for (std::size_t column = 0; column < pitch; column += 2 * tile_words) {
        const bool wide = pitch - column > tile_words;
        if (two && wide) {
          value_block<2, 2>(j, row, column, pitch);
        } else if (two) {
          value_block<2, 1>(j, row, column, pitch);
        } else if (wide) {
          value_block<1, 2>(j, row, column, pitch);
        } else {
          value_block<1, 1>(j, row, column, pitch);
        }
      }
    }
  }

 private:
  /// Panels whose scores are finished together: they are still in the first-level cache.
  static constexpr std::size_t finish_panels = 4;

  /// Raw products of 16 or 32 queries and all panels; then what is left to do with them, out of the first-level cache.
  template <int Rows, bool Start>
  static HEDDLE_NOINLINE void score_rows(const attend_score_job<bf16_pair>& j, std::size_t row, std::size_t dim) noexcept {
    Tiles t;
    const bool scaled = exact_scale(j.scale);  // by pack_queries
    const std::size_t steps = format::pairs_of(dim) / tile_words;
    const std::size_t panel_bytes = format::panel_elements(dim) * sizeof(bf16_pair);
    const char* const a = reinterpret_cast<const char*>(j.queries + row * format::query_pitch(dim));
    const char* b = reinterpret_cast<const char*>(j.keys);
    std::size_t finished = 0;
    for (std::size_t panel = 0; panel < j.panels; panel += 2, b += 2 * panel_bytes) {
      if (Start && scaled) {
        load_sums<Rows, 2>(t, j.start + row * j.start_pitch + panel * tile_words, j.start_pitch);
      } else {
        zero_sums(t);
      }
      add_tile_products<Rows, 2>(t, a, format::query_pitch(dim) * sizeof(bf16_pair), b, tile_words * sizeof(bf16_pair),
                                 tile_words * tile_words * sizeof(bf16_pair), panel_bytes, steps);
      store_sums<Rows, 2>(t, j.scores + row * j.pitch + panel * tile_words, j.pitch);
      if (panel + 2 < finished + 2 * finish_panels) continue;  // what was stored just now is not at hand yet
      finish_scores<Rows, Start>(j, row, finished, finished + finish_panels, scaled);
      finished += finish_panels;
    }
    finish_scores<Rows, Start>(j, row, finished, j.panels, scaled);
  }

  /// Scale, start and maxima of the panels `[panel, end)`, an even number.
  template <int Rows, bool Start>
  static HEDDLE_NOINLINE void finish_scores(const attend_score_job<bf16_pair>& j, std::size_t row, std::size_t panel,
                                            std::size_t end, bool scaled) noexcept {
    if (scaled && j.largest == nullptr) return;
    const v scale(j.scale);
    for (std::size_t r = row; r < row + static_cast<std::size_t>(Rows) * tile_rows; ++r) {
      float* const p = j.scores + r * j.pitch;
      [[maybe_unused]] const float* const start = Start ? j.start + r * j.start_pitch : nullptr;
      v low_largest(lowest_score);
      v high_largest = low_largest;
      for (std::size_t k = panel * tile_words; k < end * tile_words; k += 2 * tile_words) {
        v low = v::load(p + k);
        v high = v::load(p + k + tile_words);
        if (!scaled) {
          low = Start ? fma(low, scale, v::load(start + k)) : low * scale;
          high = Start ? fma(high, scale, v::load(start + k + tile_words)) : high * scale;
          low.store(p + k);
          high.store(p + k + tile_words);
        }
        low_largest = max(low_largest, low);
        high_largest = max(high_largest, high);
      }
      if (j.largest == nullptr) continue;
      float* const largest = j.largest + r * tile_words;
      max(v::load(largest), max(low_largest, high_largest)).store(largest);
    }
  }

  static HEDDLE_NOINLINE void rescale(const attend_value_job<bf16_pair>& j, std::size_t pitch) noexcept {
    for (std::size_t r = 0; r < j.rows; ++r) {
      const v factor(j.factor[r]);
      for (float* p = j.out + r * pitch; p < j.out + (r + 1) * pitch; p += tile_words) (v::load(p) * factor).store(p);
    }
  }

  template <int Rows, int Columns>
  static HEDDLE_NOINLINE void value_block(const attend_value_job<bf16_pair>& j, std::size_t row, std::size_t column,
                                          std::size_t pitch) noexcept {
    Tiles t;
    float* const out = j.out + row * pitch + column;
    if (j.factor != nullptr) {
      load_sums<Rows, Columns>(t, out, pitch);
    } else {
      zero_sums(t);
    }
    const std::size_t value_pitch = pitch * sizeof(bf16_pair);
    for (std::size_t i = 0; i < j.run_count; ++i) {
      const std::size_t first = j.runs[i].first;  // panels of 8 pairs
      add_tile_products<Rows, Columns>(
          t, reinterpret_cast<const char*>(j.weights + row * j.pitch + first * (tile_words / 2)), j.pitch * sizeof(float),
          reinterpret_cast<const char*>(j.values + first * (tile_words / 2) * pitch + column), value_pitch,
          tile_words * value_pitch, tile_words * sizeof(bf16_pair), j.runs[i].count / 2);
    }
    store_sums<Rows, Columns>(t, out, pitch);
  }
};

}  // namespace heddle::inline v0::detail

#endif
