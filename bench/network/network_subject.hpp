// Whole networks as benchmarks: network/<name>/simd/<dtype>/<shape>. Weights are random: times do not depend on them.
#pragma once

#include <heddle/backend/reference.hpp>
#include <heddle/backend/simd.hpp>

#include <memory>
#include <string>
#include <vector>

#include "bench/support/subject.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random_weights.hpp"

namespace heddle::bench {

#if defined(_OPENMP)
using network_backend = simd_on<openmp>;
inline network_backend make_network_backend(std::size_t threads) { return {openmp(threads)}; }
#else
using network_backend = simd;
inline network_backend make_network_backend(std::size_t) { return {}; }
#endif

/// A network with random weights, prepared, its input and its output. `Step` is made by the programs of this folder:
///
///     using network = ...;
///     static std::size_t inputs(), outputs();                        floats
///     static double multiply_adds();
///     template <class Backend> static std::size_t bytes(const Backend&);    scratch of `run`
///     template <class Backend> void load(context<Backend>, const network&);  what is done once for a video
///     template <class Backend> void run(context<Backend>, const network&, const float* x, float* y);
template <class Step, class Backend>
class loaded_network {
  typename Step::network net_;
  Step step_;
  Backend backend_;
  workspace scratch_;
  std::vector<float> x_, y_;

 public:
  explicit loaded_network(const Backend& b)
      : backend_(b), scratch_(Step::bytes(b)), x_(test::normal_vector(Step::inputs(), 7)), y_(Step::outputs()) {
    test::bind_random_weights(net_, 3);
    prepare<Backend>(net_, backend_);
    step_.load(here(), net_);
  }
  void run() { step_.run(here(), net_, x_.data(), y_.data()); }
  const std::vector<float>& output() const { return y_; }

 private:
  context<Backend> here() const { return {backend_, scratch_.scratch()}; }
};

struct network_names {
  const char* key;  ///< in the comparison with other libraries
  const char* name;
  const char* text;
  const char* shape;
};

/// Registers a network whose exact form is `Exact`: the same, or the one in f32 of a network in 16 bits.
template <class Step, class Exact = Step>
void add_network(const network_names& names, const char* dtype, double tolerance) {
  const auto make = [](std::size_t threads) -> std::unique_ptr<subject> {
    const auto net = std::make_shared<loaded_network<Step, network_backend>>(make_network_backend(threads));
    const auto error = [=] {
      loaded_network<Exact, reference> expected(reference{});
      expected.run();
      net->run();
      return test::worst(expected.output(), net->output()).relative();
    };
    const double bytes = 4.0 * static_cast<double>(parameters<typename Step::network> + Step::inputs() + Step::outputs());
    return std::make_unique<simple_subject>([=] { net->run(); }, error, 2.0 * Step::multiply_adds(), bytes);
  };
  add({.name = std::string("network/") + names.name + "/simd/" + dtype + '/' + names.shape,
       .key = names.key,
       .text = names.text,
       .dtype = dtype,
       .tolerance = tolerance,
       .make = make});
}

}  // namespace heddle::bench
