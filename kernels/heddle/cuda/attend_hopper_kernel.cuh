/// @file
/// Attention of long dense problems on Hopper (sm_90a): one warp moves tiles, two warpgroups multiply them and take turns, so
/// that the exponentials of one run beside the products of the other (Shah et al. 2024, sections 3.1 and 3.2).
#pragma once

#include <cstddef>
#include <cstdint>

#include <heddle/cuda/attend_hopper_block.cuh>
#include <heddle/cuda/attend_short_products.cuh>
#include <heddle/cuda/attend_short_scores.cuh>
#include <heddle/cuda/attend_stream_scores.cuh>

namespace heddle::inline v0::detail {

/// Blocks take tiles of 128 queries in turn. The producer goes over the tiles of keys, leaves out those that nobody sees, and says
/// beside every tile what it is, so that the others ask no policy about tiles.
template <class P>
struct attend_hopper_kernel {
  using T = typename P::value_type;
  using output_type = typename P::output_type;
  using context_type = typename P::context_type;
  using mask_type = typename P::mask_type;
  using composition_type = typename P::composition_type;
  using normalizer_type = typename P::normalizer_type;
  using problem_type = attend_problem<P>;
  using scores_of = stream_scores<P>;
  using layout = hopper_layout<static_cast<unsigned>(P::head_dim)>;
  using unit = hopper_block<T, static_cast<unsigned>(P::head_dim)>;
  using key_tile = typename unit::key_tile;
  using weights_type = typename unit::weights_type;
  using place = ring_place<layout::stages>;
  static constexpr unsigned threads = layout::threads;
  static constexpr unsigned shared_bytes = layout::bytes;
  static constexpr unsigned score_tiles = layout::keys / 8;
  static constexpr float hidden = scores_of::hidden;
  /// A weight of zero may meet a value that is not finite: of a key that a mask hides, or that a modifier gives -inf.
  static constexpr bool modified_scores = composition_type::modifiers > 0;
  static constexpr bool checks = mask_type::masked || modified_scores;

  P p;
  device::tensor_map q_map;
  device::tensor_map k_map;
  device::tensor_map v_map;
  bool whole_pairs;  ///< of outputs

  HEDDLE_HOST_DEVICE std::size_t query_tiles() const noexcept { return (p.queries + layout::queries - 1) / layout::queries; }
  HEDDLE_HOST_DEVICE std::size_t items() const noexcept { return p.problems() * query_tiles(); }

  HEDDLE_DEVICE void operator()() const {
    if (device::thread() == 0) unit::begin(checks ? layout::checkers : 0);
    device::sync_block();
    if (device::warpgroup() == 0) {
      device::set_registers_down<layout::producer_registers>();
      if (device::warp() > 0) {
        check_values();
      } else if (device::lane() == 0) {
        produce();
      }
    } else {
      device::set_registers_up<layout::consumer_registers>();
      consume(device::warpgroup() - 1U);
    }
  }

 private:
  struct item {
    problem_type problem;
    context_type context;
    std::size_t q0;
  };

  HEDDLE_DEVICE item item_of(std::size_t i) const {
    const std::size_t tiles = query_tiles();
    const problem_type problem = problem_type::numbered(p, i / tiles);
    // The last queries first: with causal masks they have the most keys.
    return {problem, problem.context(), (tiles - 1 - i % tiles) * layout::queries};
  }
  HEDDLE_DEVICE unsigned key_tiles() const { return static_cast<unsigned>((p.keys + layout::keys - 1) / layout::keys); }

  /// The first tile from number `n` on that somebody sees.
  HEDDLE_DEVICE key_tile next(const item& i, unsigned n) const {
    if constexpr (mask_type::masked) {
      const std::size_t q1 = i.q0 + layout::queries < p.queries ? i.q0 + layout::queries : p.queries;
      for (; n < key_tiles(); ++n) {
        const std::size_t k0 = static_cast<std::size_t>(n) * layout::keys;
        const std::size_t k1 = k0 + layout::keys < p.keys ? k0 + layout::keys : p.keys;
        const tile seen = mask_type(p.composition).classify(i.context, i.q0, q1, k0, k1);
        if (seen != tile::skip) return 2U * n + (seen == tile::partial ? 1U : 0U);
      }
    }
    return n < key_tiles() ? 2U * n : unit::last_tile;
  }
  static HEDDLE_DEVICE bool checked(key_tile t) { return modified_scores || (checks && unit::partial(t)); }

