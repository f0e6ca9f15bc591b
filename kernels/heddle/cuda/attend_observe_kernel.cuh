/// @file
/// Weights found a second time, from queries, keys and the logarithms of the rows' sums, for observers that read them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_short_products.cuh>
#include <heddle/cuda/attend_stream_layout.cuh>
#include <heddle/cuda/attend_stream_rows.cuh>
#include <heddle/cuda/attend_stream_scores.cuh>

namespace heddle::inline v0::detail {

/// Where the rows of an observing block lie: a tile of keys, two of queries; the rest is as in the streaming kernel.
template <class T, unsigned Dim>
struct observe_layout : stream_layout<T, Dim> {
  using base = stream_layout<T, Dim>;
  static constexpr unsigned query_bytes = base::queries * base::row_bytes;
  static constexpr unsigned keys_offset = 2 * query_bytes;
  static constexpr unsigned tokens_offset = keys_offset + base::tile_bytes;
  static constexpr unsigned places_offset = tokens_offset + base::chunk_keys * 4;
  static constexpr unsigned sums_offset = places_offset + base::chunk_keys * 4;
  static constexpr unsigned bytes = sums_offset + base::warps * base::chunk_keys * 4;
};

/// A block holds a tile of keys and sees all queries of one problem go past, 64 at a time: sums over queries are added by one
/// block in one order. Of a class row alone the first queries are enough.
template <class P, unsigned Dim>
struct attend_observe_kernel {
  using T = typename P::value_type;
  using layout = observe_layout<T, Dim>;
  using products = short_products<layout>;
  using scores_of = stream_scores<P>;
  using problem_type = attend_problem<P>;
  using composition_type = typename P::composition_type;
  using normalizer_type = typename P::normalizer_type;
  using observer = typename P::observer;
  static constexpr unsigned threads = layout::threads;
  static constexpr unsigned shared_bytes = layout::bytes;
  static constexpr unsigned min_blocks = Dim <= 64 && !copies_rows<composition_type> ? 3 : 1;
  static constexpr unsigned chunk = layout::chunk_keys;
  static constexpr float hidden = scores_of::hidden;
  static constexpr bool masked = P::mask_type::masked;
  static constexpr bool ordered = P::in_order || P::other_tokens;
  static constexpr bool biased = bias_runs<composition_type>::count > 0;
  static constexpr bool elementwise = normalizer_type::kind == normalizer_kind::elementwise;
  static constexpr bool smoothed = smooths<composition_type>;
  static constexpr bool changes = copies_rows<composition_type>;
  static constexpr bool first_queries = !observer::importance && !observer::probabilities;

  P p;
  bool whole_vectors;
  head_rows<float> sums;  ///< `[batch, heads, tokens of the queries]` logarithms of the rows' sums

  HEDDLE_HOST_DEVICE std::size_t key_tiles() const noexcept { return (p.keys + chunk - 1) / chunk; }
  HEDDLE_HOST_DEVICE std::size_t items() const noexcept { return p.problems() * key_tiles(); }

  HEDDLE_DEVICE void operator()() const {
    const std::size_t tiles = key_tiles();
    for (std::size_t item = device::block_index(); item < items(); item += device::grid_size())
      run(problem_type::numbered(p, item / tiles), item % tiles * chunk);
  }

 private:
  using column_sums = float[products::key_tiles][2];

  static HEDDLE_DEVICE device::shared_address at(unsigned offset) { return device::shared_base() + offset; }

  HEDDLE_DEVICE void run(const problem_type& problem, std::size_t k0) const {
    const stream_rows<layout> rows{static_cast<unsigned>(p.dim()), whole_vectors, p.q.data_handle()};
    device::sync_block();  // what ran here before has read its memory
    list_positions(problem, k0);
    device::sync_block();
    load_keys(problem, rows, k0);
    load_queries(problem, rows, 0, 0);
    device::copy_commit();
    [[maybe_unused]] float equal_weight = 0.0F;
    if constexpr (observer::importance) {
      if (p.outputs.row_weights.data_handle() == nullptr) equal_weight = 1.0F / problem.queries_present();
    }
    column_sums columns = {};
    unsigned stage = 0;
    const std::size_t end = first_queries ? 1 : p.queries;
    for (std::size_t q0 = 0; q0 < end; q0 += layout::queries) {
      device::copy_wait<0>();
      device::sync_block();  // the queries are there, and the other ones are read
      if (q0 + layout::queries < end) load_queries(problem, rows, q0 + layout::queries, stage ^ 1U);
      device::copy_commit();
      look(problem, columns, q0, k0, stage, equal_weight);
      stage ^= 1U;
    }
    device::copy_wait<0>();
    if constexpr (observer::importance) add_up(problem, columns, k0);
  }

