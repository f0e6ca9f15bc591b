/// @file
/// `vec<Isa>`: one register of floats, and `vec_mask<Isa>`: one truth value for each of its lanes. The single place that
/// knows which xsimd is installed (8.1 to 14).
#pragma once

#include "lanes_avx2.hpp"
#include "lanes_avx512.hpp"
#include "lanes_neon.hpp"
#include "lanes_sse2.hpp"

// As in lanes_avx512.hpp, for what xsimd calls.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace heddle::inline v0 {

template <class Isa>
struct vec_mask;

/// A register of `size` floats of instruction set `Isa`. Policies generic in their number type run on it: it has the
/// arithmetic operators, comparisons, and the functions of `heddle/core/math.hpp` found by argument-dependent lookup
/// (those that need a polynomial are in `heddle/simd/math.hpp`).
template <class Isa>
struct vec {
  using isa_type = Isa;
  using lanes_type = detail::lanes<Isa>;
  using batch_type = xsimd::batch<float, typename lanes_type::arch>;
  using register_type = typename lanes_type::reg;
  static constexpr std::size_t size = sizeof(register_type) / sizeof(float);

  register_type value;

  vec() = default;
  HEDDLE_ALWAYS_INLINE vec(float x) noexcept : value(batch_type(x)) {}  // implicit: policies mix vectors with floats
  HEDDLE_ALWAYS_INLINE vec(register_type r) noexcept : value(r) {}
  HEDDLE_ALWAYS_INLINE vec(const batch_type& b) noexcept : value(b) {}
  HEDDLE_ALWAYS_INLINE batch_type batch() const noexcept { return batch_type(value); }

  static HEDDLE_ALWAYS_INLINE vec zero() noexcept { return vec(0.0f); }
  /// 0, 1, 2, ...
  static HEDDLE_ALWAYS_INLINE vec iota() noexcept { return lanes_type::iota(); }
  /// `*p` in all lanes.
  static HEDDLE_ALWAYS_INLINE vec broadcast(const float* p) noexcept { return vec(*p); }
  /// `size` floats; no alignment is required.
  static HEDDLE_ALWAYS_INLINE vec load(const float* p) noexcept { return lanes_type::load(p); }
  /// The first `n <= size` floats, zero in the other lanes; nothing else is read.
  static HEDDLE_ALWAYS_INLINE vec load_partial(const float* p, std::size_t n) noexcept {
    return lanes_type::load_partial(p, n);
  }
  HEDDLE_ALWAYS_INLINE void store(float* p) const noexcept { lanes_type::store(p, value); }
  /// The first `n <= size` lanes; nothing else is written.
  HEDDLE_ALWAYS_INLINE void store_partial(float* p, std::size_t n) const noexcept { lanes_type::store_partial(p, value, n); }

