// Products of the device against their definition: every tile, odd shapes, rows in segments, any stride.
#include <heddle/cuda/gemm.cuh>

#include <initializer_list>
#include <limits>
#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using test::on_device;

/// `y = residual + activation(x w + bias)`, rows with gaps that must neither be read nor written.
struct problem {
  std::size_t rows, outputs, inputs;
  std::size_t x_gap = 3, y_gap = 5;
  bool biased = true;
  std::vector<float> x, weight, bias, residual;

  problem(std::size_t m, std::size_t n, std::size_t k, std::size_t gap_x = 3, std::size_t gap_y = 5)
      : rows(m),
        outputs(n),
        inputs(k),
        x_gap(gap_x),
        y_gap(gap_y),
        x(test::normal_vector(m * (k + gap_x), 1)),
        weight(test::normal_vector(n * k, 2)),
        bias(test::normal_vector(n, 3)),
        residual(test::normal_vector(m * (n + gap_y), 4)) {
    for (std::size_t r = 0; r < m; ++r)
      for (std::size_t g = 0; g < gap_x; ++g) x[r * (k + gap_x) + k + g] = std::numeric_limits<float>::quiet_NaN();
  }

  std::span<const float> shift() const { return biased ? std::span<const float>(bias) : std::span<const float>(); }
  matrix_view<const float> weights() const { return make_matrix(weight.data(), outputs, inputs); }

  template <class Activation>
  std::vector<float> expected(Activation activation, bool adds) const {
    std::vector<float> y = residual;
    const matrix_view<float> to = make_matrix(y.data(), rows, outputs, outputs + y_gap);
    gemm(context<reference>{{}, {}}, make_matrix(x.data(), rows, inputs, inputs + x_gap),
         prepare_dense(reference{}, weights(), shift()), to, activation, adds ? as_const(to) : matrix_view<const float>{});
    return y;
  }

  /// With the tile that the shape gets (`Tile` void) or with a given one.
  template <class Tile, class Activation>
  std::vector<float> actual(Activation activation, bool adds) const {
    const on_device<float> from(x);
    on_device<float> y(residual);
    const dense_weight w = prepare_dense(cuda<>{}, weights(), shift());
    const matrix_view<float> to = make_matrix(y.data(), rows, outputs, outputs + y_gap);
    const matrix_view<const float> base = adds ? as_const(to) : matrix_view<const float>{};
    const matrix_view<const float> in = make_matrix(from.data(), rows, inputs, inputs + x_gap);
    if constexpr (std::is_void_v<Tile>) {
      gemm(context<cuda<>>{{}, {}}, in, w, to, activation, base);
    } else {
      const row_segment whole{in.data_handle(), in.stride(0), inputs};
      device::launch_tiles<Tile, device::tf32_products>({}, device::source_of<float>(std::span(&whole, 1), rows),
                                                        device::weights_of(w),
                                                        device::epilogue_of("gemm", to, w.bias, activation, base));
    }
    return y.to_host();
  }

  template <class Tile = void, class Activation = identity>
  void check(Activation activation = {}, bool adds = false) const {
    const std::vector<float> wanted = expected(activation, adds);
    test::in_both_orders([&] {
      const auto worst = test::worst(wanted, actual<Tile>(activation, adds));
      INFO(rows << " x " << outputs << " x " << inputs << ": " << worst.text());
      CHECK(worst.relative() < 1e-5);
    });
  }
};

TEST_CASE("cuda gemm: every tile, shapes that fill none", "[cuda]") {
  problem(131, 70, 45).check<device::large_tile>(identity{}, true);
  problem(67, 130, 32).check<device::medium_tile>();
  problem(40, 66, 101).check<device::small_tile>(identity{}, true);
}

TEST_CASE("cuda gemm: aligned rows are copied in pieces", "[cuda]") {
  problem(33, 68, 100, 4, 4).check<void>(identity{}, true);
  problem(20, 64, 128, 0, 0).check<device::medium_tile>(identity{}, true);
}

TEST_CASE("cuda gemm: small and empty shapes", "[cuda]") {
  problem(1, 1, 1).check();
  problem(1, 65, 3).check();
  problem(3, 2, 0).check(relu{}, true);
  problem(0, 4, 5).check();
  problem none(5, 7, 9);
  none.biased = false;
  none.check();
}

TEST_CASE("cuda gemm: every activation ends the product", "[cuda]") {
  const problem p(9, 13, 21);
  p.check(relu{}, true);
  p.check(gelu{}, true);
  p.check(gelu_tanh{});
  p.check(sigmoid{});
  p.check(silu{}, true);
  p.check(quick_gelu{});
  p.check(hard_swish{});
  p.check(tanh_activation{});
}

TEST_CASE("cuda gemm: rows in several segments are read in place", "[cuda]") {
  const std::size_t rows = 37, outputs = 20;
  for (const std::size_t length : {8U, 7U}) {  // in whole pieces, and not
    const std::size_t stride = length == 8 ? 12 : 10;
    const std::vector<float> x = test::normal_vector(rows * stride + 40, 5);
    const std::vector<float> weight = test::normal_vector(outputs * (2 * length + 24), 6);
    const auto segments = [&](const float* data) {  // the second overlaps the rows of the first, the third itself
      return std::vector<row_segment>{{data, stride, length}, {data, stride, 0}, {data + 4, stride, length}, {data, 4, 24}};
    };
    const auto run = [&](auto backend, const float* data, float* y) {
      const std::vector<row_segment> parts = segments(data);
      gemm(context<decltype(backend)>{backend, {}}, segmented_rows{rows, parts},
           prepare_dense(backend, make_matrix(weight.data(), outputs, 2 * length + 24)), make_matrix(y, rows, outputs));
    };
    std::vector<float> expected(rows * outputs);
    run(reference{}, x.data(), expected.data());
    const on_device<float> from(x);
    on_device<float> y(std::vector<float>(rows * outputs));
    run(cuda<>{}, from.data(), y.data());
    const auto worst = test::worst(expected, y.to_host());
    INFO(worst.text());
    CHECK(worst.relative() < 1e-5);
  }
}