  HEDDLE_DEVICE void list_positions(const problem_type& problem, std::size_t k0) const {
    if (device::thread() >= chunk) return;
    const std::size_t k = k0 + device::thread();
    device::shared_view<std::int32_t>{at(layout::tokens_offset)}.store(device::thread(),
                                                                       k < p.keys ? problem.key_token(k) : -1);
    if constexpr (biased)
      device::shared_view<std::uint32_t>{at(layout::places_offset)}.store(
          device::thread(), k < p.keys ? static_cast<std::uint32_t>(p.bias.key_place(k)) : 0U);
  }

  HEDDLE_DEVICE void load_keys(const problem_type& problem, const stream_rows<layout>& rows, std::size_t k0) const {
    const device::shared_view<std::int32_t> tokens{at(layout::tokens_offset)};
    const auto key = [&](unsigned r) -> const T* {
      const std::int32_t t = tokens.load(r);
      return t < 0 ? nullptr : problem.key(problem.row(k0 + r, t));
    };
    if constexpr (changes) {
      rows.template load_changed<chunk>(at(layout::keys_offset), key, [&](float* copy, unsigned r) {
        change_row(p.composition, copy, p.dim(), problem.key_head(), static_cast<std::size_t>(tokens.load(r)), row_role::key);
      });
    } else {
      rows.template load<chunk>(at(layout::keys_offset), key);
    }
  }

  HEDDLE_DEVICE void load_queries(const problem_type& problem, const stream_rows<layout>& rows, std::size_t q0,
                                  unsigned stage) const {
    const auto token = [&](unsigned r) { return q0 + r < p.queries ? problem.query_token(q0 + r) : -1; };
    const auto row = [&](unsigned r) -> const T* {
      const std::int32_t t = token(r);
      return t < 0 ? nullptr : problem.query(problem.row(q0 + r, t));
    };
    if constexpr (changes) {
      rows.template load_changed<layout::queries>(at(stage * layout::query_bytes), row, [&](float* copy, unsigned r) {
        change_row(p.composition, copy, p.dim(), problem.head(), static_cast<std::size_t>(token(r)), row_role::query);
      });
    } else {
      rows.template load<layout::queries>(at(stage * layout::query_bytes), row);
    }
  }

  /// The weights of 64 queries with the tile of keys.
  HEDDLE_DEVICE void look(const problem_type& problem, column_sums& columns, std::size_t q0, std::size_t k0, unsigned stage,
                          [[maybe_unused]] float equal_weight) const {
    stream_keys keys;
    keys.first = k0;
    const bool cut = k0 + chunk > p.keys;
    keys.tokens = at(layout::tokens_offset);
    keys.places = at(layout::places_offset);
    keys.ragged = cut || (!ordered && (P::keyed || p.padded));
    if constexpr (masked) {
      const std::size_t q1 = q0 + layout::queries < p.queries ? q0 + layout::queries : p.queries;
      const tile seen = typename P::mask_type(p.composition).classify(problem.context(), q0, q1, k0, cut ? p.keys : k0 + chunk);
      if (seen == tile::skip) return;  // the same for the whole block
      keys.ask = seen == tile::partial;
    }
    if (first_queries && device::warp() != 0) return;
    const std::size_t first = q0 + device::warp() * 16;
    typename products::scores_type s;
    products::scores(s, at(stage * layout::query_bytes + device::warp() * 16U * layout::row_bytes), at(layout::keys_offset),
                     cut ? static_cast<unsigned>(p.keys - k0 + 7) / 8 : chunk / 8);
    scores_of(p, problem, first).apply(s, keys);
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      const std::size_t q = first + device::lane() / 4 + 8 * h;
      const std::int32_t token = q < p.queries ? problem.query_token(q) : -1;
      const bool there = token >= 0;
      const std::size_t row = there ? problem.row(q, token) : 0;
      find_weights(problem, s, h, row, there);
      if (!there) continue;
      if constexpr (observer::importance) {
        const head_rows<const float>& r = p.outputs.row_weights;
        const float weight =
            r.data_handle() == nullptr ? equal_weight : device::load_global(&r(problem.batch(), problem.head(), row));
        HEDDLE_DEVICE_UNROLL
        for (unsigned n = 0; n < products::key_tiles; ++n) {
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 0; i < 2; ++i) columns[n][i] += weight * s[n][2 * h + i];
        }
      }
      if constexpr (observer::class_row || observer::probabilities) show(problem, s, h, q, k0);
    }
  }

  /// Scores of row half `h` become weights; zeros where nobody is.
  HEDDLE_DEVICE void find_weights(const problem_type& problem, typename products::scores_type& s, unsigned h, std::size_t row,
                                  bool there) const {
    constexpr float log2_e = 1.4426950408889634F;
    [[maybe_unused]] float sum = 0.0F;
    [[maybe_unused]] float rest = 0.0F;
    if constexpr (!elementwise) {
      if (there) {
        const float* const from = &sums(problem.batch(), problem.head(), row);
        sum = device::load_global(from) * log2_e;
        if constexpr (smoothed) rest = device::load_global(from + p.rests);
      }
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < products::key_tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 2 * h; i < 2 * h + 2; ++i) {
        const bool seen = there && s[n][i] != hidden;
        if constexpr (elementwise) {
          s[n][i] = seen ? heddle::detail::weight<float>(p.composition.normalizer(), s[n][i]) : 0.0F;
        } else {
          s[n][i] = seen ? device::exp2(s[n][i] - sum) + rest : 0.0F;
        }
      }
    }
  }

  /// Writes the weights of query `q`, whose row half is `h`.
  HEDDLE_DEVICE void show(const problem_type& problem, const typename products::scores_type& s, unsigned h, std::size_t q,
                          std::size_t k0) const {
    const device::shared_view<std::int32_t> tokens{at(layout::tokens_offset)};
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < products::key_tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 2; ++i) {
        const unsigned column = 8 * n + 2 * (device::lane() & 3U) + i;
        const std::size_t k = k0 + column;
        const std::int32_t token = tokens.load(column);
        if (token < 0) continue;
        const float w = s[n][2 * h + i];
        if constexpr (observer::class_row) {
          if (q == 0) device::store_global(&p.outputs.class_row(problem.batch(), problem.head(), problem.row(k, token)), w);
        }
        if constexpr (observer::probabilities)
          device::store_global(&p.outputs.probabilities(problem.batch(), problem.head() * p.groups + problem.group(), q, k), w);
      }
    }
  }

  /// Sums of columns: over the lanes of a warp, then over the warps.
  HEDDLE_DEVICE void add_up(const problem_type& problem, const column_sums& columns, std::size_t k0) const {
    const device::shared_view<float> all{at(layout::sums_offset)};
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < products::key_tiles; ++n) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 2; ++i) {
        float sum = columns[n][i];
        HEDDLE_DEVICE_UNROLL
        for (unsigned distance = 4; distance < 32; distance *= 2) sum += device::shuffle_xor(sum, distance);
        if (device::lane() < 4) all.store(device::warp() * chunk + 8 * n + 2 * device::lane() + i, sum);
      }
    }
    device::sync_block();
    if (device::thread() >= chunk) return;
    const std::int32_t token = device::shared_view<std::int32_t>{at(layout::tokens_offset)}.load(device::thread());
    if (token < 0) return;
    float sum = 0.0F;
    HEDDLE_DEVICE_UNROLL
    for (unsigned w = 0; w < layout::warps; ++w) sum += all.load(w * chunk + device::thread());
    float* const to = &p.outputs.importance(problem.batch(), problem.head(), problem.row(k0 + device::thread(), token));
    device::store_global(to, device::load_global(to) + sum);
  }
};

