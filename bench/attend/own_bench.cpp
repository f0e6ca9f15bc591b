// Policies that a user might write: what they cost next to the built-in ones.
#include "bench/support/attention_subject.hpp"

namespace {

using namespace heddle;
using bench::add_attention;

/// Scores fall with the distance. Generic in its number type: it runs on whole vectors.
struct gaussian_distance {
  using policy_category = score_mod_tag;
  float inverse_two_sigma_squared;
  template <class T>
  constexpr T operator()(T score, std::size_t, T query, T key) const noexcept {
    const T d = query - key;
    return score - d * d * inverse_two_sigma_squared;
  }
};

/// What `soft_cap` does, written by a user.
struct own_soft_cap {
  using policy_category = score_mod_tag;
  float cap = 50.0F;
  template <class T>
  constexpr T operator()(T score, std::size_t, T, T) const noexcept {
    using math::tanh;
    return batch_traits<T>::broadcast(cap) * tanh(score * batch_traits<T>::broadcast(1.0F / cap));
  }
};

/// Promises next to each other: a function of the user's costs what the built-in one costs, a full mask nothing.
void add_promises() {
  const bench::attention_shape shape{.heads = 12, .grid = sequence_grid(1024)};
  add_attention<64>("promise_no_mask", "", "no mask", attention{}, shape);
  add_attention<64>("promise_full_mask", "", "a mask that is statically full", attention{full{}}, shape);
  add_attention<64>("promise_causal_mask", "", "half of the pairs", attention{causal<>{}}, shape);
  add_attention<64>("promise_soft_cap", "", "the built-in soft cap", attention{soft_cap{}}, shape);
  add_attention<64>("promise_own_soft_cap", "", "the same, written by a user", attention{own_soft_cap{}}, shape);
}

[[maybe_unused]] const bool registered = [] {
  add_promises();
  const bench::attention_shape shape{.heads = 12, .grid = sequence_grid(196)};
  add_attention<64>("own_gaussian_distance", "", "a score function of the user's", attention{gaussian_distance{0.02F}}, shape);
  const auto earlier = visible_if{[](auto q, auto k) { return k <= q; }};
  add_attention<64>("own_predicate", "", "a mask of the user's, without classify", attention{earlier}, shape);
  return true;
}();

}  // namespace
