/// @file
/// The policies of a composition on a tile of scores in registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include <heddle/cuda/attend_short_layout.cuh>
#include <heddle/cuda/device/device.cuh>

namespace heddle::inline v0::detail {

inline constexpr float log2_of_e = 1.4426950408889634F;
inline constexpr float log_of_2 = 0.6931471805599453F;
inline constexpr float hidden_in_tile = -std::numeric_limits<float>::infinity();

/// Positions of a group where the type of the index map knows them, else `dyn`.
template <class Map>
inline constexpr std::size_t static_length = [] {
  if constexpr (requires { Map::static_size; }) {
    return std::size_t{Map::static_size};
  } else {
    return dyn;
  }
}();

/// Scores of 16 queries of one problem: scaled, changed by the modifiers, hidden by the mask. `Composition` must be one that
/// `short_composition` names.
template <class Composition>
class short_scores {
  using map_type = typename Composition::map_type;
  using context_type = group_context<map_type>;
  using runs = bias_runs<Composition>;
  using mask_type = effective_mask<Composition>;
  using normalizer_type = typename Composition::normalizer_type;

 public:
  static constexpr bool exponential = normalizer_type::kind == normalizer_kind::exponential;
  /// Scale, biases and exponential are in base 2, where nothing else looks at the score.
  static constexpr bool in_base_2 = exponential && (Composition::modifiers == 0 || runs::only);
  /// What entries of tables are multiplied by when they are copied into shared memory.
  static constexpr float table_factor = in_base_2 ? log2_of_e : 1.0F;

  const Composition& composition;
  context_type context;
  unsigned first_query;           ///< of the warp's 16
  device::shared_address tables;  ///< of this problem `[runs, entries]`
  unsigned entries;
  device::shared_address places;  ///< of keys in tables
  device::shared_address codes;   ///< of positions: what a query sees has its code
  bool coded;                     ///< there is padding, or labels differ
  bool masked;                    ///< some pair is hidden by a mask without labels
  unsigned query_place[2];
  unsigned head_dim;  ///< for the scale

  /// The query of row half `h`, or the last where there is none: policies are asked about no others.
  HEDDLE_DEVICE unsigned query(unsigned h) const {
    const unsigned q = first_query + device::lane() / 4U + 8U * h;
    return q < length() ? q : length() - 1U;
  }

