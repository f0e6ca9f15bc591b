/// @file
/// Attention of few queries to many keys: every block a part of the keys, merged exactly and in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_parameters.cuh>
#include <heddle/cuda/attend_short_products.cuh>
#include <heddle/cuda/attend_short_scores.cuh>
#include <heddle/cuda/attend_short_stage.cuh>
#include <heddle/cuda/attend_split_layout.cuh>

namespace heddle::inline v0::detail {

/// A row of a problem: a query of one of the heads that share keys.
struct split_row {
  unsigned head;
  unsigned query;
};

/// What both kernels know of a call.
template <class Arguments>
struct split_call {
  attend_parameters<Arguments> a;
  split_cut cut;
  float* sums;  ///< `[problems, parts, 16, head_dim + 2]`: sums of weighted values, largest score, sum; null for one part

  static constexpr unsigned row_floats = static_cast<unsigned>(Arguments::head_dim) + 2;

  /// Rows of all heads that share a head of keys.
  HEDDLE_DEVICE unsigned rows() const { return static_cast<unsigned>(a.queries * a.heads_per_key_head); }
  /// Row `r` of a tile, or the last where there is none: policies are asked about no others.
  HEDDLE_DEVICE split_row row(unsigned key_head, unsigned tile, unsigned r) const {
    const unsigned i = tile * 16U + r < rows() ? tile * 16U + r : rows() - 1U;
    const unsigned queries = static_cast<unsigned>(a.queries);
    return {key_head * static_cast<unsigned>(a.heads_per_key_head) + i / queries, i % queries};
  }
  HEDDLE_DEVICE float* sums_of(std::size_t problem, std::size_t part, unsigned r) const {
    return sums + ((problem * cut.parts + part) * 16U + r) * row_floats;
  }
  /// Divides and writes one number of the output, and with the first the logsumexp. `largest` is in base 2.
  HEDDLE_DEVICE void write(unsigned batch, const split_row& row, unsigned d, float value, float largest, float sum) const {
    using composition = typename Arguments::composition_type;
    using normalizer = typename composition::normalizer_type;
    if constexpr (initial_score<normalizer>) {
      const float score = a.composition.normalizer().initial_score(row.head) * log2_of_e;
      const float higher = device::max(score, largest);
      const float base = higher == hidden_in_tile ? 0.0F : higher;
      const float factor = device::exp2(largest - base);
      value *= factor;
      sum = sum * factor + device::exp2(score - base);
      largest = higher;
    }
    const float inverse = sum == 0.0F ? 0.0F : 1.0F / sum;
    auto* const out =
        a.out.data_handle() + batch * a.out.stride(0) + row.head * a.out.stride(1) + row.query * a.out.stride(2) + d;
    device::store_global(out, device::round_to<typename Arguments::output_type>(value * inverse));
    if constexpr (kernel_observer<Arguments>::logsumexp) {
      const auto& lse = a.outputs.logsumexp;
      if (d == 0)
        device::store_global(lse.data_handle() + batch * lse.stride(0) + row.head * lse.stride(1) + row.query * lse.stride(2),
                             sum == 0.0F ? hidden_in_tile : largest * log_of_2 + math::log(sum));
    }
  }
};

/// One part of the keys of one problem. Warps take chunks of it in turn, each on its own; what they found is added in the
/// order of the warps.
template <class Arguments>
struct attend_split_kernel {
  using parameters = attend_parameters<Arguments>;
  using composition_type = typename Arguments::composition_type;
  using context_type = typename Arguments::context_type;
  using mask_type = effective_mask<composition_type>;
  using value_type = typename Arguments::value_type;
  using layout = split_layout<value_type, typename Arguments::output_type, Arguments::head_dim>;
  using products = short_products<layout>;
  using scores_type = typename products::scores_type;
  using outputs_type = typename products::outputs_type;
  static constexpr unsigned threads = layout::threads;
  /// As in small problems.
  static constexpr bool always_checks = composition_type::modifiers > 0 || layout::split;
  static constexpr bool checks = mask_type::masked || always_checks;

  split_call<Arguments> call;
  bool whole;  ///< views are aligned for the largest copies

  /// The part of a block, and the two rows of a lane.
  struct place {
    std::size_t problem;
    std::size_t part;
    unsigned batch;
    unsigned key_head;
    unsigned tile;
    unsigned begin;  ///< keys
    unsigned end;
    split_row rows[2];
  };
  struct statistics {
    float largest[2] = {hidden_in_tile, hidden_in_tile};
    float sum[2] = {0.0F, 0.0F};
  };

