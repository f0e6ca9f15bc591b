/// @file
/// The two products of attention behind one interface, by instruction set and storage type. The driver (`attend.hpp`)
/// cuts a problem up, asks masks and score modifiers and keeps the statistics; what is packed and how it is multiplied is
/// the business of a "products" type:
///
/// @code
/// struct products {                       // everything static; p: panels, one vector (`width`) of keys each
///   using element;                        // 4 bytes: a float, or a word of two bfloat16
///   using session;                        // exists on the thread while its products are used
///   static constexpr std::size_t width;        // keys of a panel = lanes of vec<Isa>
///   static constexpr std::size_t tile_rows;    // rows of queries are padded (with zeros) to a multiple of it
///   static constexpr std::size_t block_rows;   // queries that share a pass over a chunk; a multiple of tile_rows
///   static constexpr std::size_t panel_step;   // chunks and runs are cut at multiples of it (2: tiles of 32 keys)
///   static constexpr std::size_t query_pitch(dim);      // elements of a packed query
///   static constexpr std::size_t panel_elements(dim);   // of a packed panel of keys
///   static constexpr std::size_t value_elements(dim);   // of the packed values of a panel
///   static constexpr std::size_t out_pitch(dim);        // floats of a row of unnormalised sums
///   // Rows come from a `head_source` (attend_source.hpp): present(i), row(i, slot), value_type.
///   template <D> static void pack_queries(source, first, count, dim, scale, element* out);
///   template <D> static void pack_keys(source, first, count, dim, element* out);            // one panel: count <= width
///   template <D, Check> static bool pack_values(source, first, count, dim, element* out);   // false: not all finite
///   template <D, Start> static void scores(const attend_score_job<element>&);
///   static void softmax(const attend_weight_job&);      // scores to weights in place, in the products' own format
///   static void keep(const attend_weight_job&);         // the scores ARE the weights: only the format
///   static float weight(const float* row, std::size_t key);   // reads a weight of a row back
///   template <D> static void values(const attend_value_job<element>&);
/// };
/// @endcode
///
/// - Missing keys are packed as zeros. `D` is the head_dim where the type knows it, else `dyn` (then `dim` counts).
/// - `scores` must give the final scale: `scale * q k + start`. `pack_queries` may have applied the scale already (f32 does;
///   products of bfloat16 do it in the epilogue, in f32). Rows up to the next multiple of `tile_rows` are computed too.
/// - Every score of a run is written, hidden or not; hidden ones become -inf afterwards, before `softmax`, whose weight for
///   -inf is exactly 0. Weights outside the runs are never read, except for the other panels of the same `panel_step`,
///   which belong to the run.
/// - Weights lie over their scores: row r of a block begins at `scores + r * pitch` in every format.
#pragma once

#include <heddle/simd/attend_pack.hpp>
#include <heddle/simd/attend_softmax.hpp>

namespace heddle::inline v0::detail {

/// The session of products that need none.
struct no_session {};

/// Scores of a block of queries and `panels` neighbouring panels.
template <class Element>
struct attend_score_job {
  const Element* queries;  ///< `[rows, query_pitch]`
  const Element* keys;     ///< first panel
  std::size_t rows;        ///< a multiple of `tile_rows`
  std::size_t panels;
  std::size_t head_dim;
  float scale;
  const float* start;  ///< `[rows, start_pitch]` biases of these keys, or null
  std::size_t start_pitch;
  float* scores;  ///< of the first panel, `[rows, pitch]`
  std::size_t pitch;
  float* largest;  ///< `[rows, V]`: maxima to be raised, or null
};

/// Scores of a block that become weights.
struct attend_weight_job {
  float* scores;  ///< `[rows, pitch]`
  std::size_t pitch;
  std::size_t rows;
  const panel_run* runs;
  std::size_t run_count;
  float* row_vectors;  ///< `[rows in whole vectors, V]`: maxima of this chunk on entry
  softmax_rows statistics;
  bool first;  ///< no chunk before this one
};

/// Weighted sums of values over runs of panels.
template <class Element>
struct attend_value_job {
  const float* weights;  ///< as `softmax` left them, `[rows, pitch]`
  std::size_t pitch;
  const Element* values;  ///< of panel 0 of the chunk
  const panel_run* runs;
  std::size_t run_count;
  std::size_t keys;  ///< keys of the chunk, an even number: weights and values behind are 0
  std::size_t rows;  ///< a multiple of `tile_rows`
  std::size_t head_dim;
  const float* factor;  ///< `[rows]`: what the sums before are multiplied with; null: start from zero
  float* out;           ///< `[rows, out_pitch]`
};

/// Products in floats. Stored bfloat16 and half become floats while they are packed.
template <class Isa>
struct attend_products_f32 {
  using v = vec<Isa>;
  using element = float;
  using session = no_session;
  using tile_type = attend_tile<Isa>;
  static constexpr std::size_t width = v::size;
  static constexpr std::size_t tile_rows = tile_type::rows;
  static constexpr std::size_t block_rows = tile_type::block;
  static constexpr std::size_t panel_step = 1;
  static_assert(block_rows % tile_rows == 0);

