// Convolutions of maps in token order: convolve/<variant>/simd/f32/<shape>.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own AVX-512 header
#endif
#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>

#include <memory>
#include <string>
#include <vector>

#include "bench/support/subject.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using bench::subject;

/// A 3x3 convolution of a 64x64 map with padding 1.
struct convolution {
  std::size_t inputs, outputs;
  bool depthwise;

  static constexpr std::size_t side = 64;
  convolution_window window() const { return convolution_window::square(3, 1, 1); }
  dynamic_extents<4> from() const { return {1, side, side, inputs}; }
  dynamic_extents<4> to() const { return {1, side, side, outputs}; }
  std::size_t taps() const { return depthwise ? 9 : 9 * inputs; }
  std::string text() const { return "64x64x" + std::to_string(inputs) + "to" + std::to_string(outputs) + "k3"; }
};

/// Operands, prepared for a backend.
template <class Backend>
struct prepared_convolution {
  convolution c;
  Backend backend;
  std::vector<float> x, weight, bias, y;
  dense_weight prepared;
  workspace memory;

  prepared_convolution(const convolution& c_, const Backend& b)
      : c(c_),
        backend(b),
        x(test::normal_vector(c.from().size(), 1)),
        weight(test::normal_vector(c.outputs * c.taps(), 2)),
        bias(test::normal_vector(c.outputs, 3)),
        y(c.to().size()),
        memory(convolve_bytes(b, c.from(), c.window())) {
    const auto w = make_matrix(static_cast<const float*>(weight.data()), c.outputs, c.taps());
    prepared = c.depthwise ? prepare_depthwise(backend, w, bias) : prepare_dense(backend, w, bias);
  }

  void run() {
    const context<Backend> ctx{backend, memory.scratch()};
    const map_view<const float> input(x.data(), c.from());
    const map_view<float> output(y.data(), c.to());
    if (c.depthwise) {
      convolve_depthwise(ctx, input, prepared, c.window(), output);
    } else {
      convolve(ctx, input, prepared, c.window(), output);
    }
  }
};

#if defined(_OPENMP)
simd_on<openmp> bench_backend(std::size_t threads) { return {openmp(threads)}; }
#else
simd bench_backend(std::size_t) { return {}; }
#endif

std::unique_ptr<subject> make(const convolution& c, std::size_t threads) {
  const auto s = std::make_shared<prepared_convolution<decltype(bench_backend(1))>>(c, bench_backend(threads));
  const auto error = [=] {
    prepared_convolution<reference> expected(c, reference{});
    expected.run();
    s->run();
    return test::worst(expected.y, s->y).relative();
  };
  const double flop = 2.0 * static_cast<double>(c.to().size() * c.taps());
  const double bytes = 4.0 * static_cast<double>(c.from().size() + c.to().size() + c.outputs * c.taps());
  return std::make_unique<bench::simple_subject>([=] { s->run(); }, error, flop, bytes);
}

[[maybe_unused]] const bool registered = [] {
  for (const convolution& c : {convolution{3, 48, false}, {48, 48, false}, {48, 192, false}, {48, 3, false}, {192, 192, true}})
    bench::add({.name = std::string("convolve/") + (c.depthwise ? "depthwise" : "dense") + "/simd/f32/" + c.text(),
                .key = "",
                .text = "3x3 convolution",
                .dtype = "f32",
                .make = [=](std::size_t threads) { return make(c, threads); }});
  return true;
}();

}  // namespace
