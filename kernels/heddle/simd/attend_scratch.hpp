/// @file
/// What one worker of `attend` needs besides its inputs: bounded, whatever the number of tokens, except where a normalizer
/// weighs whole rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/primitive/attend.hpp>
#include <heddle/simd/attend_products.hpp>

namespace heddle::inline v0::detail {

/// How a problem is cut up, and the sizes of the parts of the scratch. Cuts depend on the shape alone, never on the number
/// of workers.
template <class Products>
struct attend_sizes {
  static constexpr std::size_t width = Products::width;
  static constexpr std::size_t block = Products::block_rows;
  /// Rows of statistics of a block: whole vectors.
  static constexpr std::size_t block_lanes = (block + width - 1) / width * width;
  static constexpr std::size_t whole = 768;  ///< keys that are packed at once; more are packed in chunks
  static constexpr std::size_t whole_observed =
      8192;  ///< the same where weights are observed: several chunks cost their scores twice
  static constexpr std::size_t chunk_keys = 512;
  static constexpr std::size_t outer_rows = 1024;  ///< queries that share packed keys, for heads of up to 64 elements
  static constexpr std::size_t few = 8;            ///< queries up to which rows of keys are read in place
  static constexpr std::size_t few_rows = 16;      ///< of all heads that then read the same keys together
  static constexpr std::size_t list_limit = 4096;  ///< tokens of a group that are listed at once

  std::size_t queries;
  std::size_t keys;
  std::size_t head_dim;
  std::size_t parts;
  std::size_t bias_runs;
  std::size_t panels;        ///< of a group
  std::size_t chunk;         ///< panels of a chunk
  std::size_t blocks;        ///< that share packed keys: of one head, or of several heads that read the same keys
  std::size_t score_panels;  ///< of a row of scores
  std::size_t pitch;         ///< of score rows: not a power of two, so that rows do not fall into one set of the cache
  std::size_t list_queries;
  std::size_t list_keys;
  std::size_t stage_pitch;
  bool added_pairs;
  bool own_keys;

  constexpr explicit attend_sizes(const attend_shape& s) noexcept
      : queries(s.queries),
        keys(s.keys),
        head_dim(s.head_dim),
        parts(s.parts),
        bias_runs(s.bias_runs),
        panels(up(s.keys, width)),
        chunk(panels_of_chunk(s)),
        blocks(blocks_of(s)),
        score_panels(s.whole_rows && chunk < panels ? (panels + chunk - 1) / chunk * chunk : chunk),
        pitch(score_panels * width + 16),
        list_queries(s.queries <= list_limit ? s.queries : blocks * block),
        list_keys(s.keys <= list_limit ? s.keys : chunk * width),
        stage_pitch(up(s.head_dim, width) * width),
        added_pairs(s.added_pairs),
        own_keys(s.own_keys) {}

  /// Queries of an outer block where `heads` heads of queries read the same keys.
  constexpr std::size_t outer(std::size_t heads) const noexcept {
    const std::size_t most = blocks / heads == 0 ? block : blocks / heads * block;
    const std::size_t cuts = up(queries, most);
    return cuts == 0 ? most : up(up(queries, cuts), block) * block;
  }
  constexpr std::size_t rows() const noexcept { return blocks * block; }
  /// Room for a block of rows, and for three vectors of columns of a short problem.
  constexpr std::size_t score_floats() const noexcept {
    const std::size_t columns = short_keys() * 3 * width;
    return block * pitch < columns ? columns : block * pitch;
  }
  /// Keys whose rows are packed for `attend_columns`.
  constexpr std::size_t short_keys() const noexcept { return keys <= short_problem ? keys : 0; }
  /// Pairs of such a problem, queries padded, where functions add to them.
  constexpr std::size_t short_pairs() const noexcept { return added_pairs ? short_keys() * padded_keys(short_keys()) : 0; }
  /// Pairs of a small group whose keys are not its queries: which of them see each other is kept for all heads.
  constexpr std::size_t near_pairs() const noexcept {
    return own_keys && queries <= 64 && panels <= chunk ? queries * panels * width : 0;
  }

 private:
  static constexpr std::size_t up(std::size_t n, std::size_t to) noexcept { return (n + to - 1) / to; }
  /// Long heads: fewer rows fill the same cache.
  static constexpr std::size_t shrunk(std::size_t n, std::size_t head_dim) noexcept {
    const std::size_t fitting = n * 128 / (head_dim < 128 ? 128 : head_dim);
    return fitting < 64 ? 64 : fitting;
  }
  static constexpr std::size_t panels_of_chunk(const attend_shape& s) noexcept {
    const std::size_t most =
        s.keys <= shrunk(s.weights ? whole_observed : whole, s.head_dim) ? s.keys : shrunk(chunk_keys, s.head_dim);
    const std::size_t n = up(up(most, width), Products::panel_step) * Products::panel_step;
    return n == 0 ? Products::panel_step : n;
  }
  static constexpr std::size_t blocks_of(const attend_shape& s) noexcept {
    const std::size_t most = shrunk(outer_rows, 2 * s.head_dim) / block;
    const std::size_t needed = up(s.queries, block);
    const std::size_t least = most / 2 == 0 ? 1 : most / 2;
    const bool packed_once = !s.whole_rows || up(s.keys, width) <= panels_of_chunk(s);  // else a block packs them for itself
    return !packed_once ? 1 : needed < least ? least : needed < most ? needed : most == 0 ? 1 : most;
  }
};

/// The parts themselves.
template <class Products>
struct attend_scratch {
  using sizes_type = attend_sizes<Products>;
  using element = typename Products::element;

