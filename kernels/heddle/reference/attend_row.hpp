/// @file
/// One row of attention in double: what every kernel of `attend` is measured by.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <heddle/primitive/attend.hpp>

namespace heddle::inline v0::detail {

/// One group: the token of every position (-1: padding), and where the rows of the positions lie.
struct group_tokens {
  const std::int32_t* queries = nullptr;
  const std::int32_t* keys = nullptr;
  bool local = false;  ///< rows are those of the positions, not those of the tokens

  std::size_t query_row(std::size_t i) const noexcept { return local ? i : static_cast<std::size_t>(queries[i]); }
  std::size_t key_row(std::size_t i) const noexcept { return local ? i : static_cast<std::size_t>(keys[i]); }
};

/// Memory of `attend_row`.
struct plain_scratch {
  double* scores = nullptr;  ///< `[keys]`: scores, then weights; -inf: hidden
  float* row = nullptr;      ///< `[keys]`: for normalizers that weigh whole rows
  float* query = nullptr;    ///< `[head_dim]`
  float* key = nullptr;      ///< `[head_dim]`
};

constexpr std::size_t plain_scratch_bytes(std::size_t keys, std::size_t head_dim) noexcept {
  return scratch_bytes<double>(keys) + scratch_bytes<float>(keys) + 2 * scratch_bytes<float>(head_dim);
}

inline plain_scratch take_plain_scratch(arena& memory, std::size_t keys, std::size_t head_dim) {
  double* scores = memory.take<double>(keys);
  float* row = memory.take<float>(keys);
  float* query = memory.take<float>(head_dim);
  return {scores, row, query, memory.take<float>(head_dim)};
}

inline constexpr double hidden_score = -std::numeric_limits<double>::infinity();

/// A query or key in float, after the position and score policies.
template <class Composition, class T>
const float* plain_row(const Composition& c, const T* row, std::size_t dim, std::size_t head, std::int32_t token, row_role role,
                       float* copy) {
  if constexpr (std::is_same_v<T, float> && !copies_rows<Composition>) {
    return row;
  } else {
    for (std::size_t d = 0; d < dim; ++d) copy[d] = static_cast<float>(row[d]);
    change_row(c, copy, dim, head, static_cast<std::size_t>(token), role);
    return copy;
  }
}

/// The sums of one row, written to the output.
struct plain_result {
  double logsumexp = hidden_score;
  bool any = false;  ///< it sees something
};

/// One row: a query of a group and head.
template <class Arguments, class Context>
class plain_attention {
  using composition_type = typename Arguments::composition_type;
  using normalizer_type = typename composition_type::normalizer_type;
  using observer = observed<typename composition_type::observer_type>;

  const Arguments& a_;
  const Context& c_;
  std::size_t view_batch_;
  const group_tokens& g_;
  const plain_scratch& s_;
  std::size_t q_;

 public:
  plain_attention(const Arguments& a, const Context& c, std::size_t view_batch, const group_tokens& g, const plain_scratch& s,
                  std::size_t q)
      : a_(a), c_(c), view_batch_(view_batch), g_(g), s_(s), q_(q) {}

  void run() const {
    find_scores();
    const plain_result result = find_weights();
    sum_values(result);
    observe_row(result);
  }

 private:
  const composition_type& composition() const noexcept { return a_.plan.composition(); }
  bool visible_key(std::size_t k) const noexcept { return s_.scores[k] != hidden_score; }

  void find_scores() const {
    const std::size_t dim = a_.q.extent(3);
    const effective_mask<composition_type> mask(composition());
    const float* query = plain_row(composition(), &a_.q(view_batch_, c_.head, g_.query_row(q_), 0), dim, c_.head,
                                   g_.queries[q_], row_role::query, s_.query);
    const std::size_t key_head = a_.key_head(c_.head);
    for (std::size_t k = 0; k < c_.keys; ++k) {
      s_.scores[k] = hidden_score;
      if (g_.keys[k] < 0 || !mask(c_, static_cast<float>(q_), static_cast<float>(k))) continue;
      const float* key = plain_row(composition(), a_.k.row(view_batch_, key_head, g_.key_row(k)), dim, key_head, g_.keys[k],
                                   row_role::key, s_.key);
      s_.scores[k] = score(query, key, k);
    }
  }