/// Sums of the values that the queries of a problem see, and their number: what a small constant added to every weight makes.
template <class P>
struct attend_value_sums {
  static constexpr unsigned threads = 128;
  static constexpr unsigned warps = threads / 32;
  static constexpr unsigned longest = 256;  ///< elements of a head
  static constexpr unsigned shared_bytes = (warps * longest + warps) * sizeof(float);
  P p;
  float* sums;  ///< `[batch, heads, head_dim + 1]`

  HEDDLE_DEVICE void operator()() const {
    for (std::size_t problem = device::block_index(); problem < p.batch * p.heads; problem += device::grid_size()) {
      device::sync_block();
      run(attend_problem<P>(p, problem / p.heads, 0, problem % p.heads), sums + problem * (p.dim() + 1));
    }
  }

 private:
  HEDDLE_DEVICE void run(const attend_problem<P>& problem, float* to) const {
    const typename P::mask_type mask(p.composition);
    const auto c = problem.context();
    const auto dim = static_cast<unsigned>(p.dim());
    float sum[longest / 32] = {};
    float visible = 0.0F;
    for (std::size_t k = device::warp(); k < p.keys; k += warps) {  // the same for all lanes
      if constexpr (P::mask_type::masked) {
        if (!mask(c, 0.0F, static_cast<float>(k))) continue;
      }
      visible += 1.0F;
      const auto* const row = problem.value(k);
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < longest / 32; ++i) {
        const unsigned d = 32 * i + device::lane();
        if (d < dim) sum[i] += device::to_float(device::load_global(row + d));
      }
    }
    const device::shared_view<float> all{device::shared_base()};
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < longest / 32; ++i)
      if (32 * i < dim) all.store(device::warp() * longest + 32 * i + device::lane(), sum[i]);
    if (device::lane() == 0) all.store(warps * longest + device::warp(), visible);
    device::sync_block();
    for (unsigned d = device::thread(); d < dim + 1; d += threads) {
      float total = 0.0F;
      HEDDLE_DEVICE_UNROLL
      for (unsigned w = 0; w < warps; ++w) total += all.load(d < dim ? w * longest + d : warps * longest + w);
      device::store_global(to + d, total);
    }
  }
};

}  // namespace heddle::inline v0::detail
