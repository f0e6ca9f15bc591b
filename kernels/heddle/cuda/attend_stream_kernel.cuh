/// @file
/// Tiles of keys and values that stream past a tile of queries: the next is copied while the present one is multiplied, and
/// the softmax is corrected as larger scores come (online softmax, Milakov and Gimelshein 2018; Dao et al. 2022).
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_short_products.cuh>
#include <heddle/cuda/attend_stream_layout.cuh>
#include <heddle/cuda/attend_stream_rows.cuh>
#include <heddle/cuda/attend_stream_scores.cuh>
#include <heddle/cuda/attend_stream_values.cuh>

namespace heddle::inline v0::detail {

/// For heads of up to `Dim` elements. Four warps, each with 16 queries; every warp sees all keys of a tile. Tiles that the mask
/// leaves out are neither copied nor multiplied.
template <class P, unsigned Dim>
struct attend_stream_kernel {
  using T = typename P::value_type;
  using layout = stream_layout<T, Dim>;
  using products = short_products<layout>;
  using scores_of = stream_scores<P>;
  using problem_type = attend_problem<P>;
  using context_type = typename P::context_type;
  using composition_type = typename P::composition_type;
  using normalizer_type = typename P::normalizer_type;
  using output_type = typename P::output_type;
  using observer = typename P::observer;
  static constexpr unsigned threads = layout::threads;
  static constexpr unsigned shared_bytes = layout::bytes;
  /// As many as shared memory has room for; long heads need the registers.
  static constexpr unsigned min_blocks = Dim <= 64 && !copies_rows<typename P::composition_type> ? 3 : 1;
  static constexpr unsigned chunk = layout::chunk_keys;
  static constexpr float hidden = scores_of::hidden;
  static constexpr bool masked = P::mask_type::masked;
  static constexpr bool ordered = P::in_order || P::other_tokens;
  static constexpr bool biased = bias_runs<composition_type>::count > 0;
  static constexpr bool lists = !ordered || biased;
  /// A weight of zero meets values that are there: of hidden keys, and of scores that a modifier made -inf. The parts of an
  /// infinite float are not finite either.
  static constexpr bool checks = masked || composition_type::modifiers > 0 || layout::split;
  static constexpr bool elementwise = normalizer_type::kind == normalizer_kind::elementwise;
  static constexpr bool smoothed = smooths<composition_type>;
  /// A policy changes queries and keys: they are not copied but made.
  static constexpr bool changes = copies_rows<composition_type>;

  P p;
  bool whole_vectors;  ///< of queries, keys and values
  bool whole_pairs;    ///< of outputs

  HEDDLE_HOST_DEVICE std::size_t query_tiles() const noexcept { return (p.queries + layout::queries - 1) / layout::queries; }
  HEDDLE_HOST_DEVICE std::size_t items() const noexcept { return p.problems() * query_tiles(); }

  HEDDLE_DEVICE void operator()() const {
    const std::size_t tiles = query_tiles();
    for (std::size_t item = device::block_index(); item < items(); item += device::grid_size()) {
      // The last queries first: with causal masks they have the most keys.
      run(problem_type::numbered(p, item / tiles), (tiles - 1 - item % tiles) * layout::queries);
    }
  }

 private:
  /// What a lane keeps of its two rows.
  struct rows_state {
    typename products::outputs_type o;
    float largest[2];  ///< in base 2
    float sum[2];      ///< of this lane's columns
  };

  static HEDDLE_DEVICE device::shared_address at(unsigned offset) { return device::shared_base() + offset; }
  static HEDDLE_DEVICE device::shared_address keys_at(unsigned stage) {
    return at(layout::k_offset + stage * layout::tile_bytes);
  }
  static HEDDLE_DEVICE device::shared_address values_at(unsigned stage) {
    return at(layout::v_offset + stage * layout::tile_bytes);
  }
  static HEDDLE_DEVICE device::shared_address tokens_at(unsigned slot) { return at(layout::token_offset + slot * chunk * 4U); }
  static HEDDLE_DEVICE device::shared_address places_at(unsigned slot) { return at(layout::place_offset + slot * chunk * 4U); }
  static HEDDLE_DEVICE device::shared_view<std::uint16_t> classes() { return {at(layout::class_offset)}; }

