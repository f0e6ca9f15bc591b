/// @file
/// Attention of many small problems: a block holds the keys and values of a few of them, a warp the scores of 16 queries.
#pragma once

#include <cstddef>
#include <cstdint>

#include <type_traits>

#include <heddle/cuda/attend_parameters.cuh>
#include <heddle/cuda/attend_short_products.cuh>
#include <heddle/cuda/attend_short_scores.cuh>
#include <heddle/cuda/attend_short_stage.cuh>

namespace heddle::inline v0::detail {

/// The rows of one batch item and head of a view.
template <class View>
HEDDLE_DEVICE auto rows_of(const View& v, unsigned batch, unsigned head) {
  using element = std::remove_pointer_t<decltype(v.data_handle())>;
  return row_source<element>{v.data_handle() + batch * v.stride(0) + head * v.stride(1), v.stride(2)};
}

/// Problems are numbered (batch item, group, head): the heads of a group, whose rows are neighbours in memory, share a block.
///
/// A block finds the tokens of its groups, copies keys and values through the index map, and gives every warp 16 queries of
/// one problem at a time. Scores stay in registers, 64 keys at a time (all of them in problems of up to 64), and so do
/// weights on their way to the second product. Queries come and outputs go through a part of shared memory that each warp
/// has for itself.
template <class Arguments>
struct attend_short_kernel {
  using composition_type = typename Arguments::composition_type;
  using map_type = typename composition_type::map_type;
  using context_type = group_context<map_type>;
  using normalizer_type = typename composition_type::normalizer_type;
  using observer = kernel_observer<Arguments>;
  using value_type = typename Arguments::value_type;
  using output_type = typename Arguments::output_type;
  using layout = short_layout<value_type, output_type, Arguments::head_dim>;
  using products = short_products<layout>;
  using stage = short_stage<layout>;
  using runs = bias_runs<composition_type>;
  using scores_type = short_scores<composition_type>;
  using mask_type = effective_mask<composition_type>;
  static constexpr unsigned threads = layout::threads;
  static constexpr unsigned min_blocks = layout::dim <= 32 ? 4 : 1;  ///< registers for the accumulators of 64 keys, and no more
  static constexpr bool changes_rows = copies_rows<composition_type>;
  static constexpr bool exponential = scores_type::exponential;
  /// A weight of zero may meet a value that is not finite: of a key that a mask hides, or that a modifier gives -inf. Of
  /// infinite floats the parts are not finite either.
  static constexpr bool always_checks = composition_type::modifiers > 0 || layout::split;
  static constexpr bool checks = mask_type::masked || always_checks;

  attend_parameters<Arguments> a;
  short_blocks blocks;
  unsigned problems;
  unsigned groups;  ///< of one batch item
  unsigned heads;
  unsigned heads_per_key_head;
  bool whole;  ///< views are aligned for the largest copies
  bool whole_out;

  /// One problem, and where it lies in the block.
  struct problem {
    unsigned batch;
    unsigned group;
    unsigned head;
    unsigned slot;
    device::shared_address tokens;
    device::shared_address codes;
  };

  HEDDLE_DEVICE void operator()() const {
    const unsigned first = device::block_index() / blocks.parts * blocks.slots;
    const unsigned count = problems - first < blocks.slots ? problems - first : blocks.slots;
    find_tokens(first, count);
    find_biases(first, count);
    device::sync_block();
    for (unsigned slot = 0; slot < count; ++slot) load_problem(problem_of(first, slot));
    const unsigned items = count * row_tiles();
    const unsigned own = device::block_index() % blocks.parts * layout::warps + device::warp();  // this warp's first item
    if (own < items) load_queries(first, own, 0);
    device::copy_commit();
    device::copy_wait<0>();
    device::sync_block();
    if constexpr (changes_rows || checks) {
      for (unsigned slot = 0; slot < count; ++slot) look_at_rows(problem_of(first, slot));
      device::sync_block();
    }
    unsigned turn = 0;
    for (unsigned item = own; item < items; item += blocks.parts * layout::warps) {
      if (layout::stages == 1 && turn > 0) load_queries(first, item, 0);
      device::copy_commit();
      device::copy_wait<0>();
      device::sync_warp();
      const unsigned next = item + blocks.parts * layout::warps;
      if (layout::stages == 2 && next < items) load_queries(first, next, (turn + 1) & 1U);
      run(first, item, layout::stages == 2 ? turn & 1U : 0U);
      ++turn;
    }
  }

