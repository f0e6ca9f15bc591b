/// @file
/// What xsimd lacks or hides, for AArch64's NEON: see lanes.hpp.
#pragma once

#include "lanes.hpp"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace heddle::inline v0::detail {

template <>
struct lanes<isa::baseline> {
  using arch = xsimd::neon64;
  using reg = float32x4_t;
  using mask = uint32x4_t;
  static constexpr bool has_look_up = false;

  static HEDDLE_ALWAYS_INLINE reg load(const float* p) { return vld1q_f32(p); }
  static HEDDLE_ALWAYS_INLINE void store(float* p, reg a) { vst1q_f32(p, a); }
  static HEDDLE_ALWAYS_INLINE reg load_partial(const float* p, std::size_t n) {
    const reg zero = vdupq_n_f32(0.0f);
    switch (n) {
      case 0:
        return zero;
      case 1:
        return vld1q_lane_f32(p, zero, 0);
      case 2:
        return vcombine_f32(vld1_f32(p), vget_low_f32(zero));
      case 3:
        return vld1q_lane_f32(p + 2, vcombine_f32(vld1_f32(p), vget_low_f32(zero)), 2);
      default:
        return vld1q_f32(p);
    }
  }
  static HEDDLE_ALWAYS_INLINE void store_partial(float* p, reg a, std::size_t n) {
    if (n >= 4) return vst1q_f32(p, a);
    if (n >= 2) vst1_f32(p, vget_low_f32(a));
    if (n == 1) vst1q_lane_f32(p, a, 0);
    if (n == 3) vst1q_lane_f32(p + 2, a, 2);
  }
  static HEDDLE_ALWAYS_INLINE mask first(std::size_t n) { return vcltq_f32(iota(), vdupq_n_f32(static_cast<float>(n))); }
  static HEDDLE_ALWAYS_INLINE unsigned bits(mask m) {
    const uint32x4_t weights = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, weights));
  }
  static HEDDLE_ALWAYS_INLINE reg iota() { return reg{0.0f, 1.0f, 2.0f, 3.0f}; }

  static HEDDLE_ALWAYS_INLINE reg fma(reg a, reg b, reg c) { return vfmaq_f32(c, a, b); }
  static HEDDLE_ALWAYS_INLINE reg fnma(reg a, reg b, reg c) { return vfmsq_f32(c, a, b); }
  static HEDDLE_ALWAYS_INLINE reg min(reg a, reg b) { return vbslq_f32(vcltq_f32(b, a), b, a); }
  static HEDDLE_ALWAYS_INLINE reg max(reg a, reg b) { return vbslq_f32(vcltq_f32(a, b), b, a); }
  // xsimd 8.1 approximates it here
  static HEDDLE_ALWAYS_INLINE reg sqrt(reg a) { return vsqrtq_f32(a); }
  static HEDDLE_ALWAYS_INLINE reg round(reg a) { return vrndnq_f32(a); }
  static HEDDLE_ALWAYS_INLINE reg copysign(reg magnitude, reg sign) {
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude);
  }
  static HEDDLE_ALWAYS_INLINE reg scale(reg a, reg n) {
    const int32x4_t whole = vcvtq_s32_f32(n);
    const int32x4_t half = vshrq_n_s32(whole, 1);
    const int32x4_t one = vdupq_n_s32(127);
    const reg first = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, one), 23));
    const reg second = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), one), 23));
    return vmulq_f32(vmulq_f32(a, first), second);
  }
  static HEDDLE_ALWAYS_INLINE reg scale_normal(reg a, reg n) {
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), vshlq_n_s32(vcvtq_s32_f32(n), 23)));
  }
  static HEDDLE_ALWAYS_INLINE void split(reg a, reg& mantissa, reg& exponent) {
    const int32x4_t shifted = vsubq_s32(vreinterpretq_s32_f32(a), vdupq_n_s32(0x3f3504f3));
    const int32x4_t e = vshrq_n_s32(shifted, 23);
    exponent = vcvtq_f32_s32(e);
    mantissa = vreinterpretq_f32_s32(vsubq_s32(vreinterpretq_s32_f32(a), vshlq_n_s32(e, 23)));
  }

  template <class Combine>
  static HEDDLE_ALWAYS_INLINE reg join(const reg* rows, Combine f) {
    const reg ab = f(vzip1q_f32(rows[0], rows[1]), vzip2q_f32(rows[0], rows[1]));
    const reg cd = f(vzip1q_f32(rows[2], rows[3]), vzip2q_f32(rows[2], rows[3]));
    return f(vcombine_f32(vget_low_f32(ab), vget_low_f32(cd)), vcombine_f32(vget_high_f32(ab), vget_high_f32(cd)));
  }
  template <class Combine>
  static HEDDLE_ALWAYS_INLINE float reduce(reg a, Combine f) {
    const reg pairs = f(a, vextq_f32(a, a, 2));
    return vgetq_lane_f32(f(pairs, vextq_f32(pairs, pairs, 1)), 0);
  }
  static HEDDLE_ALWAYS_INLINE void transpose(reg* r) {
    const reg a = vzip1q_f32(r[0], r[1]);
    const reg b = vzip2q_f32(r[0], r[1]);
    const reg c = vzip1q_f32(r[2], r[3]);
    const reg d = vzip2q_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
    r[1] = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
    r[2] = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
    r[3] = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
  }
};

}  // namespace heddle::inline v0::detail
#endif