  // The producer: one lane.

  HEDDLE_DEVICE void produce() const {
    place k;
    place v;
    unsigned turn = 0;
    for (std::size_t index = device::block_index(); index < items(); index += device::grid_size(), ++turn) {
      const item i = item_of(index);
      const int batch = static_cast<int>(i.problem.batch());
      const int key_head = static_cast<int>(i.problem.key_head());
      device::mbarrier_wait(unit::q_empty(), (turn & 1U) ^ 1U);
      unit::load(q_map, unit::at(0), unit::q_full(), static_cast<int>(i.q0), static_cast<int>(i.problem.head()), batch);
      key_tile before = unit::last_tile;  // values are wanted one tile later than keys
      key_tile t = next(i, 0);
      for (;;) {
        device::mbarrier_wait(unit::k_empty(k.stage()), k.empty_parity());
        unit::listed_keys().store(k.stage(), t);
        if (t != unit::last_tile) {
          unit::load(k_map, unit::keys_at(k.stage()), unit::k_full(k.stage()), static_cast<int>(unit::first_key(t)), key_head,
                     batch);
        } else {
          device::mbarrier_arrive(unit::k_full(k.stage()));
        }
        k.advance();
        if (before != unit::last_tile) {
          device::mbarrier_wait(unit::v_empty(v.stage()), v.empty_parity());
          if constexpr (checks) unit::listed_values().store(v.stage(), before);
          unit::load(v_map, unit::values_at(v.stage()), unit::v_full(v.stage()), static_cast<int>(unit::first_key(before)),
                     key_head, batch);
          v.advance();
        }
        if (t == unit::last_tile) break;
        before = t;
        t = next(i, t / 2U + 1U);
      }
    }
    if constexpr (checks) {  // the checkers end
      device::mbarrier_wait(unit::v_empty(v.stage()), v.empty_parity());
      unit::listed_values().store(v.stage(), unit::last_tile);
      device::mbarrier_arrive(unit::v_full(v.stage()));
    }
  }

  // The checkers: what is not finite is taken out of values that a weight of zero may meet.

  HEDDLE_DEVICE void check_values() const {
    if constexpr (checks) {
      for (place v;; v.advance()) {
        device::mbarrier_wait(unit::v_full(v.stage()), v.full_parity());
        const key_tile t = unit::listed_values().load(v.stage());
        if (t == unit::last_tile) return;
        if (checked(t)) check_tile(v.stage());
        unit::release(unit::v_empty(v.stage()));
      }
    }
  }
  HEDDLE_DEVICE void check_tile(unsigned stage) const {
    for (unsigned group = device::warp() - 1U; group < layout::keys / 32; group += layout::checkers) {
      const device::shared_address row = unit::values_at(stage) + (group * 32U + device::lane()) * layout::row_bytes;
      bool flawed = false;
      HEDDLE_DEVICE_NO_UNROLL
      for (unsigned piece = 0; piece < layout::panels * 8; ++piece)  // the permutation moves pieces inside their row
        if (take_out_flaws<T>(row + piece / 8U * layout::panel_bytes + ((piece + device::lane()) & 7U) * 16U)) flawed = true;
      const std::uint32_t found = device::ballot(flawed);
      if (device::lane() == 0) unit::flaws_of(stage).store(group, found);
    }
    device::fence_async_proxy();
    unit::release(unit::v_checked(stage));
  }

  // The consumers: 64 queries each.

  struct rows_state {
    device::accumulator<layout::dim> o;
    float largest[2];  ///< in base 2
    float sum[2];      ///< of this lane's columns
  };

