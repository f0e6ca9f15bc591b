/// @file
/// exp, log, erf and tanh of vectors. Largest errors, over all floats and every instruction set, in units of the last
/// place of the result (tested against long double):
///
/// | function | ULP | special values |
/// |---|---|---|
/// | exp  | 2 | -inf: 0, +inf: +inf, overflow: +inf, underflow: denormal numbers, then 0 |
/// | log  | 3 | 0: -inf, negative: NaN, +inf: +inf, denormal numbers as any other |
/// | erf  | 3 | infinities: 1 with their sign, -0: -0 |
/// | tanh | 3 | infinities: 1 with their sign, -0: -0 |
///
/// NaN gives NaN everywhere. The polynomials are minimax fits of our own (Remez) for the weights noted beside them.
#pragma once

#include <limits>

#include "erf_table.hpp"
#include "vec.hpp"

namespace heddle::inline v0 {

namespace detail {

/// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
template <class Isa, std::size_t N>
HEDDLE_ALWAYS_INLINE vec<Isa> polynomial(vec<Isa> x, const float (&c)[N]) noexcept {
  vec<Isa> sum(c[N - 1]);
  HEDDLE_UNROLL
  for (std::size_t i = 1; i < N; ++i) sum = fma(sum, x, vec<Isa>(c[N - 1 - i]));
  return sum;
}

// ln 2 in two parts; the first has nine bits, so that its product with an exponent is exact also without fma.
inline constexpr float ln2_high = 0.693359375f;
inline constexpr float ln2_low = -2.12194440e-4f;

// (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2: relative error of exp 2^-28.
inline constexpr float exp_tail[] = {0.499999934515f, 0.166665206903f, 0.0416683874293f, 0.00836870979103f, 0.00138146091603f};
// (2^f - 1) / f on |f| <= 1/2: relative error of 2^f 2^-23.
inline constexpr float exp2_tail[] = {0.693147214825f, 0.240222349307f, 0.055503084719f, 0.00967186094454f, 0.00134072290469f};
// erf(x) / x in x^2, |x| <= 1: relative error 2^-29.
inline constexpr float erf_small[] = {1.12837916573f,    -0.376126258234f,    0.112835851377f,  -0.0268538114939f,
                                      0.00518832688428f, -0.000801018686244f, 7.85383975579e-5f};
// -log2(erfc(x)), 1 <= x <= 3.93: relative error of erf 2^-29.
inline constexpr float erfc_exponent[] = {0.000492732582851f, 1.6260459088f,     0.920648511397f,    0.148751495353f,
                                          -0.0315056153324f,  0.00425255928173f, -0.000268887044694f};
// (tanh(x) / x - 1) / x^2 in x^2, |x| <= 0.65: relative error of tanh 2^-27.
inline constexpr float tanh_tail[] = {-0.333332630305f, 0.133309026071f, -0.0536931494512f, 0.0204837878379f,
                                      -0.00552906538189f};
// (log(1 + x) - x + x^2 / 2) / x^3 on [sqrt(1/2) - 1, sqrt(2) - 1]: relative error of log 2^-27.
inline constexpr float log_tail[] = {0.333333167271f, -0.250008089315f, 0.200022864281f, -0.166245991257f,
                                     0.141812017987f, -0.131283601054f, 0.128814876654f, -0.0786044172592f};

/// exp for arguments in [-104, 89] (and NaN).
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> exp_bounded(vec<Isa> x) noexcept {
  const vec<Isa> n = round(x * vec<Isa>(1.44269504088896341f));
  vec<Isa> r = fnma(n, vec<Isa>(ln2_high), x);
  r = fnma(n, vec<Isa>(ln2_low), r);
  const vec<Isa> p = fma(polynomial(r, exp_tail), r * r, r) + vec<Isa>(1.0f);
  return lanes<Isa>::scale(p.value, n.value);
}

}  // namespace detail

/// e^x
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> exp(vec<Isa> x) noexcept {
  return detail::exp_bounded(min(max(x, vec<Isa>(-104.0f)), vec<Isa>(89.0f)));
}

/// e^x for softmax: the argument is at most about 80 and exact zeros below -87 do no harm. NaN gives NaN, -inf gives 0.
/// Cheaper than `exp` where the instruction set has no exponent arithmetic.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> exp_softmax(vec<Isa> x) noexcept {
  const vec<Isa> bounded = max(x, vec<Isa>(-87.0f));
  const vec<Isa> n = round(bounded * vec<Isa>(1.44269504088896341f));
  vec<Isa> r = fnma(n, vec<Isa>(detail::ln2_high), bounded);
  r = fnma(n, vec<Isa>(detail::ln2_low), r);
  const vec<Isa> p = fma(detail::polynomial(r, detail::exp_tail), r * r, r) + vec<Isa>(1.0f);
  const vec<Isa> scaled = detail::lanes<Isa>::scale_normal(p.value, n.value);
  return select(x < vec<Isa>(-87.0f), vec<Isa>(0.0f), scaled);
}

/// Natural logarithm.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> log(vec<Isa> x) noexcept {
  using v = vec<Isa>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const vec_mask<Isa> tiny = x < v(1.17549435e-38f);
  typename v::register_type mantissa;
  typename v::register_type exponent;
  detail::lanes<Isa>::split(select(tiny, x * v(8388608.0f), x).value, mantissa, exponent);
  const v e = v(exponent) - select(tiny, v(23.0f), v(0.0f));
  const v r = v(mantissa) - v(1.0f);
  const v square = r * r;
  v tail = detail::polynomial(r, detail::log_tail) * r * square;
  tail = fma(e, v(detail::ln2_low), tail);
  tail = fnma(v(0.5f), square, tail);
  v result = fma(e, v(detail::ln2_high), r + tail);
  result = select(x == v(infinity), x, result);
  result = select(x == v(0.0f), v(-infinity), result);
  return select(x >= v(0.0f), result, v(std::numeric_limits<float>::quiet_NaN()));
}

/// Error function: a polynomial up to 1; beyond, 1 - 2^-q(|x|) with a polynomial q. By table where that is
/// cheaper.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> erf(vec<Isa> x) noexcept {
  if constexpr (detail::lanes<Isa>::has_look_up) return detail::erf_by_table(x);
  using v = vec<Isa>;
  const v t = min(abs(x), v(4.0f));
  const v small = x * detail::polynomial(x * x, detail::erf_small);
  const v q = detail::polynomial(t, detail::erfc_exponent);
  const v n = round(q);
  const v f = n - q;
  const v p = fma(detail::polynomial(f, detail::exp2_tail), f, v(1.0f));
  const v complement = detail::lanes<Isa>::scale_normal(p.value, (-n).value);
  const v large = copysign(v(1.0f) - complement, x);
  return select(t < v(1.0f), small, large);
}

/// Hyperbolic tangent: a polynomial up to 0.65; beyond, 1 - 2 / (e^2x + 1).
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> tanh(vec<Isa> x) noexcept {
  using v = vec<Isa>;
  const v t = min(abs(x), v(10.0f));
  const v square = x * x;
  const v small = fma(detail::polynomial(square, detail::tanh_tail) * square, x, x);
  const v large = v(1.0f) - v(2.0f) / (detail::exp_bounded(t + t) + v(1.0f));
  return copysign(select(t < v(0.65f), small, large), x);
}

}  // namespace heddle::inline v0
