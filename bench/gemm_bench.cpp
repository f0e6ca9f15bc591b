// Products and convolutions on the shapes of MaxSR, ViT, Swin and the usual squares: <op>/<variant>/<backend>/f32/<shape>.
// Backends: simd, and for plain products the obvious baselines: eigen (dynamic sizes) and naive (three loops). Every
// result is checked against the reference backend before it is timed; weights are packed once, as at load.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"   // GCC 12's own AVX-512 header, inlined into Eigen
#endif

#include <benchmark/benchmark.h>

#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>
#include <heddle/primitive/activation.hpp>

#include <string>
#include <vector>

#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#define HEDDLE_BENCH_EIGEN 1
#endif

namespace {

using namespace heddle;

struct product {
  std::size_t rows, outputs, inputs;
  std::string text() const { return std::to_string(rows) + 'x' + std::to_string(outputs) + 'x' + std::to_string(inputs); }
  double flops() const { return 2.0 * static_cast<double>(rows) * static_cast<double>(outputs) * static_cast<double>(inputs); }
};

/// Operands of a product and its result by definition.
struct operands {
  std::vector<float> x, weight, bias, residual, y;
  explicit operands(const product& p)
      : x(test::normal_vector(p.rows * p.inputs, 1)), weight(test::normal_vector(p.outputs * p.inputs, 2)), bias(test::normal_vector(p.outputs, 3)),
        residual(test::normal_vector(p.rows * p.outputs, 4)), y(p.rows * p.outputs) {}