  HEDDLE_DEVICE void consume(unsigned group) const {
    place k;
    place v;
    unsigned looked = 0;  // a bit for each stage: the parity of the next look at its values
    unsigned turn = 0;
    if (group == 1) unit::give_turn(group);
    for (std::size_t index = device::block_index(); index < items(); index += device::grid_size(), ++turn) {
      const item i = item_of(index);
      const std::size_t first = i.q0 + 64U * group + 16U * (device::warp() & 3U);
      const scores_of scores(p, i.problem, first);
      rows_state state;
      start(state, i);
      device::mbarrier_wait(unit::q_full(), turn & 1U);
      key_tile t = listed(k);
      if (t != unit::last_tile) {
        device::accumulator<layout::keys> s;
        weights_type weights;
        float factor[2];
        unit::take_turn(group);
        device::wgmma_fence();
        unit::multiply_keys(s, group, k.stage());
        device::wgmma_commit();
        unit::give_turn(group);
        device::wgmma_wait<0>(s);
        unit::release(unit::k_empty(k.stage()));
        k.advance();
        weigh(s, scores, t, state, factor);
        unit::pack(weights, s);
        for (;;) {
          const key_tile before = t;
          t = listed(k);
          wait_values(v, before, looked);
          if (t == unit::last_tile) {
            device::pin(state.o);
            device::wgmma_fence();
            unit::multiply_values(state.o, weights, v.stage());
            device::wgmma_commit();
            device::wgmma_wait<0>(state.o);
            repair(i, first, before, weights, state, v.stage());
            unit::release(unit::v_empty(v.stage()));
            v.advance();
            break;
          }
          unit::take_turn(group);
          device::pin(s);
          device::pin(state.o);
          device::wgmma_fence();
          unit::multiply_keys(s, group, k.stage());
          device::wgmma_commit();
          unit::multiply_values(state.o, weights, v.stage());
          device::wgmma_commit();
          unit::give_turn(group);
          device::wgmma_wait<1>(s);
          unit::release(unit::k_empty(k.stage()));
          k.advance();
          weigh(s, scores, t, state, factor);  // beside the products with values, and the other warpgroup's
          need_exponentials(state);
          if constexpr (checks) {  // fewer registers while values are looked at
            weights_type packed;
            unit::pack(packed, s);
            device::wgmma_wait<0>(state.o);
            repair(i, first, before, weights, state, v.stage());
            unit::copy(weights, packed);
          } else {
            device::wgmma_wait<0>(state.o);
            unit::pack(weights, s);
          }
          unit::release(unit::v_empty(v.stage()));
          v.advance();
          unit::rescale(state.o, factor);
        }
      }
      unit::release(unit::k_empty(k.stage()));  // of the end of the list
      k.advance();
      unit::release(unit::q_empty());
      finish(i, first, state);
    }
    if (group == 0) unit::take_turn(group);  // the last turn that was given
  }

  /// Waits for a tile of keys; says which it is, in a register that the compiler knows to be one for the warp: products may not
  /// lie in divergent code.
  static HEDDLE_DEVICE key_tile listed(const place& k) {
    device::mbarrier_wait(unit::k_full(k.stage()), k.full_parity());
    return device::shuffle(unit::listed_keys().load(k.stage()), 0U);
  }
  HEDDLE_DEVICE void start(rows_state& state, const item& i) const {
    state.o.clear();
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      state.largest[h] = hidden;
      state.sum[h] = 0.0F;
      if constexpr (initial_score<normalizer_type>) {
        state.largest[h] = p.composition.normalizer().initial_score(i.context.head) * log2_of_e;
        if ((device::lane() & 3U) == 0 && state.largest[h] != hidden) state.sum[h] = 1.0F;  // one lane has the virtual key
      }
    }
  }

  /// Values are there, and if they are looked at, that is done.
  static HEDDLE_DEVICE void wait_values(const place& v, key_tile t, [[maybe_unused]] unsigned& looked) {
    device::mbarrier_wait(unit::v_full(v.stage()), v.full_parity());
    if constexpr (checks) {
      if (!checked(t)) return;
      device::mbarrier_wait(unit::v_checked(v.stage()), looked >> v.stage() & 1U);
      looked ^= 1U << v.stage();
    }
  }

