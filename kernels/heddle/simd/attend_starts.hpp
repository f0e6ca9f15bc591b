/// @file
/// What the scores of a short problem start from: biases, and what functions add to pairs.
#pragma once

#include <cstddef>

#include <heddle/simd/attend_state.hpp>

namespace heddle::inline v0::detail {

/// For one head of one group.
template <class Isa, class State>
class attend_starts {
  using v = vec<Isa>;
  using composition_type = typename State::composition_type;
  using runs = bias_runs<composition_type>;

  const State& t_;
  typename State::context_type context_;

 public:
  attend_starts(const State& t, std::size_t head) : t_(t), context_(t.context) { context_.head = head; }

  /// `[keys, queries padded]`. What functions add is the same for all heads of a group, and made once.
  const float* by_columns() const {
    const float* biases = t_.a.plan.bias().columns(context_.head);
    if constexpr (runs::only) {
      return biases;
    } else {
      if (silent()) return biases;
      if (!t_.added) make_added();
      const std::size_t n = t_.sizes.keys * t_.a.plan.bias().pitch();
      for (std::size_t i = 0; i < n; i += v::size)
        (v::load(biases + i) + v::load(t_.s.short_added + i)).store(t_.s.short_starts + i);
      return t_.s.short_starts;
    }
  }

  /// The scores of one query with a vector of keys from `k` on, changed as functions say.
  HEDDLE_ALWAYS_INLINE v added(v score, std::size_t q, std::size_t k) const {
    if constexpr (composition_type::modifiers > 0 && !runs::only) {
      each_function([&](const auto& f) {
        score = modified<v>(f, context_, score, v(static_cast<float>(q)), positions(k, t_.sizes.keys));
      });
    }
    return score;
  }

 private:
  /// `first`, `first + 1`, ...; behind the last one it again: policies are not asked about what is not there.
  static v positions(std::size_t first, std::size_t count) {
    return min(batch_traits<v>::positions(static_cast<float>(first)), v(static_cast<float>(count - 1)));
  }

  template <class F>
  HEDDLE_ALWAYS_INLINE void each_function(F&& f) const {
    each_modifier<composition_type>([&](auto i) {
      if constexpr (!runs::template is_bias<i>) f(t_.composition().template modifier<i>());
    });
  }
  bool silent() const {
    bool all = true;
    each_function([&](const auto& f) { all = all && f.silent(context_); });
    return all;
  }

  HEDDLE_NOINLINE void make_added() const {
    // A map of its own: the compiler then knows that storing does not change what the functions are told.
    const typename State::map_type map = t_.a.plan.map();
    auto c = context_;
    c.map = &map;
    const std::size_t pitch = t_.a.plan.bias().pitch();
    for (std::size_t k = 0; k < t_.sizes.keys; ++k) {
      for (std::size_t q = 0; q < pitch; q += v::size) {
        v sum = v::zero();
        each_function(
            [&](const auto& f) { sum = modified<v>(f, c, sum, positions(q, t_.sizes.queries), v(static_cast<float>(k))); });
        sum.store(t_.s.short_added + k * pitch + q);
      }
    }
    t_.added = true;
  }
};

}  // namespace heddle::inline v0::detail