 private:
  HEDDLE_DEVICE unsigned length() const {
    if constexpr (static_length<map_type> != dyn) {
      return static_cast<unsigned>(static_length<map_type>);
    } else {
      return blocks.keys;
    }
  }
  HEDDLE_DEVICE unsigned row_tiles() const { return (length() + 15U) / 16U; }
  HEDDLE_DEVICE unsigned padded_length() const { return (length() + 63U) / 64U * 64U; }

  HEDDLE_DEVICE problem problem_of(unsigned first, unsigned slot) const {
    const unsigned all = (first + slot) / heads;
    const unsigned row = (all - first / heads) * padded_length() * 4U;
    return {all / groups, static_cast<unsigned>(a.first_group) + all % groups, (first + slot) % heads,
            slot,         device::shared_base() + blocks.tokens + row,         device::shared_base() + blocks.codes + row};
  }
  HEDDLE_DEVICE context_type context_of(const problem& p) const {
    return {a.first_batch + p.batch, p.group, p.head, length(), length(), &a.map};
  }
  HEDDLE_DEVICE device::shared_address keys_of(unsigned slot) const { return device::shared_base() + slot * blocks.slot_bytes; }
  HEDDLE_DEVICE device::shared_address values_of(unsigned slot) const { return keys_of(slot) + blocks.values; }
  HEDDLE_DEVICE device::shared_address flaws_of(unsigned slot) const {
    return device::shared_base() + blocks.flawed + slot * padded_length() * 4U;
  }
  HEDDLE_DEVICE device::shared_address stage_of(unsigned turn) const {
    return device::shared_base() + blocks.stage + (device::warp() * layout::stages + turn) * layout::stage_bytes;
  }

  /// The tokens of all groups of the block, and the codes by which their positions see one another.
  HEDDLE_DEVICE void find_tokens(unsigned first, unsigned count) const {
    const unsigned first_group = first / heads;
    const unsigned here = (first + count - 1U) / heads - first_group + 1U;
    const device::shared_view<std::int32_t> tokens{device::shared_base() + blocks.tokens};
    const device::shared_view<float> codes{device::shared_base() + blocks.codes};
    for (unsigned i = device::thread(); i < here * padded_length(); i += threads) {
      const unsigned all = first_group + i / padded_length();
      const unsigned position = i % padded_length();
      const unsigned group = static_cast<unsigned>(a.first_group) + all % groups;
      std::int32_t token = position < length() ? a.map.token(group, position) : -1;
      if (a.local && token >= 0) token = static_cast<std::int32_t>(position);
      float code = token < 0 ? -1.0F : 0.0F;
      if constexpr (mask_type::labelled) {
        const context_type c{a.first_batch + all / groups, group, 0, length(), length(), &a.map};
        if (token >= 0) code = mask_type(a.composition).label(c, static_cast<float>(position));
      }
      tokens.store(i, token);
      codes.store(i, code);
    }
  }

