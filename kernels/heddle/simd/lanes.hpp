/// @file
/// The operations that `vec` needs beyond xsimd's common ground (8.1 to 14): partial loads and stores, a real fused
/// multiply-add, exponent arithmetic, transposes and the joining of rows. One specialisation per instruction set, so every
/// function's name holds the instruction set that it is compiled for, and all of them are forced inline.
#pragma once

#include <cstddef>

#include <xsimd/xsimd.hpp>

#include <heddle/backend/tags.hpp>

namespace heddle::inline v0::detail {

/// `reg`: register of floats; `mask`: register of a lane mask; `arch`: xsimd's name of the instruction set.
///
/// - `fma(a, b, c)` is a b + c, `fnma(a, b, c)` is c - a b: one rounding where the instruction set has it.
/// - `min`, `max` choose like `b < a ? b : a` and `a < b ? b : a`: a NaN in `a` stays.
/// - `round` is to the nearest integer, ties to even.
/// - `scale(a, n)` is a 2^n for whole n in [-252, 254] with one rounding, also into the denormal numbers; `scale_normal`
///   requires that a and the result are normal numbers.
/// - `split` writes a positive normal number as mantissa 2^exponent with the mantissa in [sqrt(1/2), sqrt(2)).
/// - `look_up(table, index)`, where `has_look_up`: the element of 32 floats that the last five bits of each lane of `index`
///   name.
/// - `join(rows, f)` gives the vector whose lane r is the f-combination of all lanes of `rows[r]`.
template <class Isa>
struct lanes {
  static_assert(always_false<Isa>,
                "heddle: this translation unit is not compiled for the instruction set that the simd backend names; "
                "add the compiler flag (-mavx2 -mfma, -march=x86-64-v4) or use heddle::simd");
};

}  // namespace heddle::inline v0::detail
