// The same products in bfloat16, with weights packed at load: gemm/plain/simd/bf16/<shape>.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own AVX-512 header
#endif
#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/support/products.hpp"
#include "bench/support/subject.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using bench::product;

#if defined(_OPENMP)
using backend_type = simd_on<openmp>;
backend_type bench_backend(std::size_t threads) { return {openmp(threads)}; }
#else
using backend_type = simd;
backend_type bench_backend(std::size_t) { return {}; }
#endif

std::vector<bfloat16> random(std::size_t count, std::uint64_t seed) {
  const std::vector<float> values = test::normal_vector(count, seed);
  return std::vector<bfloat16>(values.begin(), values.end());
}

/// Rows and weights of bfloat16, a bias, a result of bfloat16.
template <class Backend>
struct prepared_product {
  product p;
  Backend backend;
  std::vector<bfloat16> x, weight, y;
  std::vector<float> bias;
  bf16_weight prepared;
  workspace memory;

  prepared_product(const product& p_, const Backend& b)
      : p(p_),
        backend(b),
        x(random(p.rows * p.inputs, 1)),
        weight(random(p.outputs * p.inputs, 2)),
        y(p.rows * p.outputs),
        bias(test::normal_vector(p.outputs, 3)),
        prepared(prepare_bf16(b, make_matrix(static_cast<const bfloat16*>(weight.data()), p.outputs, p.inputs), bias)),
        memory(gemm_bytes(b, prepared, p.rows)) {}

  void run(std::size_t first, std::size_t rows) {
    gemm(context<Backend>{backend, memory.scratch()},
         make_matrix(static_cast<const bfloat16*>(x.data()) + first * p.inputs, rows, p.inputs), prepared,
         make_matrix(y.data() + first * p.outputs, rows, p.outputs));
  }
};

/// The first, a middle and the last row against the definition.
double error(prepared_product<backend_type>& actual) {
  const product& p = actual.p;
  prepared_product<reference> expected(p, reference{});
  actual.run(0, p.rows);
  double worst = 0;
  for (const std::size_t r : {std::size_t{0}, p.rows / 2, p.rows - 1}) {
    expected.run(r, 1);
    const auto row = [&](const std::vector<bfloat16>& y) {
      return std::vector<float>(y.begin() + static_cast<std::ptrdiff_t>(r * p.outputs),
                                y.begin() + static_cast<std::ptrdiff_t>((r + 1) * p.outputs));
    };
    worst = std::max(worst, test::worst(row(expected.y), row(actual.y)).relative());
  }
  return worst;
}

[[maybe_unused]] const bool registered = [] {
  for (const product& p : bench::transformer_products)
    bench::add({.name = "gemm/plain/simd/bf16/" + p.text(),
                .key = p.key(),
                .text = "matrix product " + p.text(),
                .dtype = "bf16",
                .tolerance = 1e-2,
                .make = [=](std::size_t threads) -> std::unique_ptr<bench::subject> {
                  const auto s = std::make_shared<prepared_product<backend_type>>(p, bench_backend(threads));
                  return std::make_unique<bench::simple_subject>([=] { s->run(0, s->p.rows); }, [=] { return error(*s); },
                                                                 p.flop(), p.bytes(sizeof(bfloat16)));
                }});
  return true;
}();

}  // namespace