  /// Tables of biases of every problem, and where keys lie in them.
  HEDDLE_DEVICE void find_biases(unsigned first, unsigned count) const {
    if constexpr (runs::count > 0) {
      const device::shared_view<std::uint32_t> places{device::shared_base() + blocks.places};
      for (unsigned i = device::thread(); i < padded_length(); i += threads)
        places.store(i, i < length() ? static_cast<std::uint32_t>(a.bias.key_place(i)) : 0U);
      const device::shared_view<float> tables{device::shared_base() + blocks.tables};
      for (unsigned slot = 0; slot < count; ++slot) {
        const std::size_t head = (first + slot) % heads;
        for (unsigned i = device::thread(); i < blocks.entries; i += threads) {
          float sum[runs::count] = {};
          each_modifier<composition_type>([&](auto m) {
            constexpr std::size_t index = decltype(m)::value;
            if constexpr (runs::template is_bias<index>)
              sum[runs::run_of(index)] += device::load_global(a.bias.table(index) + head * blocks.entries + i);
          });
          HEDDLE_DEVICE_UNROLL
          for (unsigned run = 0; run < runs::count; ++run)
            tables.store((slot * static_cast<unsigned>(runs::count) + run) * blocks.entries + i,
                         sum[run] * scores_type::table_factor);
        }
      }
    }
  }

  HEDDLE_DEVICE void load_problem(const problem& p) const {
    const unsigned key_head = p.head / heads_per_key_head;
    const unsigned rows = row_tiles() * layout::tile_rows;
    stage::template load<threads>(keys_of(p.slot), p.tokens, rows, rows_of(a.k, p.batch, key_head), device::thread(), whole);
    stage::template load<threads>(values_of(p.slot), p.tokens, rows, rows_of(a.v, p.batch, key_head), device::thread(), whole);
  }

  HEDDLE_DEVICE void load_queries(unsigned first, unsigned item, unsigned turn) const {
    const problem p = problem_of(first, item / row_tiles());
    const unsigned row = item % row_tiles() * layout::tile_rows;
    stage::template load<32>(stage_of(turn), p.tokens + row * 4U, layout::tile_rows, rows_of(a.q, p.batch, p.head),
                             device::lane(), whole);
  }

  /// Policies change keys in place; values that are not finite are taken out where they could be multiplied by 0.
  HEDDLE_DEVICE void look_at_rows(const problem& p) const {
    const device::shared_view<std::int32_t> tokens{p.tokens};
    [[maybe_unused]] const bool check = always_checks || hides_pairs_of(p);
    for (unsigned i = device::thread(); i < length(); i += threads) {
      if constexpr (changes_rows) {
        if (tokens.load(i) >= 0)
          change(keys_of(p.slot) + i * layout::row_bytes, p.head / heads_per_key_head, a.map.token(p.group, i), row_role::key);
      }
      if constexpr (checks) {
        if (!check) continue;
        const std::uint32_t flawed = take_out_flaws_of_row<layout>(values_of(p.slot) + i * layout::row_bytes) ? 1U : 0U;
        device::shared_view<std::uint32_t>{flaws_of(p.slot)}.store(i, flawed);
      }
    }
  }

  HEDDLE_DEVICE void change(device::shared_address at, unsigned head, std::int32_t token, row_role role) const {
    const device::shared_view<value_type> row{at};
    float copy[layout::head_dim];
    HEDDLE_DEVICE_UNROLL
    for (unsigned d = 0; d < layout::head_dim; ++d) copy[d] = device::to_float(row.load(d));
    change_row(a.composition, copy, Arguments::head_dim, head, static_cast<std::size_t>(token), role);
    HEDDLE_DEVICE_UNROLL
    for (unsigned d = 0; d < layout::head_dim; ++d) row.store(d, device::round_to<value_type>(copy[d]));
  }

  /// Maximum and sum of the weights of a lane's two rows; the sum is that of its own columns.
  struct statistics {
    float largest[2];
    float sum[2];
  };

