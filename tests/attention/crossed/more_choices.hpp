// Score modifiers, normalizers and positions of which one is chosen at run time.
#pragma once

#include "choices.hpp"

namespace heddle::test::crossed {

inline constexpr std::size_t most_heads = 4;

/// Functions of the score.
struct any_function {
  using policy_category = score_mod_tag;
  static constexpr std::size_t count = 7;
  const tables* t = nullptr;
  std::size_t kind = 0;
  std::size_t queries = 0;
  std::size_t keys = 0;

  template <class Context, class T>
  HEDDLE_HOST_DEVICE HEDDLE_NOINLINE T operator()(const Context& c, T score, T q, T k) const {
    if constexpr (requires { c.map->table_index(c.group, q, k); }) {
      if (kind % count == 6) return neighborhood_bias{t->numbers.data(), most_heads}(c, score, q, k);
    }
    if constexpr (requires { c.map->split(c.group); }) {
      if (kind % count == 6) return region_penalty{-3.0F}(c, score, q, k);
    }
    const float* tau = t->numbers.data();
    switch (kind % count) {
      case 0:
        return alibi<dyn>{tau, most_heads}(c, score, q, k);
      case 1:
        return alibi<dyn, alignment::bottom_right>{tau, most_heads}(c, score, q, k);
      case 2:
        return soft_cap{1.5F}(score, c.head, q, k);
      case 3:
        return box_geometry{tau, most_heads, t->boxes.data(), queries, 1, t->boxes.data() + 4 * queries, keys}(c, score, q, k);
      case 4:
        return score * batch_traits<T>::broadcast(0.5F) +
               (q - k) * batch_traits<T>::broadcast(0.01F * static_cast<float>(c.group % 3));
      case 5:
        return heddle::detail::modified<T>(scalar{}, c, score, q, k);
      default:
        return score;
    }
  }

 private:
  struct scalar {
    HEDDLE_HOST_DEVICE float operator()(float score, std::size_t head, std::size_t q, std::size_t k) const {
      return (q + k + head) % 3 == 0 ? score - 1.0F : score;
    }
  };
};

/// Biases in memory: for every pair, for every key, or none for some queries.
struct any_row {
  using policy_category = score_mod_tag;
  static constexpr std::size_t count = 3;
  const tables* t = nullptr;
  std::size_t kind = 0;
  std::size_t queries = 0;
  std::size_t keys = 0;

  template <class Context>
  HEDDLE_HOST_DEVICE const float* row(const Context& c, std::size_t q) const {
    const float* data = t->numbers.data();
    switch (kind % count) {
      case 0:
        return dense_bias(data, keys, queries, c.head + 1).row(c, q);
      case 1:
        return key_bias{data, keys, 1, most_heads}.row(c, q);
      default:
        return q % 3 == 1 ? nullptr : data + q;
    }
  }
};

/// Weights of single scores.
struct any_weight {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::elementwise;
  static constexpr std::size_t count = 3;
  std::size_t which = 0;
  template <class T>
  HEDDLE_HOST_DEVICE HEDDLE_NOINLINE T weight(T score) const {
    const T one = batch_traits<T>::broadcast(1.0F);
    return which % count == 0   ? sigmoid_weights{-1.0F}.weight(score)
           : which % count == 1 ? linear_scores{}.weight(score)
                                : score * score + one;
  }
};

/// Weights of whole rows.
struct any_row_weights {
  using policy_category = normalizer_tag;
  static constexpr normalizer_kind kind = normalizer_kind::whole_row;
  static constexpr std::size_t count = 3;
  const float* policy = nullptr;  ///< `[batch, keys]`
  std::size_t keys = 0;
  std::size_t which = 0;
  template <class Context>
  HEDDLE_HOST_DEVICE HEDDLE_NOINLINE float weigh(const Context& c, std::size_t q, float* scores, std::size_t n) const {
    if (which % count == 0) return top_k<3>{}.weigh(c, q, scores, n);
    if (which % count == 1) return top_k<40>{}.weigh(c, q, scores, n);
    return policy_weighted{policy, 2, keys, 1e-3F}.weigh(c, q, scores, n);
  }
};

/// A share of `decoupled`, none of which is exact or dropped.
struct any_share {
  static constexpr bool reads_instances = true;
  static constexpr bool reads_prompts = true;
  std::size_t kind = 0;
  HEDDLE_HOST_DEVICE float operator()(std::size_t head, float a, float b) const {
    const float gates[most_heads] = {-1.0F, 0.5F, 2.0F, 0.0F};
    return kind % 3 == 0   ? share::odds{0.7F}(head, a, b)
           : kind % 3 == 1 ? share::constant{0.3F}(head, a, b)
                           : share::head_gate{gates, most_heads}(head, a, b);
  }
};
using two_parts = decoupled<any_share, any_share, any_mask>;
using one_part = decoupled<share::exact, share::drop_prompts, causal<>>;

/// Positions.
struct any_position {
  using policy_category = position_tag;
  static constexpr std::size_t count = 6;
  std::size_t kind = 0;
  HEDDLE_HOST_DEVICE HEDDLE_NOINLINE void operator()(float* row, std::size_t dim, std::size_t head, std::size_t token,
                                                     row_role role) const {
    const rotary<rotary_pairs::halves> halves{.dims = dim / 2 * 2, .query_offset = 3, .key_offset = 1};
    const rotary<rotary_pairs::interleaved> interleaved{.base = 50.0F, .dims = dim / 2 * 2};
    const qk_norm<row_norm::layer> layer{};
    const qk_norm<row_norm::rms> rms{.epsilon = 0.1F};
    switch (kind % count) {
      case 0:
        return halves(row, dim, head, token, role);
      case 1:
        return interleaved(row, dim, head, token, role);
      case 2:
        return layer(row, dim, head, token, role);
      case 3:
        return rms(row, dim, head, token, role);
      case 4:
        return positions{rms, halves}(row, dim, head, token, role);
      default:
        row[0] += static_cast<float>(head) * 0.25F + (role == row_role::key ? 0.5F : 0.0F);
    }
  }
};

}  // namespace heddle::test::crossed