  /// The score of one visible pair.
  double score(const float* query, const float* key, std::size_t k) const {
    double sum = 0.0;
    for (std::size_t d = 0; d < a_.q.extent(3); ++d) sum += static_cast<double>(query[d]) * static_cast<double>(key[d]);
    sum *= static_cast<double>(composition().score().scale(c_.head, a_.q.extent(3)));
    each_modifier<composition_type>([&](auto i) {
      using modifier = typename composition_type::template modifier_type<i>;
      if constexpr (bias_runs<composition_type>::template is_bias<i>) {
        sum += static_cast<double>(a_.plan.bias().at(i, c_.head, q_, k));
      } else if constexpr (askable_row<modifier, Context>) {
        const float* row = composition().template modifier<i>().row(c_, q_);
        if (row != nullptr) sum += static_cast<double>(row[k]);
      } else {
        sum = static_cast<double>(modified<float>(composition().template modifier<i>(), c_, static_cast<float>(sum),
                                                  static_cast<float>(q_), static_cast<float>(k)));
      }
    });
    return sum;
  }

  /// Turns scores into weights that are final, hidden ones staying hidden.
  plain_result find_weights() const {
    if constexpr (normalizer_type::kind == normalizer_kind::elementwise) {
      return weigh_elements();
    } else if constexpr (normalizer_type::kind == normalizer_kind::whole_row) {
      return weigh_row();
    } else if constexpr (normalizer_parts<normalizer_type> == 2) {
      return weigh_parts();
    } else {
      return weigh_exponentials([](std::size_t) { return true; });
    }
  }

  plain_result weigh_elements() const {
    plain_result result;
    for (std::size_t k = 0; k < c_.keys; ++k) {
      if (!visible_key(k)) continue;
      s_.scores[k] = static_cast<double>(weight<float>(composition().normalizer(), static_cast<float>(s_.scores[k])));
      result.any = true;
    }
    return result;
  }

  plain_result weigh_row() const {
    plain_result result;
    for (std::size_t k = 0; k < c_.keys; ++k) {
      s_.row[k] = static_cast<float>(s_.scores[k]);
      result.any = result.any || visible_key(k);
    }
    if (!result.any) return result;
    const double sum = static_cast<double>(composition().normalizer().weigh(c_, q_, s_.row, c_.keys));
    for (std::size_t k = 0; k < c_.keys; ++k)
      s_.scores[k] = s_.row[k] == 0.0F ? hidden_score : static_cast<double>(s_.row[k]) / sum;  // not chosen: not read either
    return result;
  }

  /// Softmax over the visible keys that `in` names, and over the virtual key of the normalizer.
  template <class In>
  plain_result weigh_exponentials(In in) const {
    double largest = hidden_score;
    bool nan = false;
    for (std::size_t k = 0; k < c_.keys; ++k) {
      if (!visible_key(k) || !in(k)) continue;
      nan = nan || std::isnan(s_.scores[k]);
      if (s_.scores[k] > largest) largest = s_.scores[k];
    }
    const bool any = nan || largest > hidden_score;
    double sum = 0.0;
    if constexpr (initial_score<normalizer_type>) {
      const auto first = static_cast<double>(composition().normalizer().initial_score(c_.head));
      if (first > largest) largest = first;
      if (largest > hidden_score) sum = std::exp(first - largest);
    }
    for (std::size_t k = 0; k < c_.keys; ++k) {
      if (!visible_key(k) || !in(k)) continue;
      s_.scores[k] = std::exp(s_.scores[k] - largest);
      sum += s_.scores[k];
    }
    for (std::size_t k = 0; k < c_.keys; ++k)
      if (visible_key(k) && in(k)) s_.scores[k] /= sum;
    return {sum > 0.0 || nan ? largest + std::log(sum) : hidden_score, any};
  }