  HEDDLE_DEVICE void run(const problem_type& problem, std::size_t q0) const {
    const stream_rows<layout> rows{static_cast<unsigned>(p.dim()), whole_vectors, p.q.data_handle()};
    rows_state state;
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < layout::tiles_of_dim; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) state.o[n][i] = 0.0F;
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      state.largest[h] = hidden;
      state.sum[h] = 0.0F;
    }
    device::sync_block();  // what ran here before has read its memory
    load_queries(problem, rows, q0);
    const scores_of scores(p, problem, q0 + device::warp() * 16);
    const std::size_t tiles = (p.keys + chunk - 1) / chunk;
    for (std::size_t first = 0; first < tiles; first += layout::listed_tiles) {
      const std::size_t left = tiles - first;
      stream(problem, rows, scores, state, q0, first,
             static_cast<unsigned>(left < layout::listed_tiles ? left : layout::listed_tiles));
    }
    device::copy_commit();  // the queries, where no tile was visible
    device::copy_wait<0>();
    finish(problem, state, q0 + device::warp() * 16);
  }

  HEDDLE_DEVICE void load_queries(const problem_type& problem, const stream_rows<layout>& rows, std::size_t q0) const {
    const auto token = [&](unsigned r) { return q0 + r < p.queries ? problem.query_token(q0 + r) : -1; };
    const auto row = [&](unsigned r) -> const T* {
      const std::int32_t t = token(r);
      return t < 0 ? nullptr : problem.query(problem.row(q0 + r, t));
    };
    if constexpr (changes) {
      rows.template load_changed<layout::queries>(at(0), row, [&](float* copy, unsigned r) {
        change_row(p.composition, copy, p.dim(), problem.head(), static_cast<std::size_t>(token(r)), row_role::query);
      });
    } else {
      rows.template load<layout::queries>(at(0), row);
    }
  }

  /// Tiles `[first, first + count)` of keys.
  HEDDLE_DEVICE void stream(const problem_type& problem, const stream_rows<layout>& rows, const scores_of& scores,
                            rows_state& state, std::size_t q0, std::size_t first, unsigned count) const {
    if (first != 0) device::sync_block();  // the last tile is read
    if constexpr (masked) {
      classify(problem.context(), q0, first, count);
      device::sync_block();
    }
    unsigned present = next(0, count);
    unsigned following = next(present + 1, count);
    list_positions(problem, first, present, count, 0);
    list_positions(problem, first, following, count, 1);
    if constexpr (lists) device::sync_block();
    bool flawed = false;
    if (present < count) flawed = load_tile(problem, rows, first + present, 0, 0);
    device::copy_commit();
    unsigned stage = 0;
    unsigned slot = 0;
    while (present < count) {
      device::copy_wait<0>();
      if constexpr (checks) publish(rows.template flawed<chunk>(values_at(stage)) || flawed, stage);
      device::sync_block();  // the tile is there, and the other one is read
      if (following < count) flawed = load_tile(problem, rows, first + following, stage ^ 1U, later(slot, 1));
      device::copy_commit();
      const unsigned last = next(following + 1, count);
      list_positions(problem, first, last, count, later(slot, 2));
      multiply(scores, state, first + present, present, stage, slot);
      present = following;
      following = last;
      stage ^= 1U;
      slot = later(slot, 1);
    }
  }

  static HEDDLE_DEVICE unsigned later(unsigned slot, unsigned steps) {
    const unsigned s = slot + steps;
    return s < layout::position_stages ? s : s - layout::position_stages;
  }

  /// What the mask says about every tile, one to a thread.
  HEDDLE_DEVICE void classify(const context_type& c, std::size_t q0, std::size_t first, unsigned count) const {
    const typename P::mask_type mask(p.composition);
    const std::size_t q1 = q0 + layout::queries < p.queries ? q0 + layout::queries : p.queries;
    for (unsigned i = device::thread(); i < count; i += threads) {
      const std::size_t k0 = (first + i) * chunk;
      const std::size_t k1 = k0 + chunk < p.keys ? k0 + chunk : p.keys;
      classes().store(i, static_cast<std::uint16_t>(mask.classify(c, q0, q1, k0, k1)));
    }
  }
  /// The first tile from `i` on that somebody sees.
  HEDDLE_DEVICE unsigned next(unsigned i, unsigned count) const {
    if constexpr (masked) {
      while (i < count && classes().load(i) == static_cast<std::uint16_t>(tile::skip)) ++i;
    }
    return i;
  }

  /// Tokens of the keys of a tile, and their places in tables of biases.
  HEDDLE_DEVICE void list_positions(const problem_type& problem, std::size_t first, unsigned i, unsigned count,
                                    unsigned slot) const {
    if constexpr (lists) {
      if (i >= count || device::thread() >= chunk) return;
      const std::size_t k = (first + i) * chunk + device::thread();
      const bool inside = k < p.keys;
      if constexpr (!ordered)
        device::shared_view<std::int32_t>{tokens_at(slot)}.store(device::thread(), inside ? problem.key_token(k) : -1);
      if constexpr (biased)
        device::shared_view<std::uint32_t>{places_at(slot)}.store(
            device::thread(), inside ? static_cast<std::uint32_t>(p.bias.key_place(k)) : 0U);
    }
  }

  /// Starts to copy the keys and values of a tile; true if a value is known to be a flaw.
  HEDDLE_DEVICE bool load_tile(const problem_type& problem, const stream_rows<layout>& rows, std::size_t number, unsigned stage,
                               unsigned slot) const {
    const std::size_t first = number * chunk;
    const auto token = [&](unsigned r) {
      if constexpr (ordered) {
        return first + r < p.keys ? static_cast<std::int32_t>(first + r) : -1;
      } else {
        return device::shared_view<std::int32_t>{tokens_at(slot)}.load(r);
      }
    };
    const auto key = [&](unsigned r) -> const T* {
      const std::int32_t t = token(r);
      return t < 0 ? nullptr : problem.key(problem.row(first + r, t));
    };
    if constexpr (changes) {
      rows.template load_changed<chunk>(keys_at(stage), key, [&](float* copy, unsigned r) {
        change_row(p.composition, copy, p.dim(), problem.key_head(), static_cast<std::size_t>(token(r)), row_role::key);
      });
    } else {
      rows.template load<chunk>(keys_at(stage), key);
    }
    return rows.template load<chunk>(values_at(stage), [&](unsigned r) -> const T* {
      const std::int32_t t = token(r);
      return t < 0 ? nullptr : problem.value(problem.row(first + r, t));
    });
  }

  static HEDDLE_DEVICE void publish(bool flawed, unsigned stage) {
    const bool any = device::vote_any(flawed);
    if (device::lane() == 0)
      device::shared_view<std::uint32_t>{at(layout::flaw_offset + stage * layout::warps * 4U)}.store(device::warp(),
                                                                                                     any ? 1U : 0U);
  }
  static HEDDLE_DEVICE bool is_flawed(unsigned stage) {
    const auto f = device::shared_load<device::vector<std::uint32_t, 4>>(at(layout::flaw_offset + stage * layout::warps * 4U));
    return (f[0] | f[1] | f[2] | f[3]) != 0U;
  }

  /// One tile of keys for the queries of this warp.
  HEDDLE_DEVICE void multiply(const scores_of& scores, rows_state& state, std::size_t number, unsigned listed, unsigned stage,
                              unsigned slot) const {
    stream_keys keys;
    keys.first = number * chunk;
    const bool cut = keys.first + chunk > p.keys;
    const unsigned tiles = cut ? static_cast<unsigned>(p.keys - keys.first + 7) / 8 : chunk / 8;
    keys.tokens = tokens_at(slot);
    keys.places = places_at(slot);
    keys.ragged = cut || (!ordered && (P::keyed || p.padded));
    if constexpr (masked) keys.ask = classes().load(listed) == static_cast<std::uint16_t>(tile::partial);
    typename products::scores_type s;
    products::scores(s, at(device::warp() * 16U * layout::row_bytes), keys_at(stage), tiles);
    scores.apply(s, keys);
    weigh(s, state);
    if constexpr (checks) {
      if (is_flawed(stage)) {  // the same for the whole block
        flawed_product<layout, elementwise>::add(state.o, s, values_at(stage));
        return;
      }
    }
    products::values(state.o, s, values_at(stage), tiles);
  }

  /// Scores become weights, and what was added up before is scaled to the same maximum.
  HEDDLE_DEVICE void weigh(typename products::scores_type& s, rows_state& state) const {
    if constexpr (elementwise) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < products::key_tiles; ++n) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i)
          s[n][i] = s[n][i] == hidden ? 0.0F : heddle::detail::weight<float>(p.composition.normalizer(), s[n][i]);
      }
    } else {
      HEDDLE_DEVICE_UNROLL
      for (unsigned h = 0; h < 2; ++h) {
        float largest = state.largest[h];
        HEDDLE_DEVICE_UNROLL
        for (unsigned n = 0; n < products::key_tiles; ++n) {
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 2 * h; i < 2 * h + 2; ++i) largest = s[n][i] > largest ? s[n][i] : largest;
        }
        largest = device::warp_max<4>(largest);
        const float shift = largest == hidden ? 0.0F : largest;
        const float factor = device::exp2(state.largest[h] - shift);
        float sum = 0.0F;
        HEDDLE_DEVICE_UNROLL
        for (unsigned n = 0; n < products::key_tiles; ++n) {
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 2 * h; i < 2 * h + 2; ++i) {
            s[n][i] = device::exp2(s[n][i] - shift);
            sum += s[n][i];
          }
        }
        HEDDLE_DEVICE_UNROLL
        for (unsigned n = 0; n < layout::tiles_of_dim; ++n) {
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 2 * h; i < 2 * h + 2; ++i) state.o[n][i] *= factor;
        }
        state.sum[h] = state.sum[h] * factor + sum;
        state.largest[h] = largest;
      }
    }
  }

  HEDDLE_DEVICE void finish(const problem_type& problem, rows_state& state, std::size_t first_query) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      float lse = hidden;
      const float factor = last_factor(problem, state.largest[h], device::warp_sum<4>(state.sum[h]), lse);
      const std::size_t q = first_query + device::lane() / 4 + 8 * h;
      const std::int32_t token = q < p.queries ? problem.query_token(q) : -1;
      if (token < 0) continue;
      const std::size_t row = problem.row(q, token);
      [[maybe_unused]] const float* sums = nullptr;
      [[maybe_unused]] float rest = 0.0F;
      if constexpr (smoothed) {
        sums = p.value_sums + (problem.batch() * p.heads + problem.head()) * (p.dim() + 1);
        rest = rest_of(sums) * factor;
      }
      if constexpr (observer::logsumexp) {
        if (device::lane() % 4 == 0) {
          float* const to = &p.outputs.logsumexp(problem.batch(), problem.head(), row);
          device::store_global(to, lse);
          if (smoothed && p.rests != 0) device::store_global(to + p.rests, rest);
        }
      }
      store(problem.output(row), state.o, h, factor, sums, rest);
    }
  }

  /// What the small constant of smoothed exponentials adds to every key, before it is divided by the sum.
  HEDDLE_DEVICE float rest_of(const float* sums) const {
    const float visible = device::load_global(sums + p.dim());
    return visible == 0.0F ? 0.0F : p.composition.normalizer().smoothing() / visible;
  }

  /// What sums are multiplied with; also finds the logsumexp.
  HEDDLE_DEVICE float last_factor(const problem_type& problem, float largest, float sum, float& lse) const {
    if constexpr (elementwise) {
      return 1.0F;
    } else {
      constexpr float log2_e = 1.4426950408889634F;
      constexpr float log_2 = 0.6931471805599453F;
      if constexpr (smoothed) {
        if (sum != 0.0F) sum += p.composition.normalizer().smoothing();
      }
      float factor = sum == 0.0F ? 0.0F : 1.0F / sum;
      if constexpr (initial_score<normalizer_type>) {
        const float virtual_key = p.composition.normalizer().initial_score(problem.head()) * log2_e;
        if (virtual_key != hidden) {
          const float high = sum == 0.0F || virtual_key > largest ? virtual_key : largest;
          const float old = sum == 0.0F ? 0.0F : device::exp2(largest - high);
          sum = sum * old + device::exp2(virtual_key - high);
          largest = high;
          factor = old / sum;
        }
      }
      lse = sum == 0.0F ? hidden : (largest + device::log2(sum)) * log_2;
      return factor;
    }
  }

  /// Row half `h` of this lane. Of smoothed exponentials `rest` of the sums of values is added.
  HEDDLE_DEVICE void store(output_type* to, const typename products::outputs_type& o, unsigned h, float factor,
                           [[maybe_unused]] const float* sums, [[maybe_unused]] float rest) const {
    const auto dim = static_cast<unsigned>(p.dim());
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < layout::tiles_of_dim; ++n) {
      const unsigned d = 8 * n + 2 * (device::lane() & 3U);
      device::vector<output_type, 2> pair;
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 2; ++i) {
        float x = o[n][2 * h + i] * factor;
        if constexpr (smoothed) x += d + i < dim ? rest * device::load_global(sums + d + i) : 0.0F;
        pair[i] = device::round_to<output_type>(factor == 0.0F ? 0.0F : x);
      }
      if (whole_pairs) {
        if (d < dim) device::store_vector(to + d, pair);
      } else {
        if (d < dim) device::store_global(to + d, pair[0]);
        if (d + 1 < dim) device::store_global(to + d + 1, pair[1]);
      }
    }
  }
};

}  // namespace heddle::inline v0::detail