  /// True where the first, a middle and the last row of `y` are what the reference says.
  template <class Activation>
  bool right(const product& p, Activation activation, bool with_bias, bool adds) const {
    const dense_weight w = prepare_dense(reference{}, make_matrix(weight.data(), p.outputs, p.inputs),
                                         with_bias ? std::span<const float>(bias) : std::span<const float>());
    for (const std::size_t r : {std::size_t{0}, p.rows / 2, p.rows - 1}) {
      std::vector<float> expected(p.outputs);
      const std::vector<float> actual(y.begin() + static_cast<std::ptrdiff_t>(r * p.outputs), y.begin() + static_cast<std::ptrdiff_t>((r + 1) * p.outputs));
      gemm(context<reference>{}, make_matrix(x.data() + r * p.inputs, std::size_t{1}, p.inputs), w,
           make_matrix(expected.data(), std::size_t{1}, p.outputs), activation,
           adds ? make_matrix(residual.data() + r * p.outputs, std::size_t{1}, p.outputs) : matrix_view<const float>{});
      if (test::worst(expected, actual).relative() > 1e-5) return false;
    }
    return true;
  }
};

void report(benchmark::State& state, double flops) {
  state.counters["FLOP/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

template <class Activation>
void simd_product(benchmark::State& state, const product& p, bool adds) {
  operands o(p);
  const dense_weight w = prepare_dense(simd{}, make_matrix(static_cast<const float*>(o.weight.data()), p.outputs, p.inputs), o.bias);
  const auto once = [&] {
    gemm(context<simd>{}, make_matrix(static_cast<const float*>(o.x.data()), p.rows, p.inputs), w, make_matrix(o.y.data(), p.rows, p.outputs),
         Activation{}, adds ? make_matrix(static_cast<const float*>(o.residual.data()), p.rows, p.outputs) : matrix_view<const float>{});
  };
  once();
  if (!o.right(p, Activation{}, true, adds)) return state.SkipWithError("wrong result");
  for (auto _ : state) {
    once();
    benchmark::ClobberMemory();
  }
  report(state, p.flops());
}

#if defined(HEDDLE_BENCH_EIGEN)
void eigen_product(benchmark::State& state, const product& p) {
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  operands o(p);
  const auto rows = static_cast<Eigen::Index>(p.rows), outputs = static_cast<Eigen::Index>(p.outputs), inputs = static_cast<Eigen::Index>(p.inputs);
  const Eigen::Map<const matrix> x(o.x.data(), rows, inputs), w(o.weight.data(), outputs, inputs);
  const matrix transposed = w.transpose();
  Eigen::Map<matrix> y(o.y.data(), rows, outputs);
  y.noalias() = x * transposed;
  if (!o.right(p, identity{}, false, false)) return state.SkipWithError("wrong result");
  for (auto _ : state) {
    y.noalias() = x * transposed;
    benchmark::ClobberMemory();
  }
  report(state, p.flops());
}
#endif

void naive_product(benchmark::State& state, const product& p) {
  operands o(p);
  const auto once = [&] {
    for (std::size_t r = 0; r < p.rows; ++r)
      for (std::size_t n = 0; n < p.outputs; ++n) {
        float sum = o.bias[n];
        for (std::size_t k = 0; k < p.inputs; ++k) sum += o.x[r * p.inputs + k] * o.weight[n * p.inputs + k];
        o.y[r * p.outputs + n] = sum;
      }
  };
  once();
  if (!o.right(p, identity{}, true, false)) return state.SkipWithError("wrong result");
  for (auto _ : state) {
    once();
    benchmark::ClobberMemory();
  }
  report(state, p.flops());
}

/// A 3x3 convolution of a 64x64 map with padding 1, or its depthwise form.
struct convolution {
  std::size_t inputs, outputs;
  std::string text() const { return "64x64x" + std::to_string(inputs) + "to" + std::to_string(outputs) + "k3"; }
};

template <bool Depthwise>
void simd_convolution(benchmark::State& state, const convolution& c) {
  constexpr std::size_t side = 64;
  const convolution_window window = convolution_window::square(3, 1, 1);
  const dynamic_extents<4> from(1, side, side, c.inputs), to(1, side, side, c.outputs);
  const std::vector<float> x = test::normal_vector(from.size(), 1);
  const std::size_t taps = Depthwise ? 9 : 9 * c.inputs;
  const std::vector<float> weight = test::normal_vector(c.outputs * taps, 2);
  const std::vector<float> bias = test::normal_vector(c.outputs, 3);
  const auto run = [&](auto backend, std::vector<float>& y) {
    using backend_type = decltype(backend);
    const auto w = make_matrix(weight.data(), c.outputs, taps);
    const map_view<const float> input(x.data(), from);
    const map_view<float> output(y.data(), to);
    workspace scratch(convolve_bytes(backend, from, window));
    const context<backend_type> ctx{backend, scratch.scratch()};
    if constexpr (Depthwise) {
      const dense_weight prepared = prepare_depthwise(backend, w, bias);
      convolve_depthwise(ctx, input, prepared, window, output);
      if constexpr (std::is_same_v<backend_type, simd>)
        for (auto _ : state) {
          convolve_depthwise(ctx, input, prepared, window, output);
          benchmark::ClobberMemory();
        }
    } else {
      const dense_weight prepared = prepare_dense(backend, w, bias);
      convolve(ctx, input, prepared, window, output);
      if constexpr (std::is_same_v<backend_type, simd>)
        for (auto _ : state) {
          convolve(ctx, input, prepared, window, output);
          benchmark::ClobberMemory();
        }
    }
  };
  std::vector<float> expected(to.size()), actual(to.size());
  run(reference{}, expected);
  run(simd{}, actual);   // the timed loop writes what it checks
  if (test::worst(expected, actual).relative() > 1e-5) state.SkipWithError("wrong result");
  report(state, 2.0 * static_cast<double>(to.size() * taps));
}

void add(const std::string& name, void (*f)(benchmark::State&, const product&, bool), const product& p, bool adds) {
  benchmark::RegisterBenchmark((name + p.text()).c_str(), [=](benchmark::State& state) { f(state, p, adds); });
}

[[maybe_unused]] const bool registered = [] {
  const product maxsr[] = {{64, 144, 48}, {144, 144, 48}, {4096, 144, 48}, {64, 48, 48}, {4096, 48, 48}, {4096, 192, 48}, {4096, 48, 192}};
  const product others[] = {{128, 128, 128},  {256, 256, 256},  {512, 512, 512},  {1024, 1024, 1024}, {196, 2304, 768}, {196, 768, 3072},
                            {196, 3072, 768}, {196, 768, 768},  {320, 768, 768},  {3136, 96, 96},     {3136, 288, 96},  {65536, 40, 40},
                            {65536, 160, 40}, {32, 384, 384},   {32, 1536, 384},  {128, 384, 384},    {1, 4096, 4096},  {49, 49, 32},
                            {196, 196, 64},   {196, 64, 196},   {64, 64, 16}};
  for (const product& p : maxsr) {
    add("gemm/plain/simd/f32/", simd_product<identity>, p, false);
    add("gemm/gelu/simd/f32/", simd_product<gelu>, p, false);
    add("gemm/residual/simd/f32/", simd_product<identity>, p, true);
  }
  for (const product& p : others) add("gemm/plain/simd/f32/", simd_product<identity>, p, false);
  for (const product& p : {maxsr[2], maxsr[6], others[1], others[7]}) {
#if defined(HEDDLE_BENCH_EIGEN)
    benchmark::RegisterBenchmark(("gemm/plain/eigen/f32/" + p.text()).c_str(), [=](benchmark::State& state) { eigen_product(state, p); });
#endif
    benchmark::RegisterBenchmark(("gemm/plain/naive/f32/" + p.text()).c_str(), [=](benchmark::State& state) { naive_product(state, p); });
  }
  for (const convolution& c : {convolution{3, 48}, {48, 48}, {48, 192}, {48, 3}})
    benchmark::RegisterBenchmark(("convolve/plain/simd/f32/" + c.text()).c_str(), [=](benchmark::State& state) { simd_convolution<false>(state, c); });
  benchmark::RegisterBenchmark("convolve/depthwise/simd/f32/64x64x192k3", [](benchmark::State& state) { simd_convolution<true>(state, {192, 192}); });
  return true;
}();

}  // namespace