  HEDDLE_DEVICE void run(unsigned first, unsigned item, unsigned turn) const {
    const problem p = problem_of(first, item / row_tiles());
    const unsigned row = item % row_tiles() * layout::tile_rows;
    const device::shared_address staged = stage_of(turn);
    const scores_type policies = policies_of(p, row);
    if constexpr (changes_rows) {
      const unsigned i = row + (device::lane() & 15U);
      if (device::lane() < 16U && device::shared_view<std::int32_t>{p.tokens}.load(i) >= 0)
        change(staged + device::lane() * layout::row_bytes, p.head, a.map.token(p.group, i), row_role::query);
      device::sync_warp();
    }
    float o[layout::tiles_of_dim][4] = {};
    statistics rows = begin(p.head);
    const bool flawed = (always_checks || hides_pairs_of(p)) && any_flawed(p.slot);
    HEDDLE_DEVICE_NO_UNROLL
    for (unsigned key = 0; key < length(); key += layout::chunk_keys) {
      if (policies.skips(key, layout::chunk_keys)) continue;
      const unsigned left = (length() - key + 7U) / 8U;
      const unsigned tiles = left < products::key_tiles ? left : products::key_tiles;
      float s[products::key_tiles][4];
      products::scores(s, staged, keys_of(p.slot) + key * layout::row_bytes, tiles);
      policies.apply(s, key, tiles);
      weigh(s, o, rows, tiles);
      products::values(o, s, values_of(p.slot) + key * layout::row_bytes, tiles);
      if constexpr (checks) {
        if (flawed) add_flawed(p, policies, s, o, key);
      }
    }
    device::sync_warp();  // queries have been read: their place is free for outputs
    finish(p, row, staged, o, rows);
  }

  HEDDLE_DEVICE scores_type policies_of(const problem& p, unsigned row) const {
    scores_type s{a.composition,
                  context_of(p),
                  row,
                  device::shared_base() + blocks.tables,
                  blocks.entries,
                  device::shared_base() + blocks.places,
                  p.codes,
                  a.padded,
                  false,
                  {0, 0},
                  layout::head_dim};
    s.tables += p.slot * static_cast<unsigned>(runs::count) * blocks.entries * 4U;
    if constexpr (mask_type::masked) {
      const bool hides = hides_pairs_of(p);
      if constexpr (mask_type::labelled) {
        s.coded = s.coded || hides;
      } else {
        s.masked = hides;
      }
    }
    if constexpr (runs::count > 0) {
      s.query_place[0] = static_cast<unsigned>(a.bias.query_place(s.query(0)));
      s.query_place[1] = static_cast<unsigned>(a.bias.query_place(s.query(1)));
    }
    return s;
  }

  /// Some pair of the problem is hidden by a mask.
  HEDDLE_DEVICE bool hides_pairs_of(const problem& p) const {
    if constexpr (mask_type::masked) {
      return mask_type(a.composition).classify(context_of(p), 0, length(), 0, length()) != tile::full;
    } else {
      return false;
    }
  }

  HEDDLE_DEVICE statistics begin(unsigned head) const {
    statistics s{{hidden_in_tile, hidden_in_tile}, {0.0F, 0.0F}};
    if constexpr (initial_score<normalizer_type>) {
      const float score = a.composition.normalizer().initial_score(head) * log2_of_e;
      const float one = (device::lane() & 3U) == 0 ? 1.0F : 0.0F;  // one lane of a row has the virtual key
      s = {{score, score}, {one, one}};
      if (score == hidden_in_tile) s.sum[0] = s.sum[1] = 0.0F;
    }
    return s;
  }

