// A vector of four floats without any instruction set: hooks that run on it run on the vectors of every kernel.
#pragma once

#include <heddle/attention/batch.hpp>
#include <heddle/core/math.hpp>

#include <array>
#include <cstddef>

namespace heddle::test {

struct truths {
  std::array<bool, 4> lane{};
  friend truths operator&(truths a, truths b) {
    return zip(a, b, [](bool x, bool y) { return x && y; });
  }
  friend truths operator|(truths a, truths b) {
    return zip(a, b, [](bool x, bool y) { return x || y; });
  }
  friend truths operator&&(truths a, truths b) { return a & b; }
  friend truths operator||(truths a, truths b) { return a | b; }
  friend truths operator!(truths a) {
    return zip(a, a, [](bool x, bool) { return !x; });
  }

 private:
  template <class F>
  static truths zip(truths a, truths b, F f) {
    truths r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = f(a.lane[i], b.lane[i]);
    return r;
  }
};

struct four {
  std::array<float, 4> lane{};
  four() = default;
  four(float x) : lane{x, x, x, x} {}

  template <class F>
  static four each(four a, four b, F f) {
    four r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = f(a.lane[i], b.lane[i]);
    return r;
  }
  template <class F>
  static truths ask(four a, four b, F f) {
    truths r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = f(a.lane[i], b.lane[i]);
    return r;
  }
  friend four operator+(four a, four b) {
    return each(a, b, [](float x, float y) { return x + y; });
  }
  friend four operator-(four a, four b) {
    return each(a, b, [](float x, float y) { return x - y; });
  }
  friend four operator*(four a, four b) {
    return each(a, b, [](float x, float y) { return x * y; });
  }
  friend four operator/(four a, four b) {
    return each(a, b, [](float x, float y) { return x / y; });
  }
  friend four operator-(four a) { return four(0.0F) - a; }
  friend truths operator<(four a, four b) {
    return ask(a, b, [](float x, float y) { return x < y; });
  }
  friend truths operator<=(four a, four b) {
    return ask(a, b, [](float x, float y) { return x <= y; });
  }
  friend truths operator>(four a, four b) { return b < a; }
  friend truths operator>=(four a, four b) { return b <= a; }
  friend truths operator==(four a, four b) {
    return ask(a, b, [](float x, float y) { return !(x < y) && !(y < x); });
  }
  friend truths operator!=(four a, four b) { return !(a == b); }
  friend four max(four a, four b) {
    return each(a, b, [](float x, float y) { return x < y ? y : x; });
  }
  friend four min(four a, four b) {
    return each(a, b, [](float x, float y) { return y < x ? y : x; });
  }
  friend four abs(four a) { return max(a, -a); }
  friend four exp(four a) {
    return each(a, a, [](float x, float) { return math::exp(x); });
  }
  friend four log(four a) {
    return each(a, a, [](float x, float) { return math::log(x); });
  }
  friend four tanh(four a) {
    return each(a, a, [](float x, float) { return math::tanh(x); });
  }
  friend four select(truths m, four a, four b) {
    four r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = m.lane[i] ? a.lane[i] : b.lane[i];
    return r;
  }
};

}  // namespace heddle::test

namespace heddle::inline v0 {

template <>
struct batch_traits<test::four> {
  using mask = test::truths;
  static constexpr std::size_t width = 4;
  static test::four broadcast(float x) { return x; }
  static test::four positions(float first) {
    test::four r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = first + static_cast<float>(i);
    return r;
  }
  template <class F>
  static test::four from_lanes(F&& f) {
    test::four r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = f(i);
    return r;
  }
  template <class F>
  static mask mask_from_lanes(F&& f) {
    mask r;
    for (std::size_t i = 0; i < 4; ++i) r.lane[i] = f(i);
    return r;
  }
  static float lane(test::four x, std::size_t i) { return x.lane[i]; }
};

}  // namespace heddle::inline v0
