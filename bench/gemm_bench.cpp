// Products on the shapes of MaxSR, ViT, Swin and the usual squares: gemm/<variant>/<backend>/f32/<shape>.
// Backends: simd, and for plain products the obvious baselines: eigen (dynamic sizes) and naive (three loops). Every
// result is checked against the reference backend before it is timed; weights are packed once, as at load.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own AVX-512 header, inlined into Eigen
#endif

#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>
#include <heddle/primitive/activation.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "bench/support/products.hpp"
#include "bench/support/subject.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#define HEDDLE_BENCH_EIGEN 1
#endif

namespace {

using namespace heddle;
using bench::product;
using bench::subject;

#if defined(_OPENMP)
simd_on<openmp> bench_backend(std::size_t threads) { return {openmp(threads)}; }
#else
simd bench_backend(std::size_t) { return {}; }
#endif

/// Operands of a product and its result by definition.
struct operands {
  std::vector<float> x, weight, bias, residual, y;
  explicit operands(const product& p)
      : x(test::normal_vector(p.rows * p.inputs, 1)),
        weight(test::normal_vector(p.outputs * p.inputs, 2)),
        bias(test::normal_vector(p.outputs, 3)),
        residual(test::normal_vector(p.rows * p.outputs, 4)),
        y(p.rows * p.outputs) {}

  /// The largest difference of the first, a middle and the last row of `y` to what the reference says.
  template <class Activation>
  double error(const product& p, Activation activation, bool with_bias, bool adds) const {
    double worst = 0;
    const dense_weight w = prepare_dense(reference{}, make_matrix(weight.data(), p.outputs, p.inputs),
                                         with_bias ? std::span<const float>(bias) : std::span<const float>());
    for (const std::size_t r : {std::size_t{0}, p.rows / 2, p.rows - 1}) {
      std::vector<float> expected(p.outputs);
      const std::vector<float> actual(y.begin() + static_cast<std::ptrdiff_t>(r * p.outputs),
                                      y.begin() + static_cast<std::ptrdiff_t>((r + 1) * p.outputs));
      gemm(context<reference>{}, make_matrix(x.data() + r * p.inputs, std::size_t{1}, p.inputs), w,
           make_matrix(expected.data(), std::size_t{1}, p.outputs), activation,
           adds ? make_matrix(residual.data() + r * p.outputs, std::size_t{1}, p.outputs) : matrix_view<const float>{});
      worst = std::max(worst, test::worst(expected, actual).relative());
    }
    return worst;
  }
};

/// A product as a subject: what `make` prepares from the operands, `run` calls.
struct prepared_product {
  operands o;
  dense_weight weight;
  explicit prepared_product(const product& p) : o(p) {}
};

template <class Run, class Error>
std::unique_ptr<subject> make_subject(const product& p, Run run, Error error) {
  return std::make_unique<bench::simple_subject>(
      run,
      [=] {
        run();
        return error();
      },
      p.flop(), p.bytes(sizeof(float)));
}

template <class Activation>
std::unique_ptr<subject> simd_product(const product& p, bool adds, std::size_t threads) {
  const auto s = std::make_shared<prepared_product>(p);
  s->weight = prepare_dense(simd{}, make_matrix(static_cast<const float*>(s->o.weight.data()), p.outputs, p.inputs), s->o.bias);
  const auto backend = bench_backend(threads);
  const auto run = [=] {
    operands& o = s->o;
    gemm(context<std::remove_cv_t<decltype(backend)>>{backend, {}},
         make_matrix(static_cast<const float*>(o.x.data()), p.rows, p.inputs), s->weight,
         make_matrix(o.y.data(), p.rows, p.outputs), Activation{},
         adds ? make_matrix(static_cast<const float*>(o.residual.data()), p.rows, p.outputs) : matrix_view<const float>{});
  };
  return make_subject(p, run, [=] { return s->o.error(p, Activation{}, true, adds); });
}

#if defined(HEDDLE_BENCH_EIGEN)
std::unique_ptr<subject> eigen_product(const product& p) {
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto o = std::make_shared<operands>(p);
  const auto rows = static_cast<Eigen::Index>(p.rows), outputs = static_cast<Eigen::Index>(p.outputs),
             inputs = static_cast<Eigen::Index>(p.inputs);
  const auto transposed =
      std::make_shared<const matrix>(Eigen::Map<const matrix>(o->weight.data(), outputs, inputs).transpose());
  const auto run = [=] {
    const Eigen::Map<const matrix> x(o->x.data(), rows, inputs);
    Eigen::Map<matrix> y(o->y.data(), rows, outputs);
    y.noalias() = x * *transposed;
  };
  return make_subject(p, run, [=] { return o->error(p, identity{}, false, false); });
}
#endif

std::unique_ptr<subject> naive_product(const product& p) {
  const auto o = std::make_shared<operands>(p);
  const auto run = [=] {
    for (std::size_t r = 0; r < p.rows; ++r)
      for (std::size_t n = 0; n < p.outputs; ++n) {
        float sum = o->bias[n];
        for (std::size_t k = 0; k < p.inputs; ++k) sum += o->x[r * p.inputs + k] * o->weight[n * p.inputs + k];
        o->y[r * p.outputs + n] = sum;
      }
  };
  return make_subject(p, run, [=] { return o->error(p, identity{}, true, false); });
}

template <class Make>
void add_product(const char* variant, const char* backend, const std::string& key, const product& p, Make make) {
  bench::add({.name = std::string("gemm/") + variant + '/' + backend + "/f32/" + p.text(),
              .key = key,
              .text = "matrix product " + p.text(),
              .dtype = "f32",
              .make = make});
}

template <class Activation>
void add_simd(const char* variant, const product& p, bool adds, const std::string& key = "") {
  add_product(variant, "simd", key, p, [=](std::size_t threads) { return simd_product<Activation>(p, adds, threads); });
}

[[maybe_unused]] const bool registered = [] {
  for (const product& p : bench::transformer_products) add_simd<identity>("plain", p, false, p.key());
  for (const product& p : bench::maxsr_products) {
    add_simd<identity>("plain", p, false);
    add_simd<gelu>("gelu", p, false);
    add_simd<identity>("residual", p, true);
  }
  for (const product& p : {product{4096, 144, 48}, {4096, 48, 192}, {256, 256, 256}, {196, 768, 768}}) {
#if defined(HEDDLE_BENCH_EIGEN)
    add_product("plain", "eigen", "", p, [=](std::size_t) { return eigen_product(p); });
#endif
    add_product("plain", "naive", "", p, [=](std::size_t) { return naive_product(p); });
  }
  return true;
}();

}  // namespace