  HEDDLE_DEVICE void operator()() const {
    const place p = find();
    load_queries(p);
    outputs_type o = {};
    statistics rows;
    unsigned chunk = next(p, p.begin + device::warp() * layout::chunk_keys);
    if (chunk < p.end) load_keys(p, chunk, 0);
    device::copy_commit();
    device::copy_wait<0>();
    device::sync_block();
    for (unsigned turn = 0; chunk < p.end; ++turn) {
      const unsigned following = next(p, chunk + layout::warps * layout::chunk_keys);
      if (following < p.end) load_keys(p, following, (turn + 1) & 1U);
      device::copy_commit();
      device::copy_wait<1>();
      device::sync_warp();
      add_chunk(p, chunk, turn & 1U, o, rows);
      device::sync_warp();
      chunk = following;
    }
    device::copy_wait<0>();
    finish(p, o, rows);
  }

 private:
  HEDDLE_DEVICE device::shared_address mine() const { return device::shared_base() + device::warp() * layout::warp_bytes; }
  HEDDLE_DEVICE device::shared_address keys_of(unsigned stage) const { return mine() + stage * layout::stage_bytes; }
  HEDDLE_DEVICE device::shared_address values_of(unsigned stage) const { return keys_of(stage) + layout::chunk_bytes; }
  HEDDLE_DEVICE device::shared_address queries() const { return device::shared_base() + layout::queries; }

  HEDDLE_DEVICE place find() const {
    const std::size_t index = device::block_index();
    const split_cut& cut = call.cut;
    place p{};
    p.part = index % cut.parts;
    p.problem = index / cut.parts;
    p.tile = static_cast<unsigned>(p.problem % cut.row_tiles);
    const std::size_t key_heads = call.a.heads / call.a.heads_per_key_head;
    p.key_head = static_cast<unsigned>(p.problem / cut.row_tiles % key_heads);
    p.batch = static_cast<unsigned>(p.problem / cut.row_tiles / key_heads);
    p.begin = static_cast<unsigned>(p.part * cut.span);
    const std::size_t end = p.part * cut.span + cut.span;
    p.end = static_cast<unsigned>(end < call.a.keys ? end : call.a.keys);
    p.rows[0] = call.row(p.key_head, p.tile, device::lane() / 4U);
    p.rows[1] = call.row(p.key_head, p.tile, device::lane() / 4U + 8U);
    return p;
  }

  HEDDLE_DEVICE context_type context_of(const place& p, unsigned h) const {
    return {call.a.first_batch + p.batch, call.a.first_group, p.rows[h].head, call.a.queries, call.a.keys, &call.a.map};
  }
  HEDDLE_DEVICE unsigned last_of(const place& p, unsigned chunk) const {
    return chunk + layout::chunk_keys < p.end ? chunk + layout::chunk_keys : p.end;
  }

  /// What the mask says to a lane's two rows about a chunk.
  HEDDLE_DEVICE tile seen(const place& p, unsigned chunk, unsigned h) const {
    const unsigned q = p.rows[h].query;
    return mask_type(call.a.composition).classify(context_of(p, h), q, q + 1U, chunk, last_of(p, chunk));
  }
  /// The first chunk of this warp from `chunk` on that somebody sees.
  HEDDLE_DEVICE unsigned next(const place& p, unsigned chunk) const {
    if constexpr (mask_type::masked) {
      while (chunk < p.end && !device::vote_any(seen(p, chunk, 0) != tile::skip || seen(p, chunk, 1) != tile::skip))
        chunk += layout::warps * layout::chunk_keys;
    }
    return chunk;
  }

  HEDDLE_DEVICE void load_queries(const place& p) const {
    constexpr unsigned copies = layout::copies_per_row;
    for (unsigned i = device::thread(); i < 16U * copies; i += threads) {
      const unsigned r = i / copies;
      const split_row row = call.row(p.key_head, p.tile, r);
      const auto& q = call.a.q;
      const value_type* from = q.data_handle() + p.batch * q.stride(0) + row.head * q.stride(1) + row.query * q.stride(2);
      short_stage<layout>::copy_piece(queries() + r * layout::row_bytes, from, i % copies, true, whole);
    }
  }

