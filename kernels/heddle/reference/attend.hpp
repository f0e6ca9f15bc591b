/// @file
/// The definition of `attend`: one row after the other, in double.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include <heddle/backend/tags.hpp>
#include <heddle/primitive/attend.hpp>

namespace heddle::inline v0 {

namespace detail {

/// One group: the token of every position (-1: padding), and where the rows of the positions lie.
struct group_tokens {
  const std::int32_t* queries = nullptr;
  const std::int32_t* keys = nullptr;
  bool local = false;   ///< rows are those of the positions, not those of the tokens

  std::size_t query_row(std::size_t i) const noexcept { return local ? i : static_cast<std::size_t>(queries[i]); }
  std::size_t key_row(std::size_t i) const noexcept { return local ? i : static_cast<std::size_t>(keys[i]); }
};

/// Memory of `attend_rows`.
struct plain_scratch {
  double* scores = nullptr;   ///< `[keys]`
  float* query = nullptr;     ///< `[head_dim]`
  float* key = nullptr;       ///< `[head_dim]`
};

constexpr std::size_t plain_scratch_bytes(std::size_t keys, std::size_t head_dim) noexcept {
  return scratch_bytes<double>(keys) + 2 * scratch_bytes<float>(head_dim);
}

inline plain_scratch take_plain_scratch(arena& memory, std::size_t keys, std::size_t head_dim) {
  double* scores = memory.take<double>(keys);
  float* query = memory.take<float>(head_dim);
  return {scores, query, memory.take<float>(head_dim)};
}

/// The row of a query or key after the position policy.
template <class Position>
const float* positioned(const Position& position, const float* row, std::size_t dim, std::size_t head, std::int32_t token, float* copy) {
  if constexpr (requires { position(copy, dim, head, std::size_t{}); }) {
    for (std::size_t d = 0; d < dim; ++d) copy[d] = row[d];
    position(copy, dim, head, static_cast<std::size_t>(token));
    return copy;
  } else {
    return row;
  }
}

/// The score of one visible pair.
template <class Composition, std::size_t D>
double plain_score(const attend_arguments<Composition, D>& a, const float* query, const float* key, std::size_t head, std::size_t q,
                   std::size_t k) {
  double sum = 0.0;
  for (std::size_t d = 0; d < a.q.extent(3); ++d) sum += static_cast<double>(query[d]) * static_cast<double>(key[d]);
  sum *= static_cast<double>(a.plan.composition().score().scale(head, a.q.extent(3)));
  each_modifier<Composition>([&](auto i) {
    if constexpr (bias_runs<Composition>::template is_bias<i>) {
      sum += static_cast<double>(a.plan.bias().at(i, head, q, k));
    } else {
      sum = static_cast<double>(modified<float>(a.plan.composition().template modifier<i>(), static_cast<float>(sum), head,
                                                static_cast<float>(q), static_cast<float>(k)));
    }
  });
  return sum;
}

/// One query: scores, weights, the weighted sum of the values of the visible keys, and nothing of the others.
template <class Composition, std::size_t D, class Context>
void attend_row(const attend_arguments<Composition, D>& a, const Context& c, std::size_t view_batch, const group_tokens& g,
                std::size_t q, const plain_scratch& s) {
  constexpr double hidden = -std::numeric_limits<double>::infinity();
  const std::size_t dim = a.q.extent(3);
  const auto& composition = a.plan.composition();
  const float* query = positioned(composition.position(), &a.q(view_batch, c.head, g.query_row(q), 0), dim, c.head, g.queries[q], s.query);
  double largest = hidden;
  bool any = false;
  bool nan = false;
  for (std::size_t k = 0; k < c.keys; ++k) {
    s.scores[k] = hidden;
    if (g.keys[k] < 0 || !visible<float>(composition.mask(), c, static_cast<float>(q), static_cast<float>(k))) continue;
    const float* key = positioned(composition.position(), &a.k(view_batch, c.head, g.key_row(k), 0), dim, c.head, g.keys[k], s.key);
    s.scores[k] = plain_score(a, query, key, c.head, q, k);
    nan = nan || std::isnan(s.scores[k]);
    if (s.scores[k] > largest) largest = s.scores[k];
    any = true;
  }
  double sum = 0.0;
  for (std::size_t k = 0; k < c.keys; ++k) {
    if (s.scores[k] == hidden) continue;
    s.scores[k] = std::exp(s.scores[k] - largest);
    sum += s.scores[k];
  }
  any = any && (nan || largest > hidden);
  const std::size_t row = g.query_row(q);
  for (std::size_t d = 0; d < dim; ++d) {
    double value = 0.0;
    for (std::size_t k = 0; k < c.keys; ++k)
      if (s.scores[k] != hidden) value += s.scores[k] * static_cast<double>(a.v(view_batch, c.head, g.key_row(k), d));
    a.out(view_batch, c.head, row, d) = any ? static_cast<float>(value / sum) : 0.0F;
  }
  if constexpr (Composition::observer_type::returns_logsumexp)
    a.logsumexp(view_batch, c.head, row) = static_cast<float>(any ? largest + std::log(sum) : hidden);
}

}  // namespace detail

template <>
struct kernel<op::attend, reference> {
  static constexpr std::size_t worker_bytes(const attend_shape& s) noexcept {
    return scratch_bytes<std::int32_t>(s.queries) + scratch_bytes<std::int32_t>(s.keys) +
           detail::plain_scratch_bytes(s.keys, s.head_dim);
  }

  template <class Composition, std::size_t D>
  static void run(context<reference> ctx, const attend_arguments<Composition, D>& a) {
    const std::size_t groups = a.plan.map().groups();
    const attend_shape shape{a.plan.queries(), a.plan.keys(), a.q.extent(3), 0};
    ctx.for_each(a.q.extent(0) * groups, worker_bytes(shape), [&](context<reference> mine, std::size_t i) {
      group(mine, a, i / groups, i / groups, i % groups, false);
    });
  }

  template <class Composition, std::size_t D>
  static void run_group(context<reference> ctx, const attend_arguments<Composition, D>& a, std::size_t batch, std::size_t g) {
    group(ctx, a, batch, 0, g, true);
  }

 private:
  template <class Composition, std::size_t D>
  static void group(context<reference> ctx, const attend_arguments<Composition, D>& a, std::size_t batch, std::size_t view_batch,
                    std::size_t g, bool local) {
    const std::size_t queries = a.plan.queries();
    const std::size_t keys = a.plan.keys();
    auto* query_tokens = ctx.scratch.template take<std::int32_t>(queries);
    auto* key_tokens = ctx.scratch.template take<std::int32_t>(keys);
    a.plan.map().tokens(g, query_tokens);
    if constexpr (Composition::source_type::same_tokens) {
      for (std::size_t i = 0; i < keys; ++i) key_tokens[i] = query_tokens[i];
    } else {
      for (std::size_t i = 0; i < keys; ++i) key_tokens[i] = static_cast<std::int32_t>(i);
    }
    const detail::plain_scratch s = detail::take_plain_scratch(ctx.scratch, keys, a.q.extent(3));
    const detail::group_tokens tokens{query_tokens, key_tokens, local};
    for (std::size_t head = 0; head < a.plan.heads(); ++head) {
      const group_context<typename Composition::map_type> c{batch, g, head, queries, keys, &a.plan.map()};
      for (std::size_t q = 0; q < queries; ++q)
        if (query_tokens[q] >= 0) detail::attend_row(a, c, view_batch, tokens, q, s);
    }
  }
};

}  // namespace heddle::inline v0