  std::int32_t* query_tokens;
  std::int32_t* key_tokens;
  // Of the panels of a chunk:
  std::size_t* panel_of;   ///< which panel of the group
  std::uint8_t* unclear;   ///< the mask is partial there for the outer block
  std::uint8_t* ask;       ///< the mask is partial there for the present block
  std::uint8_t* complete;  ///< every lane is a key
  std::uint8_t* tainted;   ///< some value is infinite or NaN
  float* valid;            ///< `[chunk, V]`: 0 for a key that exists, -1 for none
  panel_run* runs;
  const void** key_rows;  ///< `[chunk * V]`: where they are read in place
  const void** value_rows;
  element* keys;
  element* values;
  element* queries;     ///< `[rows, query_pitch]`
  float* few_queries;   ///< `[few_rows, stage_pitch]`, instead, where keys are read in place
  float* scores;        ///< `[block, pitch]`
  float* row_vectors;   ///< `[block_lanes, V]`
  float* sums;          ///< `[parts][rows, out_pitch]`
  std::uint8_t* seen;   ///< `[parts][blocks]`: some key was visible
  softmax_rows rows;    ///< `[parts][blocks, block_lanes]`; factor: one block
  float* inverse;       ///< `[2][block_lanes]`
  float* stage;         ///< `[V, stage_pitch]`
  float* bias;          ///< `[bias_runs][block, chunk * V]`
  float* near;          ///< `[queries, panels * V]` of `near_pairs`: 0 for a key that the query sees, else -1
  float* short_rows;    ///< `[short_keys, out_pitch]`
  float* short_added;   ///< `[short_keys, queries padded]`: what functions add to the pairs of a group
  float* short_starts;  ///< the same with the biases of a head

  attend_scratch(arena& memory, const sizes_type& s) {
    each(*this, s, [&]<class T>(T*& part, std::size_t count) { part = memory.take<T>(count); });
  }

  static constexpr std::size_t bytes(const sizes_type& s) noexcept {
    std::size_t n = 0;
    attend_scratch none;
    each(none, s, [&]<class T>(T*&, std::size_t count) { n += scratch_bytes<T>(count); });
    return n;
  }

 private:
  constexpr attend_scratch() noexcept
      : query_tokens{},
        key_tokens{},
        panel_of{},
        unclear{},
        ask{},
        complete{},
        tainted{},
        valid{},
        runs{},
        key_rows{},
        value_rows{},
        keys{},
        values{},
        queries{},
        few_queries{},
        scores{},
        row_vectors{},
        sums{},
        seen{},
        rows{},
        inverse{},
        stage{},
        bias{},
        near{},
        short_rows{},
        short_added{},
        short_starts{} {}

  template <class F>
  static constexpr void each(attend_scratch& a, const sizes_type& s, F&& f) {
    constexpr std::size_t w = Products::width;
    const std::size_t statistics = s.parts * s.blocks * s.block_lanes;
    f(a.query_tokens, s.list_queries);
    f(a.key_tokens, s.list_keys);
    f(a.panel_of, s.chunk);
    f(a.unclear, s.chunk);
    f(a.ask, s.chunk);
    f(a.complete, s.chunk);
    f(a.tainted, s.chunk);
    f(a.valid, s.chunk * w);
    f(a.runs, s.chunk);
    f(a.key_rows, s.chunk * w);
    f(a.value_rows, s.chunk * w);
    f(a.keys, s.chunk * Products::panel_elements(s.head_dim));
    f(a.values, s.chunk * Products::value_elements(s.head_dim));
    f(a.queries, s.rows() * Products::query_pitch(s.head_dim));
    f(a.few_queries, s.few_rows * s.stage_pitch);
    f(a.scores, s.score_floats());
    f(a.row_vectors, s.block_lanes * w);
    f(a.sums, s.parts * s.rows() * Products::out_pitch(s.head_dim));
    f(a.seen, s.parts * s.blocks);
    f(a.rows.largest, statistics);
    f(a.rows.sum, statistics);
    f(a.rows.factor, std::size_t{s.block_lanes});
    f(a.inverse, 2 * s.block_lanes);
    f(a.stage, w * s.stage_pitch);
    f(a.bias, s.bias_runs * s.block * s.chunk * w);
    f(a.near, s.near_pairs());
    f(a.short_rows, s.short_keys() * Products::out_pitch(s.head_dim));
    f(a.short_added, s.short_pairs());
    f(a.short_starts, s.short_pairs());
  }
};

}  // namespace heddle::inline v0::detail