  /// Scores become weights in place; `factor`: what sums so far are multiplied by.
  HEDDLE_DEVICE void weigh(device::accumulator<layout::keys>& s, const scores_of& scores, key_tile t, rows_state& state,
                           float (&factor)[2]) const {
    auto& tiles = reinterpret_cast<float(&)[score_tiles][4]>(s.values);
    stream_keys keys;
    keys.first = unit::first_key(t);
    keys.ask = unit::partial(t);
    keys.ragged = keys.first + layout::keys > p.keys;
    scores.apply(tiles, keys);
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      float largest = state.largest[h];
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < score_tiles; ++n)
        largest = device::max(largest, device::max(tiles[n][2 * h], tiles[n][2 * h + 1]));
      largest = device::max(largest, device::shuffle_xor(largest, 1U));
      largest = device::max(largest, device::shuffle_xor(largest, 2U));
      const float base = largest == hidden ? 0.0F : largest;  // nobody sees anything yet
      factor[h] = device::exp2(state.largest[h] - base);
      float sum = 0.0F;
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < score_tiles; ++n) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned j = 2 * h; j < 2 * h + 2; ++j) {
          tiles[n][j] = device::exp2(tiles[n][j] - base);
          sum += tiles[n][j];
        }
      }
      state.largest[h] = largest;
      state.sum[h] = state.sum[h] * factor[h] + sum;
    }
  }

  /// A branch that needs all exponentials of a tile: without it the compiler puts them behind the wait that follows, and
  /// nothing runs beside the products. Sums of exponentials are not negative.
  static HEDDLE_DEVICE void need_exponentials(const rows_state& state) {
    if (state.sum[0] + state.sum[1] < 0.0F) assertion_failed("attend: a sum of exponentials is negative", __FILE__, __LINE__);
  }

  /// Adds values that were taken out, for the queries that see them.
  HEDDLE_DEVICE void repair(const item& i, std::size_t first, key_tile t, const weights_type& weights, rows_state& state,
                            unsigned stage) const {
    if constexpr (checks) {
      if (!checked(t)) return;
      const auto found = device::shared_load<device::vector<std::uint32_t, 4>>(unit::flaws_of(stage).at(0));
      if ((found[0] | found[1] | found[2] | found[3]) == 0U) return;
      const std::size_t key = unit::first_key(t);
      add_single_values<layout::dim, score_tiles>(
          [&](unsigned n, unsigned j) {
            const std::uint32_t pair = weights[n / 2][n % 2 * 2 + j / 2];
            return j % 2 == 0 ? device::unpack_low<T>(pair) : device::unpack_high<T>(pair);
          },
          [&](unsigned d, unsigned j) -> float& { return state.o[4 * d + j]; },
          static_cast<unsigned>(p.keys - key < layout::keys ? p.keys - key : layout::keys),
          [&](unsigned n) { return (unit::flaws_of(stage).load(n / 32U) >> (n % 32U) & 1U) != 0U; },
          [&](unsigned h, unsigned n, float w) { return (!modified_scores || w != 0.0F) && sees(i, first, t, h, key + n); },
          [&](unsigned n) { return i.problem.value(key + n); });
    }
  }
  HEDDLE_DEVICE bool sees(const item& i, std::size_t first, key_tile t, unsigned h, std::size_t key) const {
    if (!unit::partial(t)) return true;
    const std::size_t row = first + device::lane() / 4U + 8U * h;
    const std::size_t q = row < p.queries ? row : p.queries - 1;
    return mask_type(p.composition)(i.context, static_cast<float>(q), static_cast<float>(key));
  }

  HEDDLE_DEVICE void finish(const item& i, std::size_t first, rows_state& state) const {
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      const std::size_t q = first + device::lane() / 4U + 8U * h;
      float sum = state.sum[h] + device::shuffle_xor(state.sum[h], 1U);
      sum += device::shuffle_xor(sum, 2U);
      if (q >= p.queries) continue;
      const float inverse = sum == 0.0F ? 0.0F : 1.0F / sum;
      output_type* const out = i.problem.output(q) + 2U * (device::lane() & 3U);
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < layout::dim / 8; ++n) {
        device::vector<output_type, 2> pair{};
        pair[0] = device::round_to<output_type>(state.o[4 * n + 2 * h] * inverse);
        pair[1] = device::round_to<output_type>(state.o[4 * n + 2 * h + 1] * inverse);
        if (whole_pairs) {
          device::store_vector(out + 8U * n, pair);
        } else {
          device::store_global(out + 8U * n, pair[0]);
          device::store_global(out + 8U * n + 1, pair[1]);
        }
      }
      if constexpr (P::observer::logsumexp) {
        const auto& lse = p.outputs.logsumexp;
        if ((device::lane() & 3U) == 0)
          device::store_global(
              lse.data_handle() + i.problem.batch() * lse.stride(0) + i.problem.head() * lse.stride(1) + q * lse.stride(2),
              sum == 0.0F ? hidden : state.largest[h] * log_of_2 + math::log(sum));
      }
    }
  }
};

}  // namespace heddle::inline v0::detail
