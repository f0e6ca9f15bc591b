// Products of the device with weights of bfloat16 against their definition: rows and results of both types.
#include <heddle/cuda/gemm_bf16.cuh>

#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

template <class T>
std::vector<T> values(std::size_t count, std::uint64_t seed) {
  const auto x = test::normal_vector(count, seed);
  std::vector<T> y(count);
  for (std::size_t i = 0; i < count; ++i) y[i] = T(x[i]);
  return y;
}

template <class X, class Y>
struct problem {
  std::size_t rows, outputs, inputs, x_gap, y_gap;
  std::vector<X> x;
  std::vector<float> weight, bias;
  std::vector<Y> residual;

  problem(std::size_t m, std::size_t n, std::size_t k, std::size_t gap_x = 3, std::size_t gap_y = 5)
      : rows(m),
        outputs(n),
        inputs(k),
        x_gap(gap_x),
        y_gap(gap_y),
        x(values<X>(m * (k + gap_x), 1)),
        weight(test::normal_vector(n * k, 2)),
        bias(test::normal_vector(n, 3)),
        residual(values<Y>(m * (n + gap_y), 4)) {}

  std::size_t pitch() const { return outputs + y_gap; }

  template <class Tile, class Backend, class Activation>
  void run(Backend backend, const X* from, Y* y, Activation activation, bool adds) const {
    const bf16_weight w = prepare_bf16(backend, make_matrix(weight.data(), outputs, inputs),
                                       adds ? std::span<const float>(bias) : std::span<const float>());
    const matrix_view<Y> to = make_matrix(y, rows, outputs, pitch());
    const matrix_view<const Y> base = adds ? as_const(to) : matrix_view<const Y>{};
    const matrix_view<const X> in = make_matrix(from, rows, inputs, inputs + x_gap);
    if constexpr (std::is_void_v<Tile>) {
      gemm(context<Backend>{backend, {}}, in, w, to, activation, base);
    } else {
      using products = std::conditional_t<std::is_same_v<X, bfloat16>, device::bf16_products, device::rounded_products>;
      device::launch_tiles<Tile, products>({}, device::source_of(in), device::weights_of(w),
                                           device::epilogue_of("gemm", to, w.bias, activation, base));
    }
  }

  template <class Tile = void, class Activation = identity>
  void check(Activation activation = {}, bool adds = true) const {
    std::vector<Y> expected = residual;
    run<void>(reference{}, x.data(), expected.data(), activation, adds);
    test::in_both_orders([&] {
      const test::on_device<X> from(x);
      test::on_device<Y> y(residual);
      run<Tile>(cuda<>{}, from.data(), y.data(), activation, adds);
      INFO(rows << " x " << outputs << " x " << inputs);
      compare(expected, y.to_host());
    });
  }

  void compare(const std::vector<Y>& expected, const std::vector<Y>& actual) const {
    double largest = 0.0;
    double worst = 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto e = static_cast<double>(static_cast<float>(expected[i]));
      const auto a = static_cast<double>(static_cast<float>(actual[i]));
      if (i % pitch() >= outputs && e != a) FAIL("gap behind row " << i / pitch() << " was written");
      largest = std::max(largest, std::abs(e));
      worst = std::max(worst, e == a ? 0.0 : std::abs(e - a) >= 0.0 ? std::abs(e - a) : 1e9);
    }
    CHECK(worst <= (std::is_same_v<Y, float> ? 2e-5 : 4e-3) * largest);
  }
};

TEST_CASE("cuda gemm_bf16: every tile and pair of types, shapes that fill none", "[cuda]") {
  problem<bfloat16, bfloat16>(131, 140, 72).check<device::large_tile>();
  problem<bfloat16, float>(67, 70, 33).check<device::medium_tile>(gelu{});
  problem<bfloat16, bfloat16>(35, 66, 101).check<device::small_tile>();
  problem<float, bfloat16>(70, 131, 45).check<device::large_tile>();
  problem<float, float>(65, 66, 67).check<device::medium_tile>(silu{});
  problem<float, bfloat16>(9, 65, 30).check<device::small_tile>();
}

TEST_CASE("cuda gemm_bf16: aligned rows are copied in pieces", "[cuda]") {
  problem<bfloat16, bfloat16>(33, 68, 136, 8, 4).check();
  problem<float, float>(20, 64, 100, 0, 0).check<device::medium_tile>();
}

TEST_CASE("cuda gemm_bf16: small and empty shapes, no bias", "[cuda]") {
  problem<bfloat16, bfloat16>(1, 1, 1).check(identity{}, false);
  problem<float, float>(3, 2, 0).check(relu{}, true);
  problem<float, bfloat16>(0, 4, 5).check(identity{}, false);
}

#if HEDDLE_CUDA_EMULATED
TEST_CASE("cuda gemm_bf16: fragments are read without bank conflicts", "[cuda]") {
  namespace emulation = heddle::device::emulation;
  emulation::counters() = {};
  problem<bfloat16, float>(64, 64, 64, 0, 0).check<device::medium_tile>(identity{}, false);
  CHECK(emulation::counters().matrix_phases > 0);
  CHECK(emulation::counters().matrix_passes == emulation::counters().matrix_phases);
  CHECK(emulation::counters().products == 2 * 4 * 4 * 2 * 4);  // runs, warps, steps of 16 inputs, 2 x 4 parts
  emulation::counters() = {};
  problem<float, float>(64, 64, 64, 0, 0).check<device::medium_tile>(identity{}, false);
  CHECK(emulation::counters().matrix_passes == emulation::counters().matrix_phases);
}
#endif

}  // namespace
