// Every operation of vec against the same operation on an array of floats.
#include <heddle/simd/vec.hpp>

#include <array>
#include <cmath>
#include <limits>

#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

using heddle::vec;
using isa = heddle::isa::native;
using v = vec<isa>;
constexpr std::size_t width = v::size;
using lanes = std::array<float, width>;

lanes store(v a) {
  lanes out{};
  a.store(out.data());
  return out;
}

lanes random_lanes(heddle::test::generator& random) {
  lanes out{};
  for (float& x : out) x = static_cast<float>(random.uniform(-4.0, 4.0));
  return out;
}

}  // namespace

TEST_CASE("arithmetic, comparison and selection work lane by lane", "[vec]") {
  heddle::test::generator random(1);
  const lanes a = random_lanes(random);
  const lanes b = random_lanes(random);
  const lanes c = random_lanes(random);
  const v va = v::load(a.data());
  const v vb = v::load(b.data());
  const v vc = v::load(c.data());
  const lanes sum = store(va + vb), difference = store(va - vb), product = store(va * vb), ratio = store(va / vb),
              negative = store(-va);
  const lanes fused = store(fma(va, vb, vc)), minus = store(fnma(va, vb, vc)), smaller = store(min(va, vb)),
              larger = store(max(va, vb));
  const lanes chosen = store(select(va < vb, va, vc)), magnitude = store(abs(va)), root = store(sqrt(abs(va))),
              whole = store(round(va));
  const lanes signs = store(copysign(va, vb)), count = store(v::iota());
  for (std::size_t i = 0; i < width; ++i) {
    CHECK(sum[i] == a[i] + b[i]);
    CHECK(difference[i] == a[i] - b[i]);
    CHECK(product[i] == a[i] * b[i]);
    CHECK(ratio[i] == a[i] / b[i]);
    CHECK(negative[i] == -a[i]);
    CHECK(std::abs(fused[i] - (a[i] * b[i] + c[i])) < 1e-5f);
    CHECK(std::abs(minus[i] - (c[i] - a[i] * b[i])) < 1e-5f);
    CHECK(smaller[i] == std::min(a[i], b[i]));
    CHECK(larger[i] == std::max(a[i], b[i]));
    CHECK(chosen[i] == (a[i] < b[i] ? a[i] : c[i]));
    CHECK(magnitude[i] == std::abs(a[i]));
    CHECK(root[i] == std::sqrt(std::abs(a[i])));
    CHECK(whole[i] == std::nearbyint(a[i]));
    CHECK(signs[i] == std::copysign(a[i], b[i]));
    CHECK(count[i] == static_cast<float>(i));
  }
}

TEST_CASE("fma rounds once where the instruction set can", "[vec]") {
  if (std::is_same_v<isa, heddle::isa::baseline> && width == 4 && v(0.0f).size == 4) {
#if !defined(__aarch64__)
    SUCCEED("SSE2 has no fused multiply-add");
    return;
#endif
  }
  const float x = 1.0f + 0x1p-12f;  // x^2 = 1 + 2^-11 + 2^-24: the last term is lost by a rounded product
  const lanes residue = store(fma(v(x), v(x), v(-(1.0f + 0x1p-11f))));
  for (const float r : residue) CHECK(r == 0x1p-24f);
}

TEST_CASE("comparisons give masks", "[vec]") {
  const v count = v::iota();
  for (std::size_t n = 0; n <= width; ++n) {
    const auto first = heddle::vec_mask<isa>::first(n);
    const v bound(static_cast<float>(n));
    CHECK(first.bits() == (1u << n) - 1u);
    CHECK((count < bound).bits() == first.bits());
    CHECK((!(count >= bound)).bits() == first.bits());
    CHECK(first.any() == (n > 0));
    CHECK(first.all() == (n == width));
    CHECK(((count <= bound) & (count >= bound)).bits() == (count == bound).bits());
    CHECK(((count < bound) | (count > bound)).bits() == (count != bound).bits());
  }
}

TEST_CASE("a NaN in the first argument of min and max stays, as for scalars", "[vec]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(store(max(v(nan), v(0.0f)))[0]));
  CHECK(std::isnan(store(min(v(nan), v(0.0f)))[0]));
  CHECK(store(max(v(0.0f), v(nan)))[0] == 0.0f);
  CHECK(store(min(v(0.0f), v(nan)))[0] == 0.0f);
}

TEST_CASE("rounding keeps large numbers and ties to even", "[vec]") {
  for (const float x : {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 8388609.0f, -3e9f, 1e30f, 0.49999997f})
    CHECK(store(round(v(x)))[0] == std::nearbyint(x));
}

TEST_CASE("partial loads and stores touch nothing else", "[vec]") {
  for (std::size_t n = 0; n <= width; ++n) {
    // The array ends where the vector's part ends, so that a sanitizer sees any access beyond.
    std::vector<float> source(n);
    for (std::size_t i = 0; i < n; ++i) source[i] = static_cast<float>(i + 1);
    const lanes loaded = store(v::load_partial(source.data(), n));
    for (std::size_t i = 0; i < width; ++i) CHECK(loaded[i] == (i < n ? static_cast<float>(i + 1) : 0.0f));
    std::vector<float> target(width + 1, -1.0f);
    (v::iota() + v(1.0f)).store_partial(target.data(), n);
    for (std::size_t i = 0; i <= width; ++i) CHECK(target[i] == (i < n ? static_cast<float>(i + 1) : -1.0f));
    std::vector<float> exact(n);
    v(2.0f).store_partial(exact.data(), n);
    for (const float x : exact) CHECK(x == 2.0f);
  }
}

TEST_CASE("rows are transposed, joined and reduced", "[vec]") {
  heddle::test::generator random(2);
  std::array<lanes, width> rows{};
  v square[width], copy[width];
  for (std::size_t r = 0; r < width; ++r) {
    rows[r] = random_lanes(random);
    copy[r] = square[r] = v::load(rows[r].data());
  }
  const lanes sums = store(join_add(copy));
  const lanes maxima = store(join_max(copy));
  transpose(square);
  for (std::size_t r = 0; r < width; ++r) {
    const lanes column = store(square[r]);
    double sum = 0.0;
    float largest = rows[r][0];
    for (std::size_t c = 0; c < width; ++c) {
      CHECK(column[c] == rows[c][r]);
      sum += static_cast<double>(rows[r][c]);
      largest = std::max(largest, rows[r][c]);
    }
    CHECK(std::abs(sums[r] - static_cast<float>(sum)) < 1e-5f);
    CHECK(std::abs(reduce_add(copy[r]) - static_cast<float>(sum)) < 1e-5f);
    CHECK(maxima[r] == largest);
    CHECK(reduce_max(copy[r]) == largest);
  }
}