  static constexpr std::size_t out_pitch(std::size_t dim) noexcept { return (dim + width - 1) / width * width; }
  static constexpr std::size_t query_pitch(std::size_t dim) noexcept { return out_pitch(dim); }
  static constexpr std::size_t panel_elements(std::size_t dim) noexcept { return dim * width; }
  static constexpr std::size_t value_elements(std::size_t dim) noexcept { return out_pitch(dim) * width; }

  template <std::size_t D, class Source>
  static void pack_queries(const Source& source, std::size_t first, std::size_t count, std::size_t dim, float scale,
                           float* out) {
    pack_rows<Isa, D, false>(source, first, count, dim, scale, out, query_pitch(dim));
  }
  template <std::size_t D, class Source>
  static void pack_keys(const Source& source, std::size_t first, std::size_t count, std::size_t dim, float* out) {
    pack_panels<Isa, D>(source, first, count, dim, 1.0F, out);
  }
  template <std::size_t D, bool Check, class Source>
  static bool pack_values(const Source& source, std::size_t first, std::size_t count, std::size_t dim, float* out) {
    const std::size_t pitch = out_pitch(dim);
    const bool finite = pack_rows<Isa, D, Check>(source, first, count, dim, 1.0F, out, pitch);
    for (float* p = out + count * pitch; p < out + width * pitch; p += width) v::zero().store(p);
    return finite;
  }

  template <std::size_t D, bool Start>
  static void scores(const attend_score_job<float>& j) noexcept {
    each_piece<tile_type::columns>(j.panels, [&](auto n, std::size_t first) {
      if (j.largest != nullptr) {
        score_piece<D, Start, n, true>(j, first);
      } else {
        score_piece<D, Start, n, false>(j, first);
      }
    });
  }

  static void softmax(const attend_weight_job& j) noexcept {
    softmax_block<Isa>(j.scores, j.pitch, j.rows, j.runs, j.run_count, j.row_vectors, j.statistics, j.first);
  }
  static void keep(const attend_weight_job&) noexcept {}
  static float weight(const float* row, std::size_t key) noexcept { return row[key]; }

  template <std::size_t D>
  static void values(const attend_value_job<float>& j) noexcept {
    each_piece<tile_type::value_columns>(out_pitch(j.head_dim) / width, [&](auto n, std::size_t first) {
      if (j.factor == nullptr) {
        value_piece<n, false>(j, first * width);
      } else {
        value_piece<n, true>(j, first * width);
      }
    });
  }

 private:
  /// `Columns` panels from `first` for all rows of the block: the keys stay in the first cache.
  template <std::size_t D, bool Start, std::size_t Columns, bool Maxima>
  static void score_piece(const attend_score_job<float>& j, std::size_t first) noexcept {
    const float* keys = j.keys + first * panel_elements(j.head_dim);
    const std::size_t pitch = query_pitch(j.head_dim);
    for (std::size_t r = 0; r < j.rows; r += tile_rows) {
      score_tile<Isa, tile_rows, Columns, D, Start, Maxima>(
          j.queries + r * pitch, pitch, keys, j.head_dim, Start ? j.start + r * j.start_pitch + first * width : nullptr,
          j.start_pitch, j.scores + r * j.pitch + first * width, j.pitch, Maxima ? j.largest + r * width : nullptr);
    }
  }

  template <std::size_t Columns, bool Continue>
  static void value_piece(const attend_value_job<float>& j, std::size_t offset) noexcept {
    const std::size_t pitch = out_pitch(j.head_dim);
    for (std::size_t r = 0; r < j.rows; r += tile_rows) {
      value_tile<Isa, tile_rows, Columns, Continue>(j.weights + r * j.pitch, j.pitch, j.values + offset, pitch, j.runs,
                                                    j.run_count, j.keys, Continue ? j.factor + r : nullptr,
                                                    j.out + r * pitch + offset, pitch);
    }
  }
};

/// Which products compute a problem with stored elements `Storage`: `choose(f)` calls `f(products{})` with those that this
/// machine can run, `bytes(f)` is the largest `f(products{})` of all that it might choose. Specialised where there is a
/// choice. Compositions that observe weights always take `attend_products_f32`.
template <class Isa, class Storage>
struct attend_products {
  template <class F>
  static void choose(F&& f) {
    f(attend_products_f32<Isa>{});
  }
  template <class F>
  static constexpr std::size_t bytes(F&& f) {
    return f(attend_products_f32<Isa>{});
  }
};

}  // namespace heddle::inline v0::detail
