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

[[maybe_unused]] const bool registered = [] {
  const bench::attention_shape shape{.heads = 12, .grid = sequence_grid(196)};
  add_attention<64>("own_gaussian_distance", "", "a score function of the user's", attention{gaussian_distance{0.02F}}, shape);
  const auto earlier = visible_if{[](auto q, auto k) { return k <= q; }};
  add_attention<64>("own_predicate", "", "a mask of the user's, without classify", attention{earlier}, shape);
  return true;
}();

}  // namespace
