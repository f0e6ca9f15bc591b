// Depthwise convolution on vectors against the definition, on random windows, strides and paddings.
#include "heddle/simd/depthwise.hpp"
#include "heddle/backend/reference.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

#include <cmath>

namespace {

using namespace heddle;
using extents4 = dynamic_extents<4>;
using extents5 = dynamic_extents<5>;

struct problem {
  extents5 shape;
  volume_window window;
  std::vector<float> x;
  std::vector<float> weight;
  std::vector<float> bias;

  problem(const extents5& s, const volume_window& w, std::size_t seed)
      : shape(s),
        window(w),
        x(test::normal_vector(s.size(), seed)),
        weight(test::normal_vector(s.extent(4) * w.size(), seed + 1000)),
        bias(test::normal_vector(s.extent(4), seed + 2000)) {}
};

/// `mode` 0: plain, 1: without bias, 2: added to another array, 3: added to the output itself.
template <class Backend, class Activation>
std::vector<float> convolved(const problem& p, int mode, Activation activation) {
  const extents5 out = p.window.output_extents(p.shape);
  const std::size_t channels = p.shape.extent(4);
  std::vector<float> y = test::normal_vector(out.size(), 77);
  const std::vector<float> other = test::normal_vector(out.size(), 78);
  const auto weight = prepare_depthwise(Backend{}, make_matrix(p.weight.data(), channels, p.window.size()),
                                        mode != 1 ? std::span<const float>(p.bias) : std::span<const float>());
  matrix_view<const float> residual;
  if (mode >= 2)
    residual = make_matrix(mode == 2 ? other.data() : static_cast<const float*>(y.data()), out.size() / channels, channels);
  convolve_depthwise(context<Backend>{}, volume_view<const float>(p.x.data(), p.shape), weight, p.window,
                     volume_view<float>(y.data(), out), activation, residual);
  return y;
}

/// The same with stored bfloat16; what comes out as floats.
template <class Backend, class Activation>
std::vector<float> convolved_rounded(const problem& p, int mode, Activation activation) {
  const extents5 out = p.window.output_extents(p.shape);
  const std::size_t channels = p.shape.extent(4);
  const std::vector<float> start = test::normal_vector(out.size(), 77);
  const std::vector<bfloat16> x(p.x.begin(), p.x.end());
  std::vector<bfloat16> y(start.begin(), start.end());
  const auto weight = prepare_depthwise(Backend{}, make_matrix(p.weight.data(), channels, p.window.size()),
                                        mode != 1 ? std::span<const float>(p.bias) : std::span<const float>());
  matrix_view<const bfloat16> residual;
  if (mode >= 2) residual = make_matrix(static_cast<const bfloat16*>(y.data()), out.size() / channels, channels);
  convolve_depthwise(context<Backend>{}, volume_view<const bfloat16>(x.data(), p.shape), weight, p.window,
                     volume_view<bfloat16>(y.data(), out), activation, residual);
  return std::vector<float>(y.begin(), y.end());
}

/// Sums of floats that are rounded once: half a unit of bfloat16 more than the sums of the definition differ.
void check_rounded(const problem& p, int mode) {
  const auto expected = convolved_rounded<reference>(p, mode, silu{});
  const auto actual = convolved_rounded<simd>(p, mode, silu{});
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO(i << ": " << expected[i] << ' ' << actual[i]);
    CHECK(std::abs(expected[i] - actual[i]) <= std::abs(expected[i]) / 128.0F + 1e-4F);
  }
}

void check(const problem& p, std::size_t round) {
  const int mode = static_cast<int>(round % 4);
  const auto worst = round % 3 == 0
                         ? test::worst(convolved<reference>(p, mode, silu{}), convolved<simd>(p, mode, silu{}))
                         : test::worst(convolved<reference>(p, mode, identity{}), convolved<simd>(p, mode, identity{}));
  INFO("round " << round << ", [" << p.shape.extent(0) << ' ' << p.shape.extent(1) << ' ' << p.shape.extent(2) << ' '
                << p.shape.extent(3) << ' ' << p.shape.extent(4) << "], window " << p.window.frames.size << ' '
                << p.window.rows.size << ' ' << p.window.columns.size << ": " << worst.text());
  CHECK(worst.relative() < 1e-5);
}

window_axis random_axis(test::generator& random, std::size_t longest, std::size_t stride) {
  return {random.integer(1, longest), random.integer(1, stride), random.integer(0, 4), random.integer(0, 3)};
}
bool fits(const window_axis& axis, std::size_t n) { return n + axis.before + axis.after >= axis.size; }

}  // namespace

