// Conversions, dot products of pairs and tiles: against the scalar types and against the definitions, bit for bit where
// there are instructions.
#include <heddle/simd/amx.hpp>

#include <bit>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using native = isa::native;
using v = vec<native>;
using pair_vector = detail::pairs<native>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Floats of every magnitude: ties, denormal numbers, numbers that round to infinity.
std::vector<float> floats() {
  std::vector<float> x = {0.0f,     -0.0f,    1.0f,    infinity, -infinity, nan,     65504.0f,
                          65519.9f, 65520.0f, 3.4e38f, -3.4e38f, 5.96e-8f,  2.9e-8f, 1e-45f};
  test::generator random(3);
  for (int i = 0; i < 4000; ++i) x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random.bits())));
  for (int i = 0; i < 500; ++i)
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()) & 0xffff8000u));  // ties
  for (int i = 0; i < 500; ++i) x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()) & 0xfffff000u));
  for (int i = 0; i < 1000; ++i) x.push_back(static_cast<float>(random.normal()));
  while (x.size() % 16 != 0) x.push_back(0.5f);
  return x;
}

template <class T>
bool is_nan(T x) {
  const auto f = static_cast<float>(x);
  return f != f;
}

template <class T>
void check_conversions() {
  const std::vector<float> x = floats();
  for (std::size_t i = 0; i < x.size(); i += v::size) {
    T stored[v::size + 1];
    stored[v::size].bits = 7;
    store_float(v::load(&x[i]), stored);
    for (std::size_t j = 0; j < v::size; ++j) {
      const T expected(x[i + j]);
      INFO(x[i + j] << ' ' << expected.bits << ' ' << stored[j].bits);
      if (is_nan(expected) ? !is_nan(stored[j]) : expected.bits != stored[j].bits) FAIL("stored");
    }
    REQUIRE(stored[v::size].bits == 7);
    T some[v::size];
    for (T& s : some) s.bits = 7;
    store_float_partial(v::load(&x[i]), some, i % v::size);
    for (std::size_t j = i % v::size; j < v::size; ++j) REQUIRE(some[j].bits == 7);
  }
  for (std::uint32_t bits = 0; bits < 0x10000u; bits += static_cast<std::uint32_t>(v::size)) {
    T from[v::size];
    for (std::size_t j = 0; j < v::size; ++j) from[j].bits = static_cast<std::uint16_t>(bits + j);
    float to[v::size];
    load_as_float<native>(static_cast<const T*>(from)).store(to);
    for (std::size_t j = 0; j < v::size; ++j) {
      const auto expected = static_cast<float>(from[j]);
      if (is_nan(expected) ? !is_nan(to[j]) : std::bit_cast<std::uint32_t>(expected) != std::bit_cast<std::uint32_t>(to[j]))
        FAIL("loaded " << from[j].bits);
    }
    load_as_float_partial<native>(static_cast<const T*>(from), 1).store(to);
    CHECK((v::size == 1 || to[1] == 0.0f));
  }
}

/// Pairs of finite bfloat16; with `wide` of every magnitude, so that some products and sums are denormal.
std::vector<detail::bf16_pair> random_pairs(std::size_t count, std::uint64_t seed, bool wide) {
  test::generator random(seed);
  const auto element = [&] {
    if (!wide) return bfloat16(static_cast<float>(random.normal()));
    bfloat16 b;
    do b.bits = static_cast<std::uint16_t>(random.bits());
    while ((b.bits & 0x7f80u) > 0x5f00u);
    return b;
  };
  std::vector<detail::bf16_pair> p(count);
  for (auto& x : p) {
    const bfloat16 even = element();
    x = detail::make_pair_bits(even, element());
  }
  return p;
}

}  // namespace

TEST_CASE("vectors are rounded and widened as the scalar types are", "[dot]") {
  check_conversions<bfloat16>();
  check_conversions<half>();
}

