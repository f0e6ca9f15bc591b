// What nobody sees never reaches an output of a device, emulated; what is visible does.
#include <cmath>
#include <limits>

#include "tests/kernels/cuda/attend_on_device.hpp"

using namespace heddle;
using namespace heddle::test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

/// Hides by the score alone.
struct hiding_bias {
  using policy_category = score_mod_tag;
  std::size_t key;
  template <class T>
  constexpr T operator()(T score, std::size_t, T, T k) const {
    using math::select;
    return select(k == T(static_cast<float>(key)), T(-infinity), score);
  }
};

template <class T>
bool finite(const std::vector<T>& x) {
  for (const T f : x)
    if (!std::isfinite(static_cast<float>(f))) return false;
  return true;
}

/// Element `d` of row `token` of all heads.
template <class T>
void set(std::vector<T>& x, const attend_sizes_of_call& s, std::size_t token, std::size_t d, float value) {
  for (std::size_t h = 0; h < s.key_heads; ++h) x[(token * s.key_heads + h) * s.dim + d] = T(value);
}

/// Queries below `bad` do not see it; those from it on do (`causal`).
template <class T>
void causal_flaws(double bound) {
  const attend_sizes_of_call s = self_call(sequence_grid(100), 20, 1);
  const attention<causal<>, logsumexp> c{};
  for (const std::size_t bad : {std::size_t{0}, std::size_t{37}, std::size_t{99}}) {
    attend_inputs<T> x(s, bad);
    set(x.v, s, bad, 3, nan_value);
    set(x.v, s, bad, 5, infinity);
    set(x.v, s, bad, 19, -infinity);
    const auto expected = run_definition<dyn>(c, s, x);
    in_both_orders([&] { require_same_results(expected, run_on_device<dyn, float>(c, s, x), bound); });
  }
}

}  // namespace

TEST_CASE("attend cuda: values that are not finite reach those who see them") {
  causal_flaws<float>(1e-5);
  causal_flaws<bfloat16>(1e-2);
}

TEST_CASE("attend cuda: keys that are not finite stay behind their mask") {
  const attend_sizes_of_call s = self_call(sequence_grid(90), 16, 1);
  for (const float poison : {nan_value, infinity, -infinity}) {
    attend_inputs<float> x(s, 4);
    set(x.k, s, 70, 3, poison);
    set(x.v, s, 70, 15, -poison);
    const policy_table<std::int32_t> length({70});
    const attention c{lengths{length.span()}, logsumexp{}};
    const auto expected = run_definition<dyn>(c, s, x);
    in_both_orders([&] {
      const auto got = run_on_device<dyn, float>(c, s, x);
      CHECK(finite(got.out));
      require_same_results(expected, got, 1e-5);
    });
  }
}

TEST_CASE("attend cuda: scores of minus infinity hide like a mask") {
  const attend_sizes_of_call s = self_call(sequence_grid(40), 16, 1);
  for (const std::size_t bad : {0U, 17U, 39U}) {
    attend_inputs<float> x(s, bad);
    set(x.v, s, bad, 2, nan_value);
    const attention c{hiding_bias{bad}};
    const auto expected = run_definition<dyn>(c, s, x);
    in_both_orders([&] {
      const auto got = run_on_device<dyn, float>(c, s, x);
      CHECK(finite(got.out));
      require_same_results(expected, got, 1e-5);
    });
  }
}

TEST_CASE("attend cuda: weights of both signs meet infinity") {
  const attend_sizes_of_call s = self_call(sequence_grid(30), 16, 1);
  attend_inputs<float> x(s, 8);
  set(x.v, s, 11, 4, infinity);
  set(x.v, s, 12, 5, -infinity);
  const attention<linear_scores> c{};
  const auto expected = run_definition<dyn>(c, s, x);
  in_both_orders([&] { require_same_results(expected, run_on_device<dyn, float>(c, s, x), 1e-5); });
}
