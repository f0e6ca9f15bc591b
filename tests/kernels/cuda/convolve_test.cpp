// Dense convolutions of the device against their definition: padding, strides, channels in whole pieces and not.
#include <heddle/cuda/convolve.cuh>

#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

struct problem {
  dynamic_extents<4> x_extents;
  std::size_t outputs;
  convolution_window window;
  bool adds = false;

  dynamic_extents<4> y_extents() const {
    return {x_extents.extent(0), window.output_height(x_extents.extent(1)), window.output_width(x_extents.extent(2)), outputs};
  }

  template <class Backend, class Activation>
  void run(Backend backend, const float* x, const std::vector<float>& weight, const std::vector<float>& bias, float* y,
           Activation activation) const {
    const map_view<float> to(y, y_extents());
    const dense_weight w = prepare_dense(backend, make_matrix(weight.data(), outputs, weight.size() / outputs), bias);
    convolve(context<Backend>{backend, {}}, map_view<const float>(x, x_extents), w, window, to, activation,
             adds ? as_const(as_rows(to)) : matrix_view<const float>{});
  }

  template <class Activation = identity>
  void check(Activation activation = {}) const {
    const std::size_t inputs = window.height * window.width * x_extents.extent(3);
    const std::vector<float> x = test::normal_vector(x_extents.size(), 1);
    const std::vector<float> weight = test::normal_vector(outputs * inputs, 2);
    const std::vector<float> bias = test::normal_vector(outputs, 3);
    const std::vector<float> before = test::normal_vector(y_extents().size(), 4);
    std::vector<float> expected = before;
    run(reference{}, x.data(), weight, bias, expected.data(), activation);
    test::in_both_orders([&] {
      const test::on_device<float> from(x);
      test::on_device<float> y(before);
      run(cuda<>{}, from.data(), weight, bias, y.data(), activation);
      const auto worst = test::worst(expected, y.to_host());
      INFO(worst.text());
      CHECK(worst.relative() < 1e-5);
    });
  }
};

TEST_CASE("cuda convolve: padding on every side", "[cuda]") {
  problem{{1, 7, 6, 8}, 12, convolution_window::square(3, 1, 1), true}.check();
  problem{{2, 5, 7, 3}, 5, convolution_window::square(3, 1, 1)}.check(gelu{});
  problem{{1, 6, 5, 4}, 7, {3, 2, 1, 2, 0, 1, 1}, true}.check(relu{});
  problem{{1, 3, 3, 5}, 4, convolution_window::square(5, 1, 2)}.check();
}

TEST_CASE("cuda convolve: strides", "[cuda]") {
  problem{{2, 9, 11, 4}, 6, convolution_window::square(3, 2, 1)}.check();
  problem{{1, 8, 9, 6}, 3, {2, 3, 3, 0, 1, 0, 1}}.check();
  problem{{1, 5, 5, 8}, 70, {1, 1, 2}}.check();
}

TEST_CASE("cuda convolve: windows without padding are runs", "[cuda]") {
  problem{{2, 8, 12, 3}, 10, {4, 4, 4}, true}.check();      // an embedding of patches
  problem{{1, 6, 9, 3}, 4, {2, 3, 1}}.check();              // overlapping, not in whole pieces
  problem{{1, 5, 6, 4}, 4, {3, 2, 1, 1, 0, 1, 0}}.check();  // padding above and below does not part them
}

TEST_CASE("cuda convolve: pointwise", "[cuda]") {
  problem{{2, 5, 7, 12}, 9, {}, true}.check(silu{});
  problem{{0, 5, 7, 12}, 9, {}}.check();
}

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("cuda convolve: memory of the host is refused", "[cuda]") {
  const problem p{{1, 4, 4, 4}, 4, convolution_window::square(3, 1, 1)};
  std::vector<float> x(64), weight(144), bias(4), y(64);
  CHECK_THROWS_AS(p.run(cuda<>{}, x.data(), weight, bias, y.data(), identity{}), device_error);
}
#endif

}  // namespace