  HEDDLE_DEVICE void load_keys(const place& p, unsigned chunk, unsigned stage) const {
    constexpr unsigned copies = layout::copies_per_row;
    const unsigned last = last_of(p, chunk);
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned i = device::lane(); i < layout::chunk_keys * copies; i += 32U) {
      const unsigned r = i / copies;
      const bool valid = chunk + r < last;
      const unsigned key = valid ? chunk + r : chunk;
      const value_type* const k = call.a.k.row(p.batch, p.key_head, key);
      const value_type* const v = call.a.v.row(p.batch, p.key_head, key);
      short_stage<layout>::copy_piece(keys_of(stage) + r * layout::row_bytes, k, i % copies, valid, whole);
      short_stage<layout>::copy_piece(values_of(stage) + r * layout::row_bytes, v, i % copies, valid, whole);
    }
  }

  HEDDLE_DEVICE void add_chunk(const place& p, unsigned chunk, unsigned stage, outputs_type& o, statistics& rows) const {
    const unsigned keys = last_of(p, chunk) - chunk;
    const unsigned tiles = (keys + 7U) / 8U;
    scores_type s;
    products::scores(s, queries(), keys_of(stage), tiles);
    bool ask = false;
    if constexpr (mask_type::masked) ask = device::vote_any(seen(p, chunk, 0) != tile::full || seen(p, chunk, 1) != tile::full);
    std::uint32_t flaws = 0;
    if constexpr (checks) {
      if (always_checks || ask) {
        bool flawed = false;
        if (device::lane() < keys)
          flawed = take_out_flaws_of_row<layout>(values_of(stage) + device::lane() * layout::row_bytes);
        flaws = device::ballot(flawed);
        device::sync_warp();
      }
    }
    apply(p, s, chunk, keys, tiles, ask);
    weigh(s, o, rows, tiles);
    products::values(o, s, values_of(stage), tiles);
    if constexpr (checks) {
      if (flaws == 0) return;
      add_single_values<layout::head_dim, products::key_tiles>(
          [&](unsigned n, unsigned j) { return s[n][j]; }, [&](unsigned d, unsigned j) -> float& { return o[d][j]; }, keys,
          [&](unsigned i) { return (flaws >> i & 1U) != 0; },
          [&](unsigned h, unsigned i, float w) {
            return sees(p, h, chunk + i) && (composition_type::modifiers == 0 || w != 0.0F);
          },
          [&](unsigned i) { return call.a.v.row(p.batch, p.key_head, chunk + i); });
    }
  }

  HEDDLE_DEVICE bool sees(const place& p, unsigned h, unsigned key) const {
    return mask_type(call.a.composition)(context_of(p, h), static_cast<float>(p.rows[h].query), static_cast<float>(key));
  }

