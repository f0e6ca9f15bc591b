// Rows of an attention by definition, and pairs that its mask lets through: what results are checked against and what
// GFLOP/s counts.
#pragma once

#include <heddle/reference/attend.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/support/random.hpp"

namespace heddle::bench {

template <class Plan>
using plan_context = group_context<typename Plan::map_type>;

/// The tokens of one group; -1: padding.
struct tokens_of_group {
  std::vector<std::int32_t> queries, keys;

  template <class Plan>
  tokens_of_group(const Plan& plan, std::size_t group) : queries(plan.queries()), keys(plan.keys()) {
    plan.map().tokens(group, queries.data());
    plan.key_tokens(group, queries.data(), keys.data());
  }
  bool complete() const {
    const auto present = [](std::int32_t t) { return t >= 0; };
    return std::all_of(queries.begin(), queries.end(), present) && std::all_of(keys.begin(), keys.end(), present);
  }
};

/// Pairs of queries and keys of one group that see each other.
template <class Plan>
std::size_t group_pairs(const Plan& plan, std::size_t batch, std::size_t group) {
  constexpr std::size_t side = 64;
  const plan_context<Plan> c{batch, group, 0, plan.queries(), plan.keys(), &plan.map()};
  const detail::effective_mask<typename Plan::composition_type> mask(plan.composition());
  const tokens_of_group tokens(plan, group);
  const bool complete = tokens.complete();
  std::size_t pairs = 0;
  for (std::size_t q0 = 0; q0 < c.queries; q0 += side)
    for (std::size_t k0 = 0; k0 < c.keys; k0 += side) {
      const std::size_t q1 = std::min(c.queries, q0 + side);
      const std::size_t k1 = std::min(c.keys, k0 + side);
      const tile kind = mask.classify(c, q0, q1, k0, k1);
      if (kind == tile::skip) continue;
      if (kind == tile::full && complete) {
        pairs += (q1 - q0) * (k1 - k0);
        continue;
      }
      for (std::size_t q = q0; q < q1; ++q)
        for (std::size_t k = k0; k < k1; ++k)
          if (tokens.queries[q] >= 0 && tokens.keys[k] >= 0 &&
              (kind == tile::full || mask(c, static_cast<float>(q), static_cast<float>(k))))
            ++pairs;
    }
  return pairs;
}

/// Elements of a view as contiguous floats `[batch, heads, tokens, head_dim]`.
template <class View>
std::vector<float> widened(const View& x) {
  std::vector<float> all;
  all.reserve(x.extent(0) * x.extent(1) * x.extent(2) * x.extent(3));
  for (std::size_t b = 0; b < x.extent(0); ++b)
    for (std::size_t h = 0; h < x.extent(1); ++h)
      for (std::size_t i = 0; i < x.extent(2); ++i)
        for (std::size_t d = 0; d < x.extent(3); ++d) all.push_back(static_cast<float>(x(b, h, i, d)));
  return all;
}

template <class T>
head_view<T> contiguous(T* data, std::size_t batch, std::size_t heads, std::size_t tokens, std::size_t dim) {
  return {data, extents<dyn, dyn, dyn, dyn>(batch, heads, tokens, dim), {heads * tokens * dim, tokens * dim, dim, 1}};
}

/// The largest difference of `out` to the definition, as a share of the largest expected value: every row where that is
/// quick, else a random sample with the first and the last row.
template <class Plan, class Q, class K, class V, class O>
double rows_error(const Plan& plan, const Q& q, const K& k, const V& v, const O& out) {
  constexpr double pair_budget = 6e5;
  const std::size_t batch = q.extent(0), heads = q.extent(1), tokens = q.extent(2), dim = q.extent(3), key_tokens = k.extent(2);
  const std::vector<float> qs = widened(q), ks = widened(k), vs = widened(v);
  std::vector<float> expected(qs.size());
  const auto a = detail::make_arguments(
      plan, contiguous(qs.data(), batch, heads, tokens, dim), contiguous(ks.data(), batch, k.extent(1), key_tokens, dim),
      contiguous(vs.data(), batch, v.extent(1), key_tokens, dim), contiguous(expected.data(), batch, heads, tokens, dim), {});
  const std::size_t groups = plan.map().groups(), queries = plan.queries(), keys = plan.keys();
  const std::size_t all = batch * groups * heads * queries;
  const auto sample = static_cast<std::size_t>(std::max(2.0, pair_budget / static_cast<double>(keys)));

  workspace memory(detail::plain_scratch_bytes(keys, dim));
  test::generator random(5);
  double worst = 0, largest = 0;
  for (std::size_t n = 0; n < std::min(all, sample); ++n) {
    const std::size_t row = all <= sample ? n : n == 0 ? 0 : n == 1 ? all - 1 : random.integer(0, all - 1);
    const std::size_t i = row % queries, head = row / queries % heads, group = row / queries / heads % groups,
                      b = row / queries / heads / groups;
    const tokens_of_group members(plan, group);
    if (members.queries[i] < 0) continue;
    arena scratch = memory.scratch();
    const plan_context<Plan> c{b, group, head, queries, keys, &plan.map()};
    detail::attend_row(a, c, b, detail::group_tokens{members.queries.data(), members.keys.data(), false}, i,
                       detail::take_plain_scratch(scratch, keys, dim));
    const auto token = static_cast<std::size_t>(members.queries[i]);
    for (std::size_t d = 0; d < dim; ++d) {
      const double e = static_cast<double>(a.out(b, head, token, d));
      const double difference = std::abs(e - static_cast<double>(static_cast<float>(out(b, head, token, d))));
      largest = std::max(largest, std::abs(e));
      worst = std::isnan(difference) ? difference : std::max(worst, difference);
      if (std::isnan(worst)) return worst;
    }
  }
  return largest > 0 ? worst / largest : worst;
}

}  // namespace heddle::bench
