// Depthwise 5x5x5 convolutions of volumes in token order (UniFormer's local blocks): convolve/volume/simd/f32/<shape>.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"   // GCC 12's own AVX-512 header
#endif
#include <heddle/primitive/convolve.hpp>
#include <heddle/reference/convolve.hpp>
#include <heddle/simd/depthwise.hpp>

#include <memory>
#include <string>
#include <vector>

#include "bench/support/subject.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
using bench::subject;

/// 5x5x5 taps on `[1, frames, side, side, channels]`, padded so that the size stays.
struct volume {
  std::size_t channels, frames, side;

  static volume_window window() { return volume_window::centred(5, 5, 5); }
  dynamic_extents<5> shape() const { return {1, frames, side, side, channels}; }
  std::string text() const {
    return std::to_string(frames) + '*' + std::to_string(side) + '*' + std::to_string(side) + 'x' + std::to_string(channels) + "k5";
  }
};

template <class Backend>
struct prepared_volume {
  volume v;
  Backend backend;
  std::vector<float> x, weight, bias, y;
  dense_weight prepared;

  prepared_volume(const volume& v_, const Backend& b)
      : v(v_), backend(b), x(test::normal_vector(v.shape().size(), 1)), weight(test::normal_vector(v.channels * 125, 2)),
        bias(test::normal_vector(v.channels, 3)), y(v.shape().size()),
        prepared(prepare_depthwise(b, make_matrix(static_cast<const float*>(weight.data()), v.channels, std::size_t{125}), bias)) {}

  void run() {
    convolve_depthwise(context<Backend>{backend, {}}, volume_view<const float>(x.data(), v.shape()), prepared, volume::window(),
                       volume_view<float>(y.data(), v.shape()));
  }
};

#if defined(_OPENMP)
simd_on<openmp> bench_backend(std::size_t threads) { return {openmp(threads)}; }
#else
simd bench_backend(std::size_t) { return {}; }
#endif

std::unique_ptr<subject> make(const volume& v, std::size_t threads) {
  const auto s = std::make_shared<prepared_volume<decltype(bench_backend(1))>>(v, bench_backend(threads));
  const auto error = [=] {
    prepared_volume<reference> expected(v, reference{});
    expected.run();
    s->run();
    return test::worst(expected.y, s->y).relative();
  };
  const double size = static_cast<double>(v.shape().size());
  return std::make_unique<bench::simple_subject>([=] { s->run(); }, error, 2.0 * 125 * size, 4.0 * (2 * size + static_cast<double>(126 * v.channels)));
}

[[maybe_unused]] const bool registered = [] {
  const auto add = [](const char* key, const volume& v) {
    bench::add({.name = "convolve/volume/simd/f32/" + v.text(), .key = key, .text = "depthwise 5x5x5, " + std::to_string(v.channels) + " channels",
                .dtype = "f32", .make = [=](std::size_t threads) { return make(v, threads); }});
  };
  add("f1", {64, 8, 28});
  add("f2", {64, 8, 56});
  add("f3", {128, 8, 28});
  return true;
}();

}  // namespace