  /// Turns products into scores for keys from `first` on, in base 2 if the normalizer takes exponentials; -inf: hidden.
  template <unsigned Tiles>
  HEDDLE_DEVICE void apply(float (&s)[Tiles][4], unsigned first, unsigned tiles) const {
    const float scale = composition.score().scale(context.head, head_dim) * (in_base_2 ? log2_of_e : 1.0F);
    const bool ask = masked && asked(first);
    const bool ragged = !coded && first + 8U * Tiles > length();
    float query_code[2] = {0.0F, 0.0F};
    if (coded) {
      query_code[0] = device::shared_view<float>{codes}.load(query(0));
      query_code[1] = device::shared_view<float>{codes}.load(query(1));
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned n = 0; n < Tiles; ++n) {
      if (n >= tiles) break;
      const unsigned k = first + 8U * n + 2U * (device::lane() & 3U);
      modify(s[n], k, scale);
      if (coded) {
        const auto code = device::shared_view<device::vector<float, 2>>{codes}.load(k / 2U);
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i) s[n][i] = code[i & 1U] == query_code[i >> 1U] ? s[n][i] : hidden_in_tile;
      }
      if constexpr (mask_type::masked && !mask_type::labelled) {
        if (ask) {
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 0; i < 4; ++i) s[n][i] = sees(query(i >> 1U), k + (i & 1U)) ? s[n][i] : hidden_in_tile;
        }
      }
      if (ragged) {
        HEDDLE_DEVICE_UNROLL
        for (unsigned i = 0; i < 4; ++i) s[n][i] = k + (i & 1U) < length() ? s[n][i] : hidden_in_tile;
      }
    }
  }

  /// Nobody of the 16 sees anybody of a chunk of keys.
  HEDDLE_DEVICE bool skips(unsigned first, unsigned keys) const {
    if constexpr (mask_type::masked && !mask_type::labelled) {
      return masked && classify(first, keys) == tile::skip;
    } else {
      return false;
    }
  }

  /// Whether a pair is visible: for the few that are looked at one by one.
  HEDDLE_DEVICE bool visible(unsigned h, unsigned k) const {
    const unsigned q = query(h);
    bool seen = k < length();
    if (coded) seen = seen && device::shared_view<float>{codes}.load(k) == device::shared_view<float>{codes}.load(q);
    if constexpr (mask_type::masked && !mask_type::labelled) {
      if (masked) seen = seen && sees(q, k);
    }
    return seen;
  }

  /// Queries of the group, which are its keys.
  HEDDLE_DEVICE unsigned length() const {
    if constexpr (static_length<map_type> != dyn) {
      return static_cast<unsigned>(static_length<map_type>);
    } else {
      return static_cast<unsigned>(context.queries);
    }
  }

 private:
  HEDDLE_DEVICE tile classify(unsigned first, unsigned keys) const {
    const unsigned q1 = first_query + 16U < length() ? first_query + 16U : length();
    const unsigned k1 = first + keys < length() ? first + keys : length();
    return mask_type(composition).classify(context, first_query, q1, first, k1);
  }
  HEDDLE_DEVICE bool asked(unsigned first) const {
    if constexpr (mask_type::masked && !mask_type::labelled) {
      return classify(first, 64U) != tile::full;
    } else {
      return false;
    }
  }
  HEDDLE_DEVICE bool sees(unsigned q, unsigned k) const {
    const unsigned key = k < length() ? k : length() - 1U;
    return mask_type(composition)(context, static_cast<float>(q), static_cast<float>(key));
  }

  /// Scale and modifiers of columns `k`, `k + 1` of both rows.
  HEDDLE_DEVICE void modify(float (&s)[4], unsigned k, float scale) const {
    device::vector<std::uint32_t, 2> place{};
    if constexpr (runs::count > 0) place = device::shared_view<device::vector<std::uint32_t, 2>>{places}.load(k / 2U);
    if constexpr (runs::leading) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) s[i] = s[i] * scale + bias(0, query_place[i >> 1U] + place[i & 1U]);
    } else {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) s[i] *= scale;
    }
    each_modifier<Composition>([&](auto m) {
      constexpr std::size_t index = decltype(m)::value;
      if constexpr (runs::template is_bias<index>) {
        if constexpr (index > 0 && runs::begins_run(index)) {
          HEDDLE_DEVICE_UNROLL
          for (unsigned i = 0; i < 4; ++i)
            s[i] += bias(static_cast<unsigned>(runs::run_of(index)), query_place[i >> 1U] + place[i & 1U]);
        }
      } else {
        change<index>(s, k);
      }
    });
    if constexpr (exponential && !in_base_2) {
      HEDDLE_DEVICE_UNROLL
      for (unsigned i = 0; i < 4; ++i) s[i] *= log2_of_e;
    }
  }

  /// A modifier that is no table.
  template <std::size_t Index>
  HEDDLE_DEVICE void change(float (&s)[4], unsigned k) const {
    using modifier = typename Composition::template modifier_type<Index>;
    const auto& m = composition.template modifier<Index>();
    if constexpr (runs::template adds<Index>) {
      if (m.silent(context)) return;
    }
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned q = query(i >> 1U);
      const unsigned key = k + (i & 1U) < length() ? k + (i & 1U) : length() - 1U;
      if constexpr (askable_row<modifier, context_type>) {
        const float* row = m.row(context, q);
        if (row != nullptr) s[i] += row[key];
      } else {
        s[i] = modified<float>(m, context, s[i], static_cast<float>(q), static_cast<float>(key));
      }
    }
  }

  HEDDLE_DEVICE float bias(unsigned run, unsigned entry) const {
    return device::shared_view<float>{tables + run * entries * 4U}.load(entry);
  }
};

/// Scores of rows `lane / 4 + 8 Half` become weights in place, sums of outputs follow a larger maximum; `sum` is that of the
/// lane's own columns. All in base 2.
template <class Layout, unsigned Tiles>
HEDDLE_DEVICE void weigh_half(float (&s)[Tiles][4], float (&o)[Layout::tiles_of_dim][4], unsigned h, float& largest_before,
                              float& sum_before, unsigned tiles) {
  float largest = largest_before;
  HEDDLE_DEVICE_UNROLL
  for (unsigned n = 0; n < Tiles; ++n) {
    if (n >= tiles) break;
    largest = device::max(largest, device::max(s[n][2 * h], s[n][2 * h + 1]));
  }
  largest = device::max(largest, device::shuffle_xor(largest, 1U));
  largest = device::max(largest, device::shuffle_xor(largest, 2U));
  const float base = largest == hidden_in_tile ? 0.0F : largest;  // nobody sees anything yet
  const float factor = device::exp2(largest_before - base);
  float sum = 0.0F;
  HEDDLE_DEVICE_UNROLL
  for (unsigned n = 0; n < Tiles; ++n) {
    if (n >= tiles) break;
    HEDDLE_DEVICE_UNROLL
    for (unsigned i = 2 * h; i < 2 * h + 2; ++i) {
      s[n][i] = device::exp2(s[n][i] - base);
      sum += s[n][i];
    }
  }
  HEDDLE_DEVICE_UNROLL
  for (unsigned d = 0; d < Layout::tiles_of_dim; ++d) {
    o[d][2 * h] *= factor;
    o[d][2 * h + 1] *= factor;
  }
  largest_before = largest;
  sum_before = sum_before * factor + sum;
}

/// Compositions whose small problems the short kernel computes: keys are the queries, weights are exponentials over one
/// sum, or functions of their own score.
template <class Composition>
inline constexpr bool short_composition =
    Composition::source_type::same_tokens && !keyed_index_map<typename Composition::map_type> &&
    (Composition::normalizer_type::kind == normalizer_kind::exponential ||
     Composition::normalizer_type::kind == normalizer_kind::elementwise) &&
    normalizer_parts<typename Composition::normalizer_type> == 1;

}  // namespace heddle::inline v0::detail