  /// Two softmaxes, mixed by the share of the second.
  plain_result weigh_parts() const {
    const auto& normalizer = composition().normalizer();
    const auto part = [&](std::size_t p) {
      return [&, p](std::size_t k) { return static_cast<bool>(normalizer.in_part(c_, static_cast<float>(k), p)); };
    };
    const plain_result first = weigh_exponentials(part(0));
    const plain_result second = weigh_exponentials(part(1));
    const auto share = static_cast<double>(
        normalizer.share(c_, q_, static_cast<float>(first.logsumexp), static_cast<float>(second.logsumexp)));
    for (std::size_t k = 0; k < c_.keys; ++k) {
      if (!visible_key(k)) continue;
      const double factor = part(1)(k) ? share : 1.0 - share;
      s_.scores[k] = factor == 0.0 ? hidden_score : s_.scores[k] * factor;  // a part that is left out is not read
    }
    const double high = first.logsumexp > second.logsumexp ? first.logsumexp : second.logsumexp;
    const double both_parts = high == hidden_score
                                  ? hidden_score
                                  : high + std::log(std::exp(first.logsumexp - high) + std::exp(second.logsumexp - high));
    return {both_parts, first.any || second.any};
  }

  void sum_values(const plain_result& result) const {
    using output = typename Arguments::output_type;
    const std::size_t key_head = a_.key_head(c_.head);
    for (std::size_t d = 0; d < a_.q.extent(3); ++d) {
      double sum = 0.0;
      for (std::size_t k = 0; result.any && k < c_.keys; ++k)
        if (visible_key(k))
          sum += s_.scores[k] * static_cast<double>(static_cast<float>(a_.v.row(view_batch_, key_head, g_.key_row(k))[d]));
      a_.out(view_batch_, c_.head, g_.query_row(q_), d) = static_cast<output>(static_cast<float>(sum));
    }
  }

  void observe_row(const plain_result& result) const {
    const attend_outputs& o = a_.outputs;
    const std::size_t row = g_.query_row(q_);
    if constexpr (observer::logsumexp) o.logsumexp(view_batch_, c_.head, row) = static_cast<float>(result.logsumexp);
    if constexpr (observer::weights) {
      for (std::size_t k = 0; result.any && k < c_.keys; ++k) {
        if (!visible_key(k)) continue;
        const auto p = static_cast<float>(s_.scores[k]);
        if constexpr (observer::class_row) {
          if (q_ == 0) o.class_row(view_batch_, c_.head, g_.key_row(k)) = p;
        }
        if constexpr (observer::probabilities)
          o.probabilities(view_batch_, c_.head * a_.plan.map().groups() + c_.group, q_, k) = p;
        if constexpr (observer::importance)
          o.importance(view_batch_, c_.head, g_.key_row(k)) += static_cast<float>(row_weight() * s_.scores[k]);
      }
    }
  }

  double row_weight() const {
    const head_rows<const float>& w = a_.outputs.row_weights;
    if (w.data_handle() != nullptr) return static_cast<double>(w(view_batch_, c_.head, g_.query_row(q_)));
    return 1.0 / static_cast<double>(present_queries(g_.queries, c_.queries));
  }
};

/// One query: scores, weights, the weighted sum of the values of the visible keys, and nothing of the others.
template <class Arguments, class Context>
void attend_row(const Arguments& a, const Context& c, std::size_t view_batch, const group_tokens& g, std::size_t q,
                const plain_scratch& s) {
  plain_attention<Arguments, Context>(a, c, view_batch, g, s, q).run();
}

}  // namespace heddle::inline v0::detail