TEST_CASE("cuda gemm: the error is that of float arithmetic, also over long rows of one sign", "[cuda]") {
  problem p(8, 16, 1536, 0, 0);
  p.biased = false;
  for (float& v : p.x) v = std::abs(v);
  for (float& v : p.weight) v = std::abs(v);
  const auto worst = test::worst(p.expected(identity{}, false), p.actual<void>(identity{}, false));
  INFO(worst.text());
  CHECK(worst.relative() < 5e-7);
}

TEST_CASE("cuda gemm: weights that are results are prepared on the device", "[cuda]") {
  const problem p(6, 10, 37, 0, 0);
  const cuda<> backend;
  const on_device<float> x(p.x);
  const matrix_view<const float> in = make_matrix(x.data(), p.rows, p.inputs);
  const auto check = [&](const dense_weight& made, const std::vector<float>& weight, std::span<const float> bias) {
    std::vector<float> expected(p.rows * p.outputs);
    gemm(context<reference>{{}, {}}, make_matrix(p.x.data(), p.rows, p.inputs),
         prepare_dense(reference{}, make_matrix(weight.data(), p.outputs, p.inputs), bias),
         make_matrix(expected.data(), p.rows, p.outputs));
    on_device<float> y(std::vector<float>(p.rows * p.outputs));
    gemm(context<cuda<>>{backend, {}}, in, made, make_matrix(y.data(), p.rows, p.outputs));
    CHECK(test::worst(expected, y.to_host()).relative() < 1e-5);
  };
  std::vector<float> turned(p.weight.size());
  for (std::size_t n = 0; n < p.outputs; ++n)
    for (std::size_t k = 0; k < p.inputs; ++k) turned[k * p.outputs + n] = p.weight[n * p.inputs + k];
  const on_device<float> other(turned);
  on_device<float> storage(std::vector<float>(dense_weight_size(backend, p.outputs, p.inputs)));
  check(
      prepare_dense_in(backend, matrix_view<const float>(other.data(), extents<dyn, dyn>(p.outputs, p.inputs), {1, p.outputs}),
                       storage.data()),
      p.weight, {});

  const std::vector<float> scale = test::normal_vector(p.inputs, 9);
  std::vector<float> scaled = p.weight;
  for (std::size_t i = 0; i < scaled.size(); ++i) scaled[i] *= scale[i % p.inputs];
  const on_device<float> factors(scale);
  on_device<float> second(std::vector<float>(scaled_weight_size(backend, p.outputs, p.inputs)));
  const dense_weight whole = prepare_dense(backend, p.weights(), p.bias);
  check(scale_inputs(backend, whole, std::span<const float>(factors.data(), p.inputs), second.data()), scaled, p.bias);
}

#if HEDDLE_CUDA_EMULATED
TEST_CASE("cuda gemm: fragments are read without bank conflicts", "[cuda]") {
  namespace emulation = heddle::device::emulation;
  const problem p(64, 64, 64, 0, 0);
  emulation::counters() = {};
  static_cast<void>(p.actual<device::medium_tile>(identity{}, false));
  CHECK(emulation::counters().matrix_phases > 0);
  CHECK(emulation::counters().matrix_passes == emulation::counters().matrix_phases);
  CHECK(emulation::counters().products ==
        4 * 2 * 4 * 2 * 4 * 3);  // warps, steps, of 8 inputs each, 2 x 4 parts, three products
}
#endif

#if HEDDLE_HAS_EXCEPTIONS
TEST_CASE("cuda gemm: more segments than a kernel takes are refused", "[cuda]") {
  const cuda<> backend;
  on_device<float> x(std::vector<float>(64));
  const std::vector<float> weight(33);
  const std::vector<row_segment> parts(33, row_segment{x.data(), 1, 1});
  CHECK_THROWS_AS(gemm(context<cuda<>>{backend, {}}, segmented_rows{2, parts},
                       prepare_dense(backend, make_matrix(weight.data(), 1, 33)), make_matrix(x.data() + 40, 2, 1)),
                  shape_error);
}

TEST_CASE("cuda gemm: memory that the device cannot reach is refused", "[cuda]") {
  const problem p(2, 3, 4, 0, 0);
  const cuda<> backend;
  const context<cuda<>> ctx{backend, {}};
  const dense_weight w = prepare_dense(backend, p.weights(), p.bias);
  const on_device<float> x(p.x);
  on_device<float> y(std::vector<float>(6));
  std::vector<float> host(6);
  CHECK_THROWS_AS(gemm(ctx, make_matrix(p.x.data(), 2, 4), w, make_matrix(y.data(), 2, 3)), device_error);
  CHECK_THROWS_AS(gemm(ctx, make_matrix(x.data(), 2, 4), w, make_matrix(host.data(), 2, 3)), device_error);
  CHECK_THROWS_AS(prepare_dense(backend, make_matrix(x.data(), 2, 4)), device_error);
  CHECK_THROWS_AS(prepare_dense_in(backend, p.weights(), y.data()), device_error);
}
#endif

// Whole maps get large tiles; the rows of one picture enough tiles for every processor.
static_assert(device::choose_tile(64 * 3136, 384) == device::tile_choice::large);
static_assert(device::choose_tile(1568, 768) == device::tile_choice::medium);
static_assert(device::choose_tile(298, 768) == device::tile_choice::small);
static_assert(device::choose_tile(1, 4096) == device::tile_choice::small);

}  // namespace