  /// Scores become weights in place. A larger maximum makes what was summed before smaller.
  HEDDLE_DEVICE void weigh(float (&s)[products::key_tiles][4], float (&o)[layout::tiles_of_dim][4], statistics& rows,
                           unsigned tiles) const {
    if constexpr (exponential) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned h = 0; h < 2; ++h) weigh_half<layout>(s, o, h, rows.largest[h], rows.sum[h], tiles);
    } else {
      HEDDLE_DEVICE_UNROLL
      for (unsigned n = 0; n < products::key_tiles; ++n) {
        if (n >= tiles) break;
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i)
          s[n][i] = s[n][i] == hidden_in_tile ? 0.0F : weight<float>(a.composition.normalizer(), s[n][i]);
      }
    }
  }

  HEDDLE_DEVICE bool any_flawed([[maybe_unused]] unsigned slot) const {
    bool found = false;
    if constexpr (checks) {
      const device::shared_view<std::uint32_t> flaws{flaws_of(slot)};
      for (unsigned i = device::lane(); i < length(); i += 32U) found = found || flaws.load(i) != 0;
      found = device::vote_any(found);
    }
    return found;
  }

  /// Values that are not finite, for the queries that see them: what the mask hides is not multiplied at all.
  HEDDLE_DEVICE void add_flawed(const problem& p, const scores_type& policies, const float (&s)[products::key_tiles][4],
                                float (&o)[layout::tiles_of_dim][4], unsigned key) const {
    const device::shared_view<std::uint32_t> flaws{flaws_of(p.slot)};
    const device::shared_view<std::int32_t> tokens{p.tokens};
    const auto rows = rows_of(a.v, p.batch, p.head / heads_per_key_head);
    const unsigned left = length() - key;
    add_single_values<layout::head_dim, products::key_tiles>(
        [&](unsigned n, unsigned j) { return s[n][j]; }, [&](unsigned d, unsigned j) -> float& { return o[d][j]; },
        left < layout::chunk_keys ? left : layout::chunk_keys, [&](unsigned i) { return flaws.load(key + i) != 0; },
        [&](unsigned h, unsigned i, float w) {
          return policies.visible(h, key + i) && (composition_type::modifiers == 0 || w != 0.0F);
        },
        [&](unsigned i) {
          const std::int32_t token = tokens.load(key + i);
          return token < 0 ? nullptr : rows.row(token);
        });
  }

  /// Outputs, divided by their sums, into shared memory and from there, in long pieces, to where the queries came from.
  HEDDLE_DEVICE void finish(const problem& p, unsigned row, device::shared_address staged, float (&o)[layout::tiles_of_dim][4],
                            const statistics& rows) const {
    const unsigned lane = device::lane();
    HEDDLE_DEVICE_UNROLL
    for (unsigned h = 0; h < 2; ++h) {
      float inverse = 1.0F;
      if constexpr (exponential) {
        float sum = rows.sum[h] + device::shuffle_xor(rows.sum[h], 1U);
        sum += device::shuffle_xor(sum, 2U);
        inverse = sum == 0.0F ? 0.0F : 1.0F / sum;
        if constexpr (observer::logsumexp) write_logsumexp(p, row + lane / 4U + 8U * h, rows.largest[h], sum);
      }
      const device::shared_address to = staged + (lane / 4U + 8U * h) * layout::out_bytes;
      HEDDLE_DEVICE_UNROLL
      for (unsigned d = 0; d < layout::tiles_of_dim; ++d) {
        device::vector<output_type, 2> pair{};
        pair[0] = device::round_to<output_type>(o[d][2 * h] * inverse);
        pair[1] = device::round_to<output_type>(o[d][2 * h + 1] * inverse);
        device::shared_view<device::vector<output_type, 2>>{to}.store(4U * d + (lane & 3U), pair);
      }
    }
    device::sync_warp();
    stage::store(staged, p.tokens + row * 4U, layout::tile_rows, rows_of(a.out, p.batch, p.head), whole_out);
    device::sync_warp();  // before the next queries come here
  }

  HEDDLE_DEVICE void write_logsumexp(const problem& p, unsigned query, float largest, float sum) const {
    const std::int32_t token = device::shared_view<std::int32_t>{p.tokens}.load(query);
    if ((device::lane() & 3U) != 0 || token < 0) return;
    const float lse = sum == 0.0F ? hidden_in_tile : largest * log_of_2 + math::log(sum);
    device::store_global(rows_of(a.outputs.logsumexp, p.batch, p.head).row(token), lse);
  }
};

}  // namespace heddle::inline v0::detail
