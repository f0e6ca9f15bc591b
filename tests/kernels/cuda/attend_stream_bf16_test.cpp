// Attention on stored 16-bit elements on a device, emulated, against the definition fed with the same numbers. Weights are
// rounded to the element type, each by half a unit of it at most, and they add up to one.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

/// As for the CPU: an output is off by 2^-9 (bfloat16; half: 2^-12) of the largest value at most, on average by far less.
/// Results that are rounded once more are off by 2^-8 (2^-11) of the largest output more.
template <std::size_t D, class T, class Out, class Composition>
void check(const Composition& c, const attend_sizes_of_call& s, std::uint64_t seed) {
  const double unit = std::is_same_v<T, bfloat16> ? 1.0 / 512.0 : 1.0 / 4096.0;
  const attend_inputs<T> x(s, seed);
  const auto expected = run_definition<D>(c, s, x);
  double scale = 0.0;
  for (const T v : x.v) scale = std::max(scale, std::abs(static_cast<double>(static_cast<float>(v))));
  in_both_orders([&] {
    const auto got = run_on_device<D, Out>(c, s, x);
    double largest = 0.0;
    double worst_difference = 0.0;
    double squares = 0.0;
    for (std::size_t i = 0; i < expected.out.size(); ++i) {
      const auto e = static_cast<double>(expected.out[i]);
      const double d = std::abs(e - static_cast<double>(static_cast<float>(got.out[i])));
      largest = std::max(largest, std::abs(e));
      worst_difference = d <= worst_difference ? worst_difference : d;
      squares += d * d;
    }
    const double root = std::sqrt(squares / static_cast<double>(expected.out.size()));
    const double rounding = std::is_same_v<Out, float> ? 0.0 : 2.0 * unit * largest;
    INFO("tokens " << s.grid.size() << ", head_dim " << s.dim << ": " << worst_difference << ' ' << root << " of " << scale);
    CHECK(worst_difference <= scale * unit + rounding);
    CHECK(root <= scale * unit / 8.0 + rounding / 2.0);
    CHECK(worst(expected.lse, got.lse).relative() < 1e-5);  // sums are of floats
  });
}

}  // namespace

TEST_CASE("attend cuda bf16: every number of tokens and head_dim around tiles") {
  for (const std::size_t n : {1U, 15U, 16U, 17U, 63U, 64U, 65U, 129U})
    check<dyn, bfloat16, bfloat16>(attention<logsumexp>{}, self_call(sequence_grid(n), 12), n);
  for (const std::size_t dim : {1U, 15U, 33U, 64U, 72U, 128U, 130U, 200U, 256U})
    check<dyn, bfloat16, bfloat16>(attention<logsumexp>{}, self_call(sequence_grid(43), dim, 1), dim);
}

TEST_CASE("attend cuda bf16: results of floats") {
  check<dyn, bfloat16, float>(attention<causal<>, logsumexp>{}, self_call(sequence_grid(200), 64, 1), 5);
}

TEST_CASE("attend cuda f16: halves have products of their own") {
  check<dyn, half, float>(attention<logsumexp>{}, self_call(sequence_grid(100), 32, 1), 6);
  check<dyn, half, half>(attention<logsumexp>{}, self_call(sequence_grid(70), 32, 1), 7);
}
