// The stated ULP bounds of the vector functions, over the whole range of float.
#include <heddle/simd/math.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/support/catch.hpp"

namespace {

using v = heddle::vec<heddle::isa::native>;

float lane(v a) {
  float out[v::size];
  a.store(out);
  return out[0];
}

// Distance in units of the last place that a float has at the exact value.
double ulp_error(float got, long double exact) {
  const auto rounded = static_cast<float>(exact);
  if (std::isnan(rounded) || std::isnan(got)) return std::isnan(rounded) && std::isnan(got) ? 0.0 : 1e9;
  if (std::isinf(rounded) || std::isinf(got)) {
    if (rounded == got) return 0.0;
    if (std::isinf(got) && std::isinf(rounded)) return 1e9;
    const float limit = std::numeric_limits<float>::max();  // one step from the largest number to infinity is one ULP
    return std::abs(std::isinf(got) ? rounded : got) == limit ? 1.0 : 1e9;
  }
  int exponent = 0;
  std::frexp(rounded, &exponent);
  const int last = std::max(exponent - 24, -149);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / std::ldexp(1.0L, last));
}

// Every exponent and sign, mantissas in strides; 37 and the vector width have no common factor. Where long double is
// emulated (AArch64), and without optimisation, the strides are longer.
#if defined(__OPTIMIZE__)
constexpr std::uint32_t stride = std::numeric_limits<long double>::digits == 64 ? 1u << 10 : 1u << 14;
#else
constexpr std::uint32_t stride = 1u << 13;
#endif

template <class F, class Exact>
double worst_ulp(F f, Exact exact) {
  double worst = 0.0;
  float where = 0.0f;
  std::uint32_t bits = 0;
  float in[v::size];
  float out[v::size];
  std::uint64_t position = 0;
  while (position <= 0xffffffffu) {
    for (float& x : in) {
      bits = static_cast<std::uint32_t>(position <= 0xffffffffu ? position : 0u);
      x = std::bit_cast<float>(bits);
      position += stride + 37;
    }
    f(v::load(in)).store(out);
    for (std::size_t i = 0; i < v::size; ++i) {
      const double error = ulp_error(out[i], exact(static_cast<long double>(in[i])));
      if (error > worst) {
        worst = error;
        where = in[i];
      }
    }
  }
  UNSCOPED_INFO("worst at x = " << where << ": " << worst << " ULP");
  return worst;
}

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("exp stays within 2 ULP", "[math]") {
  CHECK(worst_ulp([](v x) { return exp(x); }, [](long double x) { return std::exp(x); }) <= 2.0);
  CHECK(lane(exp(v(-infinity))) == 0.0f);
  CHECK(lane(exp(v(infinity))) == infinity);
  CHECK(lane(exp(v(89.0f))) == infinity);
  CHECK(lane(exp(v(-1e30f))) == 0.0f);
  CHECK(lane(exp(v(0.0f))) == 1.0f);
  CHECK(std::isnan(lane(exp(v(not_a_number)))));
}

TEST_CASE("exp_softmax agrees with exp above -87", "[math]") {
  for (float x = -86.9f; x < 80.0f; x += 0.37f)
    CHECK(ulp_error(lane(exp_softmax(v(x))), std::exp(static_cast<long double>(x))) <= 2.0);
  CHECK(lane(exp_softmax(v(-infinity))) == 0.0f);
  CHECK(lane(exp_softmax(v(-1e5f))) == 0.0f);
  CHECK(lane(exp_softmax(v(-3e38f))) == 0.0f);
  CHECK(std::isnan(lane(exp_softmax(v(not_a_number)))));
}

TEST_CASE("log stays within 3 ULP", "[math]") {
  CHECK(worst_ulp([](v x) { return log(x); }, [](long double x) { return std::log(x); }) <= 3.0);
  CHECK(lane(log(v(0.0f))) == -infinity);
  CHECK(lane(log(v(infinity))) == infinity);
  CHECK(lane(log(v(1.0f))) == 0.0f);
  CHECK(std::isnan(lane(log(v(-1.0f)))));
  CHECK(std::isnan(lane(log(v(not_a_number)))));
}

TEST_CASE("erf stays within 3 ULP", "[math]") {
  CHECK(worst_ulp([](v x) { return erf(x); }, [](long double x) { return std::erf(x); }) <= 3.0);
  CHECK(lane(erf(v(infinity))) == 1.0f);
  CHECK(lane(erf(v(-infinity))) == -1.0f);
  CHECK(std::signbit(lane(erf(v(-0.0f)))));
  CHECK(std::isnan(lane(erf(v(not_a_number)))));
}

TEST_CASE("tanh stays within 3 ULP", "[math]") {
  CHECK(worst_ulp([](v x) { return tanh(x); }, [](long double x) { return std::tanh(x); }) <= 3.0);
  CHECK(lane(tanh(v(infinity))) == 1.0f);
  CHECK(lane(tanh(v(-infinity))) == -1.0f);
  CHECK(std::signbit(lane(tanh(v(-0.0f)))));
  CHECK(std::isnan(lane(tanh(v(not_a_number)))));
}