TEST_CASE("depthwise convolution of random windows", "[depthwise]") {
  test::generator random(5);
  for (std::size_t round = 0; round < 300; ++round) {
    const extents5 shape(random.integer(1, 2), round % 2 == 0 ? 1 : random.integer(1, 5), random.integer(1, 9),
                         random.integer(1, 14), random.integer(1, 50));
    const volume_window window{round % 2 == 0 ? window_axis{} : random_axis(random, 3, 2), random_axis(random, 5, 3),
                               random_axis(random, 6, 3)};
    if (fits(window.frames, shape.extent(1)) && fits(window.rows, shape.extent(2)) && fits(window.columns, shape.extent(3)))
      check(problem(shape, window, round), round);
  }
}

TEST_CASE("depthwise windows of 3 and 5 columns with stride 1", "[depthwise]") {
  std::size_t round = 0;
  for (const std::size_t size : {std::size_t{3}, std::size_t{5}})
    for (std::size_t columns = 1; columns <= 20; ++columns) {
      const std::size_t rows = round % 5 + 1;
      const std::size_t channels = 15 + round % 4 * 6;
      check(problem(extents5(1, round % 3 + 1, rows, columns, channels), volume_window::centred(size, size, size), round),
            round);
      check(problem(extents5(1, 1, rows, columns, channels), volume_window{{}, {1, 1, 0, 0}, {size, 1, 7, 0}}, round), round);
      ++round;
    }
}

TEST_CASE("depthwise convolution of bfloat16", "[depthwise]") {
  for (std::size_t round = 0; round < 24; ++round) {
    const std::size_t size = 3 + round % 2 * 2;
    check_rounded(problem(extents5(1, round % 3 + 1, round % 5 + 1, round + 1, 9 + round % 4 * 13),
                          volume_window::centred(size, size, size), round),
                  static_cast<int>(round % 4));
    check_rounded(problem(extents5(2, 1, 5, round % 7 + 4, 20), volume_window::of(convolution_window::square(3, 2, 1)), round),
                  static_cast<int>(round % 4));
  }
}

TEST_CASE("depthwise windows along frames only", "[depthwise]") {
  for (std::size_t round = 0; round < 24; ++round) {
    const volume_window window{{round % 5 + 1, round % 2 + 1, round % 4, 2}, {}, {}};
    check(problem(extents5(2, round % 7 + 3, 1, 1, 20), window, round), round);
    check(problem(extents5(2, round % 7 + 3, 3, 2, 20), window, round), round);
  }
}

TEST_CASE("a depthwise window of ones counts the positions that it meets", "[depthwise]") {
  const extents5 shape(1, 2, 3, 8, 16);
  const std::vector<float> ones(std::max(shape.size(), std::size_t{27 * 16}), 1.0f);
  std::vector<float> y(shape.size());
  const auto weight = prepare_depthwise(simd{}, make_matrix(ones.data(), 16, 27));
  convolve_depthwise(context<simd>{}, volume_view<const float>(ones.data(), shape), weight, volume_window::centred(3, 3, 3),
                     volume_view<float>(y.data(), shape));
  const volume_view<const float> out(y.data(), shape);
  for (std::size_t t = 0; t < 2; ++t)
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 8; ++j) {
        const std::size_t met = 2 * (i == 1 ? 3 : 2) * (j > 0 && j < 7 ? 3 : 2);
        CHECK(out(0, t, i, j, 5) == static_cast<float>(met));
      }
}

TEST_CASE("a depthwise map is a volume of one frame", "[depthwise]") {
  const problem p(extents5(2, 1, 6, 11, 19), volume_window::of(convolution_window::square(3, 2, 1)), 3);
  const extents5 out = p.window.output_extents(p.shape);
  std::vector<float> y(out.size());
  const auto weight = prepare_depthwise(simd{}, make_matrix(p.weight.data(), 19, 9), p.bias);
  convolve_depthwise(context<simd>{}, map_view<const float>(p.x.data(), extents4(2, 6, 11, 19)), weight,
                     convolution_window::square(3, 2, 1),
                     map_view<float>(y.data(), extents4(2, out.extent(2), out.extent(3), 19)));
  CHECK(y == convolved<simd>(p, 0, identity{}));
}

TEST_CASE("depthwise convolution refuses shapes that do not fit", "[depthwise]") {
  const std::vector<float> weight(9 * 8, 1.0f);
  const std::vector<float> x(4 * 4 * 7);
  std::vector<float> y(4 * 4 * 7);
  const auto prepared = prepare_depthwise(simd{}, make_matrix(weight.data(), 8, 9));
  const extents4 shape(1, 4, 4, 7);
  REQUIRE_THROWS_AS(convolve_depthwise(context<simd>{}, map_view<const float>(x.data(), shape), prepared,
                                       convolution_window::square(3, 1, 1), map_view<float>(y.data(), shape)),
                    shape_error);
}
