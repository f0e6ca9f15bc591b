// Depthwise 5x5x5 convolutions of volumes in token order (UniFormer's local blocks): convolve/volume/simd/<f32 or bf16>/<shape>.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own AVX-512 header
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
    return std::to_string(frames) + '*' + std::to_string(side) + '*' + std::to_string(side) + 'x' + std::to_string(channels) +
           "k5";
  }
};

/// `T`: how maps are stored.
template <class T, class Backend>
struct prepared_volume {
  volume v;
  Backend backend;
  std::vector<T> x, y;
  std::vector<float> weight, bias;
  dense_weight prepared;

  prepared_volume(const volume& v_, const Backend& b)
      : v(v_),
        backend(b),
        x(random(v.shape().size())),
        y(v.shape().size()),
        weight(test::normal_vector(v.channels * 125, 2)),
        bias(test::normal_vector(v.channels, 3)),
        prepared(
            prepare_depthwise(b, make_matrix(static_cast<const float*>(weight.data()), v.channels, std::size_t{125}), bias)) {}

  static std::vector<T> random(std::size_t count) {
    const std::vector<float> values = test::normal_vector(count, 1);
    return std::vector<T>(values.begin(), values.end());
  }
  void run() {
    convolve_depthwise(context<Backend>{backend, {}}, volume_view<const T>(x.data(), v.shape()), prepared, volume::window(),
                       volume_view<T>(y.data(), v.shape()));
  }
  std::vector<float> result() const { return std::vector<float>(y.begin(), y.end()); }
};

#if defined(_OPENMP)
simd_on<openmp> bench_backend(std::size_t threads) { return {openmp(threads)}; }
#else
simd bench_backend(std::size_t) { return {}; }
#endif

template <class T>
std::unique_ptr<subject> make(const volume& v, std::size_t threads) {
  const auto s = std::make_shared<prepared_volume<T, decltype(bench_backend(1))>>(v, bench_backend(threads));
  const auto error = [=] {
    prepared_volume<T, reference> expected(v, reference{});
    expected.run();
    s->run();
    return test::worst(expected.result(), s->result()).relative();
  };
  const double size = static_cast<double>(v.shape().size());
  return std::make_unique<bench::simple_subject>(
      [=] { s->run(); }, error, 2.0 * 125 * size,
      static_cast<double>(2 * sizeof(T)) * size + 4.0 * static_cast<double>(126 * v.channels));
}

[[maybe_unused]] const bool registered = [] {
  const auto add = [](const char* key, const volume& v) {
    bench::add({.name = "convolve/volume/simd/f32/" + v.text(),
                .key = key,
                .text = "depthwise 5x5x5, " + std::to_string(v.channels) + " channels",
                .dtype = "f32",
                .make = [=](std::size_t threads) { return make<float>(v, threads); }});
    bench::add({.name = "convolve/volume/simd/bf16/" + v.text(),
                .key = key,
                .text = "depthwise 5x5x5, " + std::to_string(v.channels) + " channels",
                .dtype = "bf16",
                .tolerance = 1e-2,
                .make = [=](std::size_t threads) { return make<bfloat16>(v, threads); }});
  };
  add("f1", {64, 8, 28});
  add("f2", {64, 8, 56});
  add("f3", {128, 8, 28});
  return true;
}();

}  // namespace