  /// Scores in base 2, -inf where the mask hides and behind the last key.
  HEDDLE_DEVICE void apply(const place& p, scores_type& s, unsigned chunk, unsigned keys, unsigned tiles, bool ask) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      const attend_problem<parameters> problem(call.a, p.batch, 0, p.rows[h].head);
      const context_type c = context_of(p, h);
      const float scale = problem.scale();
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < products::key_tiles; ++n) {
        if (n >= tiles) break;
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 2 * h; i < 2 * h + 2; ++i) {
          const unsigned at = 8U * n + 2U * (device::lane() & 3U) + (i & 1U);
          const unsigned key = at < keys ? chunk + at : chunk + keys - 1U;
          float score = s[n][i] * scale;
          if constexpr (composition_type::modifiers > 0) score = problem.score(c, score, p.rows[h].query, key);
          bool visible = at < keys;
          if constexpr (mask_type::masked) {
            if (ask)
              visible =
                  visible && mask_type(call.a.composition)(c, static_cast<float>(p.rows[h].query), static_cast<float>(key));
          }
          s[n][i] = visible ? score * log2_of_e : hidden_in_tile;
        }
      }
    }
  }

  HEDDLE_DEVICE void weigh(scores_type& s, outputs_type& o, statistics& rows, unsigned tiles) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) weigh_half<layout>(s, o, h, rows.largest[h], rows.sum[h], tiles);
  }

  /// Adds what the warps found, in their order, and writes it: as a part, or, if it is the only one, as the result.
  HEDDLE_DEVICE void finish(const place& p, const outputs_type& o, statistics& rows) const {
    const unsigned lane = device::lane();
    const device::shared_view<float> sums{mine()};
    const device::shared_view<device::vector<float, 2>> pairs{mine()};
    constexpr unsigned pitch = layout::sum_pitch;
    device::sync_warp();
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      const unsigned r = lane / 4U + 8U * h;
      HEDDLE_DEVICE_UNROLL
      for (unsigned d = 0; d < layout::tiles_of_dim; ++d)
        pairs.store((r * pitch + 8U * d) / 2U + (lane & 3U), {{o[d][2 * h], o[d][2 * h + 1]}});
      float sum = rows.sum[h] + device::shuffle_xor(rows.sum[h], 1U);
      sum += device::shuffle_xor(sum, 2U);
      if ((lane & 3U) == 0) {
        sums.store(16U * pitch + 2U * r, rows.largest[h]);
        sums.store(16U * pitch + 2U * r + 1U, sum);
      }
    }
    device::sync_block();
    const unsigned here = call.rows() - p.tile * 16U < 16U ? call.rows() - p.tile * 16U : 16U;
    for (unsigned i = device::thread(); i < here * layout::head_dim; i += threads)
      add_warps(p, i / layout::head_dim, i % layout::head_dim);
  }

  HEDDLE_DEVICE void add_warps(const place& p, unsigned r, unsigned d) const {
    constexpr unsigned pitch = layout::sum_pitch;
    const auto of = [](unsigned warp) { return device::shared_view<float>{device::shared_base() + warp * layout::warp_bytes}; };
    float largest = hidden_in_tile;
    HEDDLE_DEVICE_UNROLL
    for (unsigned w = 0; w < layout::warps; ++w) largest = device::max(largest, of(w).load(16U * pitch + 2U * r));
    const float base = largest == hidden_in_tile ? 0.0F : largest;
    float value = 0.0F;
    float sum = 0.0F;
    HEDDLE_DEVICE_UNROLL
    for (unsigned w = 0; w < layout::warps; ++w) {
      const float factor = device::exp2(of(w).load(16U * pitch + 2U * r) - base);
      value += of(w).load(r * pitch + d) * factor;
      sum += of(w).load(16U * pitch + 2U * r + 1U) * factor;
    }
    if (call.cut.parts == 1) {
      call.write(p.batch, call.row(p.key_head, p.tile, r), d, value, largest, sum);
      return;
    }
    float* const out = call.sums_of(p.problem, p.part, r);
    device::store_global(out + d, value);
    if (d == 0) {
      device::store_global(out + layout::head_dim, largest);
      device::store_global(out + layout::head_dim + 1, sum);
    }
  }
};

/// Merges the parts, in the order of the keys: one warp a row.
template <class Arguments>
struct attend_split_merge {
  static constexpr unsigned threads = 128;
  split_call<Arguments> call;

  HEDDLE_DEVICE void operator()() const {
    const std::size_t i = static_cast<std::size_t>(device::block_index()) * (threads / 32U) + device::warp();
    const std::size_t problem = i / 16U;
    const unsigned r = static_cast<unsigned>(i % 16U);
    if (problem >= call.cut.problems) return;
    const unsigned tile = static_cast<unsigned>(problem % call.cut.row_tiles);
    if (tile * 16U + r >= call.rows()) return;
    const std::size_t key_heads = call.a.heads / call.a.heads_per_key_head;
    const unsigned key_head = static_cast<unsigned>(problem / call.cut.row_tiles % key_heads);
    const unsigned batch = static_cast<unsigned>(problem / call.cut.row_tiles / key_heads);
    constexpr unsigned dim = static_cast<unsigned>(Arguments::head_dim);
    float largest = hidden_in_tile;
    for (std::size_t part = 0; part < call.cut.parts; ++part)
      largest = device::max(largest, device::load_global(call.sums_of(problem, part, r) + dim));
    const float base = largest == hidden_in_tile ? 0.0F : largest;
    const split_row row = call.row(key_head, tile, r);
    for (unsigned d = device::lane(); d < dim; d += 32U) {
      float value = 0.0F;
      float sum = 0.0F;
      for (std::size_t part = 0; part < call.cut.parts; ++part) {
        const float* const from = call.sums_of(problem, part, r);
        const float factor = device::exp2(device::load_global(from + dim) - base);
        value += device::load_global(from + d) * factor;
        sum += device::load_global(from + dim + 1) * factor;
      }
      call.write(batch, row, d, value, largest, sum);
    }
  }
};

}  // namespace heddle::inline v0::detail
