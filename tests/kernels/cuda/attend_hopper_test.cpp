// The warp-specialised kernel for long problems on the emulated device against the definition: tiles and turns of its roles,
// masks, grouped heads, values that are not finite. Lanes run in order and in random order and must be free of races.
#include <heddle/cuda/attend_hopper.cuh>

#include <limits>

#include "tests/kernels/cuda/attend_way.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

constexpr double bf16_rounding = 0.008;
constexpr double f16_rounding = 0.001;

template <class Arguments>
struct hopper_way : detail::attend_hopper_way<arch::sm_90a, Arguments> {
  using base = detail::attend_hopper_way<arch::sm_90a, Arguments>;
  static std::size_t scratch(const detail::attend_parameters<Arguments>&) { return 0; }
  static void run(const detail::attend_parameters<Arguments>& p, const arena&) { base::run({}, p); }
};

template <std::size_t D, class T, class Out = T, class Composition>
void check_inputs(const Composition& c, const way_case& s, const way_inputs<T>& x, double rounding) {
  INFO("queries " << s.grid.size() << ", keys " << s.key_grid.size());
  const auto expected = by_definition<D>(c, s, x);
  const auto keys = [&](const T* p) { return merged_heads<D>(p, s.batch, s.key_grid.size(), s.key_heads); };
  in_both_orders([&] { require_close(expected, by_way<hopper_way, D, Out>(c, s, x, keys), true, 2e-3, rounding); });
}

template <std::size_t D, class T, class Out = T, class Composition>
void check(const Composition& c, const way_case& s, double rounding) {
  check_inputs<D, T, Out>(c, s, random_inputs<D, T>(s), rounding);
}

}  // namespace

TEST_CASE("attend cuda hopper: dense, lengths around tiles") {
  for (const std::size_t n : {65U, 128U, 300U})
    check<64, bfloat16>(attention{logsumexp{}}, way_case::self(sequence_grid(n), n, 1), bf16_rounding);
}

TEST_CASE("attend cuda hopper: grouped heads of 128, halves to floats") {
  way_case s = way_case::self(sequence_grid(140), 2);
  s.key_heads = 1;
  check<128, half, float>(attention{grouped<2>{}, logsumexp{}}, s, f16_rounding);
}

TEST_CASE("attend cuda hopper: causal, a soft cap, more tiles than stages") {
  check<128, bfloat16>(attention{causal<>{}, soft_cap{10.0F}, softmax_one{}, logsumexp{}},
                       way_case::self(sequence_grid(500), 3, 1), bf16_rounding);
}

TEST_CASE("attend cuda hopper: tiles left out, poisoned keys and values") {
  const attention c{sliding<100>{}, logsumexp{}};
  const way_case s = way_case::self(sequence_grid(520), 4, 1);
  auto x = random_inputs<64, bfloat16>(s);
  x.k[130 * 64 + 3] = bfloat16(std::numeric_limits<float>::quiet_NaN());
  x.v[300 * 64 + 2] = bfloat16(std::numeric_limits<float>::infinity());
  check_inputs<64>(c, s, x, bf16_rounding);
}
