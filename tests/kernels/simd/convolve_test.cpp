// Dense convolution on vectors against its definition.
#include <heddle/simd/convolve.hpp>

#include <initializer_list>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

template <class Backend, class Activation>
std::vector<float> run(const dynamic_extents<4>& shape, std::size_t outputs, const convolution_window& window,
                       Activation activation, bool adds) {
  const Backend backend{};
  const std::size_t inputs = window.height * window.width * shape.extent(3);
  const std::vector<float> x = test::normal_vector(shape.size(), 1);
  const std::vector<float> weight = test::normal_vector(outputs * inputs, 2);
  const std::vector<float> bias = test::normal_vector(outputs, 3);
  const dynamic_extents<4> to(shape.extent(0), window.output_height(shape.extent(1)), window.output_width(shape.extent(2)),
                              outputs);
  const std::vector<float> residual = test::normal_vector(to.size(), 4);
  std::vector<float> y(to.size());
  const matrix_view<const float> base =
      adds ? make_matrix(residual.data(), to.size() / outputs, outputs) : matrix_view<const float>{};
  workspace scratch(convolve_bytes(backend, shape, window));
  convolve(context<Backend>{backend, scratch.scratch()}, map_view<const float>(x.data(), shape),
           prepare_dense(backend, make_matrix(weight.data(), outputs, inputs), bias), window, map_view<float>(y.data(), to),
           activation, base);
  return y;
}

template <class Activation = identity>
void check(const dynamic_extents<4>& shape, std::size_t outputs, const convolution_window& window, Activation activation = {},
           bool adds = false) {
  const auto worst = test::worst(run<reference>(shape, outputs, window, activation, adds),
                                 run<simd>(shape, outputs, window, activation, adds));
  INFO("[" << shape.extent(0) << ' ' << shape.extent(1) << ' ' << shape.extent(2) << ' ' << shape.extent(3) << "] to "
           << outputs << ", window " << window.height << 'x' << window.width << " stride " << window.stride << ": "
           << worst.text());
  CHECK(worst.relative() < 1e-5);
}

}  // namespace

TEST_CASE("windows, strides and padding", "[convolve]") {
  for (const std::size_t size : std::initializer_list<std::size_t>{1, 2, 3, 5})
    for (const std::size_t stride : std::initializer_list<std::size_t>{1, 2, 3})
      for (std::size_t padding = 0; padding < size; ++padding)
        check({1, 9, 11, 5}, 7, convolution_window::square(size, stride, padding));
  check({2, 6, 7, 4}, 20, convolution_window{3, 2, 1, 2, 0, 0, 1});
  check({1, 6, 70, 4}, 3, convolution_window{1, 3, 2, 0, 1, 0, 1}, relu{}, true);
  check({3, 1, 1, 17}, 16, convolution_window::square(3, 1, 1));
}

TEST_CASE("convolutions of models", "[convolve]") {
#if defined(__OPTIMIZE__)
  constexpr std::size_t rows = 40;
#else
  constexpr std::size_t rows = 10;  // the definition is slow without
#endif
  check({1, 20, 67, 3}, 48, convolution_window::square(3, 1, 1));
  check({1, rows, 33, 48}, 48, convolution_window::square(3, 1, 1), identity{}, true);
  check({1, 9, 34, 48}, 192, convolution_window::square(3, 1, 1));
  check({1, 9, 33, 48}, 3, convolution_window::square(3, 1, 1), identity{}, true);
  check({2, 32, 32, 3}, 96, convolution_window::square(16, 16, 0), gelu{});
  check({1, 15, 15, 24}, 40, convolution_window{3, 3, 2, 0, 0, 1, 1}, silu{});
}

TEST_CASE("a pointwise convolution is a product and needs no scratch", "[convolve]") {
  check({2, 5, 6, 48}, 31, convolution_window{});
  check({1, 7, 8, 19}, 48, convolution_window{}, gelu{}, true);
  STATIC_REQUIRE(convolve_bytes(simd{}, dynamic_extents<4>(1, 5, 6, 48), convolution_window{}) == 0);
}

TEST_CASE("too little scratch is refused before anything is written", "[convolve]") {
  const convolution_window window = convolution_window::square(3, 1, 1);
  const std::vector<float> x(64, 1.0f);
  const std::vector<float> weight(36, 1.0f);
  std::vector<float> y(16, 5.0f);
  const dense_weight w = prepare_dense(simd{}, make_matrix(weight.data(), std::size_t{1}, std::size_t{36}));
  CHECK_THROWS_AS(convolve(context<simd>{}, map_view<const float>(x.data(), dynamic_extents<4>(1, 4, 4, 4)), w, window,
                           map_view<float>(y.data(), dynamic_extents<4>(1, 4, 4, 1))),
                  workspace_error);
  CHECK(y == std::vector<float>(16, 5.0f));
}