TEST_CASE("dot_pair is its definition", "[dot]") {
  for (const bool wide : {false, true}) {
    if (wide && !pair_vector::native) break;  // two multiply-adds keep denormal numbers
    const auto a = random_pairs(16 * 500, 1, wide);
    const auto b = random_pairs(16 * 500, 2, wide);
    const auto c = test::normal_vector(16 * 500, 3, wide ? 1e-30 : 1.0);
    for (std::size_t i = 0; i < a.size(); i += v::size) {
      float result[v::size];
      detail::dot_pair(v::load(&c[i]), pair_vector::load(&a[i]), pair_vector::load(&b[i])).store(result);
      for (std::size_t j = 0; j < v::size; ++j) {
        const float expected = detail::dot_pair_definition(c[i + j], a[i + j], b[i + j]);
        if constexpr (pair_vector::native) {
          if (std::bit_cast<std::uint32_t>(expected) != std::bit_cast<std::uint32_t>(result[j]))
            FAIL(expected << ' ' << result[j]);
        } else {
          const float scale = std::abs(c[i + j]) + std::abs(detail::odd_of(a[i + j]) * detail::odd_of(b[i + j])) +
                              std::abs(detail::even_of(a[i + j]) * detail::even_of(b[i + j]));
          if (!(std::abs(expected - result[j]) <= 3e-7f * scale + 1e-37f)) FAIL(expected << ' ' << result[j]);
        }
      }
    }
    float both[v::size];
    detail::dot_pair(v::zero(), pair_vector::broadcast(a.data()), pair_vector::broadcast(b.data())).store(both);
    for (const float x : both) CHECK(x == Approx(detail::dot_pair_definition(0.0f, a[0], b[0])).margin(1e-37));
  }
}

TEST_CASE("a product of emulated tiles", "[dot]") {
  const auto a = random_pairs(256, 4, false);
  const auto b = random_pairs(256, 5, false);
  const auto c = test::normal_vector(256, 6);
  detail::emulated_tiles tiles;
  tiles.load<0>(c.data(), 64);
  tiles.load<1>(a.data(), 64);
  tiles.load<2>(b.data(), 64);
  tiles.dot<0, 1, 2>();
  std::vector<float> y(16 * 20, 9.0f);
  tiles.store<0>(y.data(), 80);
  for (std::size_t m = 0; m < 16; ++m) {
    for (std::size_t n = 0; n < 16; ++n) {
      double sum = static_cast<double>(c[m * 16 + n]);
      for (std::size_t k = 0; k < 16; ++k) {
        sum += static_cast<double>(detail::even_of(a[m * 16 + k])) * static_cast<double>(detail::even_of(b[k * 16 + n]));
        sum += static_cast<double>(detail::odd_of(a[m * 16 + k])) * static_cast<double>(detail::odd_of(b[k * 16 + n]));
      }
      CHECK(static_cast<double>(y[m * 20 + n]) == Approx(sum).margin(1e-4));
    }
    CHECK(y[m * 20 + 16] == 9.0f);
  }
  tiles.load<3>(c.data(), 0);  // one row again and again: how a bias starts a sum
  tiles.store<3>(y.data(), 64);
  CHECK(y[16 * 7 + 3] == c[3]);
  tiles.zero<3>();
  tiles.store<3>(y.data(), 64);
  CHECK(y[255] == 0.0f);
}

#if HEDDLE_HAS_AMX
TEST_CASE("tiles give the bits of their emulation", "[dot]") {
  if (!detail::amx_tiles::available()) {
    WARN("the system grants no tiles");
    return;
  }
  std::vector<float> expected(256), actual(256);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const bool wide = seed % 2 != 0;
    const auto a = random_pairs(256, 3 * seed, wide);
    const auto b = random_pairs(256, 3 * seed + 1, wide);
    const auto c = test::normal_vector(256, 3 * seed + 2, wide ? 1e-30 : 1.0);
    const auto run = [&](auto&& tiles, std::vector<float>& y) {
      tiles.template load<1>(c.data(), 64);
      tiles.template load<4>(a.data(), 64);
      tiles.template load<7>(b.data(), 64);
      tiles.template dot<1, 4, 7>();
      tiles.template store<1>(y.data(), 64);
    };
    run(detail::emulated_tiles{}, expected);
    run(detail::amx_tiles{}, actual);
    for (std::size_t i = 0; i < 256; ++i)
      if (std::bit_cast<std::uint32_t>(expected[i]) != std::bit_cast<std::uint32_t>(actual[i]))
        FAIL(seed << ' ' << i << ' ' << expected[i] << ' ' << actual[i]);
  }
}
#endif
