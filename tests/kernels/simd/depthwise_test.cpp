// Depthwise convolution on vectors against the definition, on random windows, strides and paddings.
#include "heddle/backend/reference.hpp"
#include "heddle/simd/depthwise.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using extents4 = dynamic_extents<4>;

struct problem {
  extents4 shape;
  convolution_window window;
  std::vector<float> x;
  std::vector<float> weight;
  std::vector<float> bias;
};

template <class Backend>
std::vector<float> convolved(const problem& p, bool with_bias) {
  const extents4 out(p.shape.extent(0), p.window.output_height(p.shape.extent(1)), p.window.output_width(p.shape.extent(2)), p.shape.extent(3));
  std::vector<float> y(out.size());
  const auto weight = prepare_depthwise(Backend{}, make_matrix(p.weight.data(), p.shape.extent(3), p.window.height * p.window.width),
                                        with_bias ? std::span<const float>(p.bias) : std::span<const float>());
  convolve_depthwise(context<Backend>{}, map_view<const float>(p.x.data(), p.shape), weight, p.window, map_view<float>(y.data(), out), silu{});
  return y;
}

}  // namespace

TEST_CASE("depthwise convolution of random windows", "[depthwise]") {
  test::generator random(5);
  for (std::size_t round = 0; round < 200; ++round) {
    problem p{extents4(random.integer(1, 2), random.integer(1, 9), random.integer(1, 14), random.integer(1, 50)),
              convolution_window{random.integer(1, 5), random.integer(1, 5), random.integer(1, 3), random.integer(0, 4), random.integer(0, 4),
                                 random.integer(0, 3), random.integer(0, 3)},
              {},
              {},
              {}};
    if (p.shape.extent(1) + p.window.top + p.window.bottom < p.window.height) continue;
    if (p.shape.extent(2) + p.window.left + p.window.right < p.window.width) continue;
    p.x = test::normal_vector(p.shape.size(), round);
    p.weight = test::normal_vector(p.shape.extent(3) * p.window.height * p.window.width, round + 1000);
    p.bias = test::normal_vector(p.shape.extent(3), round + 2000);
    const auto worst = test::worst(convolved<reference>(p, round % 2 == 0), convolved<simd>(p, round % 2 == 0));
    INFO("round " << round << ": " << worst.text());
    CHECK(worst.relative() < 1e-5);
  }
}

TEST_CASE("depthwise convolution refuses shapes that do not fit", "[depthwise]") {
  const std::vector<float> weight(9 * 8, 1.0f);
  const std::vector<float> x(4 * 4 * 7);
  std::vector<float> y(4 * 4 * 7);
  const auto prepared = prepare_depthwise(simd{}, make_matrix(weight.data(), 8, 9));
  const extents4 shape(1, 4, 4, 7);
  REQUIRE_THROWS_AS(convolve_depthwise(context<simd>{}, map_view<const float>(x.data(), shape), prepared, convolution_window::square(3, 1, 1),
                                       map_view<float>(y.data(), shape)),
                    shape_error);
}
