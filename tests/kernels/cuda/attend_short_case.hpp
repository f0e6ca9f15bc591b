// Small problems on the emulated device: what the tests of them share.
#pragma once

#include <heddle/cuda/attend_short.cuh>

#include <limits>

#include "tests/kernels/cuda/attend_way.hpp"

namespace heddle::test {

inline constexpr double bf16_rounding = 0.008;  // of outputs, and of weights before the second product
inline constexpr double f16_rounding = 0.001;

template <class Arguments>
struct short_way : detail::attend_short_way<arch::sm_80, Arguments> {
  using base = detail::attend_short_way<arch::sm_80, Arguments>;
  static std::size_t scratch(const detail::attend_parameters<Arguments>&) { return 0; }
  static void run(const detail::attend_parameters<Arguments>& p, const arena&) { base::run({}, p); }
};

template <class Composition>
inline constexpr bool has_logsumexp = Composition::observer_type::returns_logsumexp;

template <std::size_t D, class T = float, class Out = T, class Composition>
void check_inputs(const Composition& c, const way_case& s, const way_inputs<T>& x, double bound, double rounding) {
  INFO("tokens " << s.grid.size() << ", head_dim " << D << ", offset " << s.offset);
  const auto expected = by_definition<D>(c, s, x);
  const auto keys = [&](const T* p) { return merged_heads<D>(p, s.batch, s.grid.size(), s.heads); };
  in_both_orders(
      [&] { require_close(expected, by_way<short_way, D, Out>(c, s, x, keys), has_logsumexp<Composition>, bound, rounding); });
}

template <std::size_t D, class T = float, class Out = T, class Composition>
void check_short(const Composition& c, const way_case& s, double bound = 1e-5, double rounding = 0.0) {
  check_inputs<D, T, Out>(c, s, random_inputs<D, T>(s), bound, rounding);
}

/// With a key, and with values, that are not finite at a token that some queries see and others do not.
template <std::size_t D, class T = float, class Composition>
void check_poisoned(const Composition& c, const way_case& s, std::size_t token, double bound = 1e-5, double rounding = 0.0) {
  auto x = random_inputs<D, T>(s);
  x.k[token * s.heads * D + 3] = T(std::numeric_limits<float>::quiet_NaN());
  check_inputs<D, T>(c, s, x, bound, rounding);
  auto y = random_inputs<D, T>(s);
  y.v[token * s.heads * D + 2] = T(std::numeric_limits<float>::infinity());
  y.v[token * s.heads * D + D + 5] = T(std::numeric_limits<float>::quiet_NaN());
  check_inputs<D, T>(c, s, y, bound, rounding);
}

}  // namespace heddle::test