  friend HEDDLE_ALWAYS_INLINE vec operator+(vec a, vec b) noexcept { return a.batch() + b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec operator-(vec a, vec b) noexcept { return a.batch() - b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec operator*(vec a, vec b) noexcept { return a.batch() * b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec operator/(vec a, vec b) noexcept { return a.batch() / b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec operator-(vec a) noexcept { return -a.batch(); }
  HEDDLE_ALWAYS_INLINE vec& operator+=(vec b) noexcept { return *this = *this + b; }
  HEDDLE_ALWAYS_INLINE vec& operator-=(vec b) noexcept { return *this = *this - b; }
  HEDDLE_ALWAYS_INLINE vec& operator*=(vec b) noexcept { return *this = *this * b; }
  HEDDLE_ALWAYS_INLINE vec& operator/=(vec b) noexcept { return *this = *this / b; }

  friend HEDDLE_ALWAYS_INLINE vec_mask<Isa> operator<(vec a, vec b) noexcept { return a.batch() < b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec_mask<Isa> operator<=(vec a, vec b) noexcept { return a.batch() <= b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec_mask<Isa> operator>(vec a, vec b) noexcept { return a.batch() > b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec_mask<Isa> operator>=(vec a, vec b) noexcept { return a.batch() >= b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec_mask<Isa> operator==(vec a, vec b) noexcept { return a.batch() == b.batch(); }
  /// True for a NaN, unlike xsimd 8.1 on AVX-512.
  friend HEDDLE_ALWAYS_INLINE vec_mask<Isa> operator!=(vec a, vec b) noexcept { return !(a == b); }
};

/// A truth value for each lane of `vec<Isa>`.
template <class Isa>
struct vec_mask {
  using isa_type = Isa;
  using lanes_type = detail::lanes<Isa>;
  using batch_type = xsimd::batch_bool<float, typename lanes_type::arch>;
  using register_type = typename lanes_type::mask;
  static constexpr std::size_t size = vec<Isa>::size;

  register_type value;

  vec_mask() = default;
  HEDDLE_ALWAYS_INLINE vec_mask(const batch_type& b) noexcept : value(b) {}
  HEDDLE_ALWAYS_INLINE batch_type batch() const noexcept { return batch_type(value); }

  /// True in the first `n` lanes.
  static HEDDLE_ALWAYS_INLINE vec_mask first(std::size_t n) noexcept { return batch_type(lanes_type::first(n)); }
  /// Lane i as bit i.
  HEDDLE_ALWAYS_INLINE unsigned bits() const noexcept { return lanes_type::bits(value); }
  HEDDLE_ALWAYS_INLINE bool any() const noexcept { return bits() != 0; }
  HEDDLE_ALWAYS_INLINE bool all() const noexcept { return bits() == (1u << size) - 1u; }

  friend HEDDLE_ALWAYS_INLINE vec_mask operator&(vec_mask a, vec_mask b) noexcept { return a.batch() & b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec_mask operator|(vec_mask a, vec_mask b) noexcept { return a.batch() | b.batch(); }
  friend HEDDLE_ALWAYS_INLINE vec_mask operator&&(vec_mask a, vec_mask b) noexcept { return a & b; }
  friend HEDDLE_ALWAYS_INLINE vec_mask operator||(vec_mask a, vec_mask b) noexcept { return a | b; }
  friend HEDDLE_ALWAYS_INLINE vec_mask operator!(vec_mask a) noexcept { return ~a.batch(); }
};

/// a b + c, with one rounding where the instruction set has it (all but SSE2).
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> fma(vec<Isa> a, vec<Isa> b, vec<Isa> c) noexcept {
  return detail::lanes<Isa>::fma(a.value, b.value, c.value);
}
/// c - a b, rounded like `fma`.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> fnma(vec<Isa> a, vec<Isa> b, vec<Isa> c) noexcept {
  return detail::lanes<Isa>::fnma(a.value, b.value, c.value);
}
/// `b < a ? b : a`: a NaN in `a` stays, one in `b` does not come through.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> min(vec<Isa> a, vec<Isa> b) noexcept {
  return detail::lanes<Isa>::min(a.value, b.value);
}
/// `a < b ? b : a`: a NaN in `a` stays, one in `b` does not come through.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> max(vec<Isa> a, vec<Isa> b) noexcept {
  return detail::lanes<Isa>::max(a.value, b.value);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> select(vec_mask<Isa> m, vec<Isa> a, vec<Isa> b) noexcept {
  return xsimd::select(m.batch(), a.batch(), b.batch());
}
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> abs(vec<Isa> a) noexcept {
  return xsimd::abs(a.batch());
}
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> sqrt(vec<Isa> a) noexcept {
  return detail::lanes<Isa>::sqrt(a.value);
}
/// To the nearest integer, ties to even.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> round(vec<Isa> a) noexcept {
  return detail::lanes<Isa>::round(a.value);
}
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> copysign(vec<Isa> magnitude, vec<Isa> sign) noexcept {
  return detail::lanes<Isa>::copysign(magnitude.value, sign.value);
}

namespace detail {
template <class Isa>
struct adder {
  HEDDLE_ALWAYS_INLINE typename lanes<Isa>::reg operator()(typename lanes<Isa>::reg a,
                                                           typename lanes<Isa>::reg b) const noexcept {
    return (vec<Isa>(a) + vec<Isa>(b)).value;
  }
};
template <class Isa>
struct maximiser {
  HEDDLE_ALWAYS_INLINE typename lanes<Isa>::reg operator()(typename lanes<Isa>::reg a,
                                                           typename lanes<Isa>::reg b) const noexcept {
    return lanes<Isa>::max(a, b);
  }
};

template <class Isa, class Combine>
HEDDLE_ALWAYS_INLINE vec<Isa> join_rows(const vec<Isa>* rows, Combine f) noexcept {
  typename lanes<Isa>::reg r[vec<Isa>::size];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < vec<Isa>::size; ++i) r[i] = rows[i].value;
  return lanes<Isa>::join(r, f);
}
}  // namespace detail

/// The sum of all lanes, always in the same order.
template <class Isa>
HEDDLE_ALWAYS_INLINE float reduce_add(vec<Isa> a) noexcept {
  return detail::lanes<Isa>::reduce(a.value, detail::adder<Isa>{});
}
/// The largest lane; any lane's NaN may or may not come through.
template <class Isa>
HEDDLE_ALWAYS_INLINE float reduce_max(vec<Isa> a) noexcept {
  return detail::lanes<Isa>::reduce(a.value, detail::maximiser<Isa>{});
}
/// The vector whose lane r is the sum of the lanes of `rows[r]`; `rows` points to `size` vectors.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> join_add(const vec<Isa>* rows) noexcept {
  return detail::join_rows(rows, detail::adder<Isa>{});
}
/// The vector whose lane r is the largest lane of `rows[r]`; `rows` points to `size` vectors.
template <class Isa>
HEDDLE_ALWAYS_INLINE vec<Isa> join_max(const vec<Isa>* rows) noexcept {
  return detail::join_rows(rows, detail::maximiser<Isa>{});
}
/// Transposes the square matrix of `size` vectors in place: lane c of `rows[r]` becomes lane r of `rows[c]`.
template <class Isa>
HEDDLE_ALWAYS_INLINE void transpose(vec<Isa>* rows) noexcept {
  typename detail::lanes<Isa>::reg r[vec<Isa>::size];
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < vec<Isa>::size; ++i) r[i] = rows[i].value;
  detail::lanes<Isa>::transpose(r);
  HEDDLE_UNROLL
  for (std::size_t i = 0; i < vec<Isa>::size; ++i) rows[i].value = r[i];
}

}  // namespace heddle::inline v0

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
