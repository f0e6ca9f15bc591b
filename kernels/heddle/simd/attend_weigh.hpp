/// @file
/// Whole rows of scores that become weights on vectors, for the normalizers whose rule is known here; all others are asked
/// themselves.
#pragma once

#include <cstddef>
#include <limits>

#include <heddle/simd/attend_batch.hpp>
#include <heddle/simd/math.hpp>

namespace heddle::inline v0 {

struct policy_weighted;
struct smoothed_softmax;

namespace detail {

/// `(e_k kept(k) + epsilon / N) / (sum_j e_j kept(j) + epsilon)` with `e_k = exp(row[k] - max)` and N visible keys, in place.
/// The row holds whole vectors, -inf behind its end; -inf is a hidden key, whose weight is 0.
template <class Isa, class Kept>
HEDDLE_ALWAYS_INLINE void smooth_row(float* row, std::size_t keys, float epsilon, Kept kept) noexcept {
  using v = vec<Isa>;
  const v hidden(-std::numeric_limits<float>::infinity());
  v largest = hidden;
  v count = v::zero();
  for (std::size_t k = 0; k < keys; k += v::size) {
    const v s = v::load(row + k);
    largest = max(largest, s);  // a NaN does not come through
    count = count + select(s == hidden, v::zero(), v(1.0F));
  }
  const v top(reduce_max(largest));
  v sum = v::zero();
  for (std::size_t k = 0; k < keys; k += v::size) {
    const v s = v::load(row + k);
    const v e = exp(s - top) * kept(k);
    select(s == hidden, hidden, e).store(row + k);  // still marked: weights are not negative
    sum = sum + select(s == hidden, v::zero(), e);
  }
  const float visible = reduce_add(count);
  const v each(visible == 0.0F ? 0.0F : epsilon / visible);
  const v inverse(1.0F / (reduce_add(sum) + epsilon));
  for (std::size_t k = 0; k < keys; k += v::size) {
    const v e = v::load(row + k);
    select(e == hidden, v::zero(), (e + each) * inverse).store(row + k);
  }
}

/// Scores of query `q` to weights in place; their sum.
template <class Isa, class Normalizer>
struct row_weights {
  template <class Context>
  static float weigh(const Normalizer& n, const Context& c, std::size_t q, float* row, std::size_t keys) {
    return n.weigh(c, q, row, keys);
  }
};

template <class Isa>
struct row_weights<Isa, smoothed_softmax> {
  template <class Normalizer, class Context>
  static float weigh(const Normalizer& n, const Context&, std::size_t, float* row, std::size_t keys) noexcept {
    smooth_row<Isa>(row, keys, n.epsilon, [](std::size_t) { return vec<Isa>(1.0F); });
    return 1.0F;
  }
};

template <class Isa>
struct row_weights<Isa, policy_weighted> {
  template <class Normalizer, class Context>
  static float weigh(const Normalizer& n, const Context& c, std::size_t q, float* row, std::size_t keys) noexcept {
    using v = vec<Isa>;
    const float* policy = n.policy + c.batch * n.tokens;
    smooth_row<Isa>(row, keys, n.epsilon, [&](std::size_t k) {
      const v kept = keys - k >= v::size ? v::load(policy + k) : v::load_partial(policy + k, keys - k);
      if (q - k >= v::size) return kept;  // also where q < k
      return select(batch_traits<v>::positions(static_cast<float>(k)) == v(static_cast<float>(q)), v(1.0F), kept);
    });
    return 1.0F;
  }
};

}  // namespace detail

}  // namespace heddle::inline v0
