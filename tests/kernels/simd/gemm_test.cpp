// Products on vectors against their definition, for every tile height and panel width; the same bits for every split.
#include <heddle/simd/gemm.hpp>

#include <initializer_list>
#include <thread>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

/// Runs parts on threads of its own, in an order of its own.
struct threads {
  std::size_t count = 3;
  std::size_t concurrency() const noexcept { return count; }
  template <class F>
  void parallel_for(std::size_t parts, F&& f) const {
    std::vector<std::thread> workers;
    for (std::size_t w = 0; w < count; ++w)
      workers.emplace_back([&, w] {
        for (std::size_t i = parts; i-- > 0;)
          if (i % count == w) f(i, w);
      });
    for (std::thread& t : workers) t.join();
  }
};

struct problem {
  std::size_t rows, outputs, inputs;
  bool with_bias = true;
  std::vector<float> x, weight, bias, residual;

  problem(std::size_t m, std::size_t n, std::size_t k, std::uint64_t seed = 1)
      : rows(m),
        outputs(n),
        inputs(k),
        x(test::normal_vector(m * (k + 3), seed)),
        weight(test::normal_vector(n * k, seed + 1)),
        bias(test::normal_vector(n, seed + 2)),
        residual(test::normal_vector(m * (n + 5), seed + 3)) {}

  std::size_t pitch() const { return outputs + 5; }

  /// The whole of `y`, gaps included; with `in_place` the residual is what was in `y`.
  template <class Backend, class Activation>
  std::vector<float> run(Backend backend, Activation activation, bool adds, bool in_place) const {
    std::vector<float> y = in_place ? residual : std::vector<float>(rows * pitch(), 9.0f);
    const dense_weight w = prepare_dense(backend, make_matrix(weight.data(), outputs, inputs),
                                         with_bias ? std::span<const float>(bias) : std::span<const float>());
    const matrix_view<float> to = make_matrix(y.data(), rows, outputs, pitch());
    matrix_view<const float> base{};
    if (adds) base = in_place ? as_const(to) : make_matrix(residual.data(), rows, outputs, pitch());
    gemm(context<Backend>{backend, {}}, make_matrix(x.data(), rows, inputs, inputs + 3), w, to, activation, base);
    return y;
  }

  template <class Activation = identity>
  void check(Activation activation = {}, bool adds = false, bool in_place = false) const {
    auto expected = run(reference{}, activation, adds, in_place);
    auto actual = run(simd{}, activation, adds, in_place);
    for (std::size_t r = 0; r < rows; ++r)  // what lies between the rows is not touched
      for (std::size_t c = outputs; c < pitch(); ++c) {
        if (actual[r * pitch() + c] != expected[r * pitch() + c]) FAIL("gap of row " << r << " was written");
        actual[r * pitch() + c] = expected[r * pitch() + c] = 0.0f;
      }
    const auto worst = test::worst(expected, actual);
    INFO(rows << " x " << outputs << " x " << inputs << ": " << worst.text());
    CHECK(worst.relative() < 1e-5);
    const auto split = run(simd_on<threads>{}, activation, adds, in_place);
    const auto whole = run(simd{}, activation, adds, in_place);
    CHECK(split == whole);
  }
};

}  // namespace

TEST_CASE("every number of rows around the tiles", "[gemm]") {
  for (std::size_t rows = 0; rows <= 45; ++rows) {
    problem(rows, 48, 19, rows).check();
    problem(rows, 32, 7, rows).check(relu{}, true);
    problem(rows, 13, 5, rows).check();
  }
}

TEST_CASE("every number of outputs around the panels", "[gemm]") {
  for (std::size_t outputs = 1; outputs <= 132; ++outputs) problem(11, outputs, 9, outputs).check();
}

TEST_CASE("narrow outputs of long rows", "[gemm]") {
  for (std::size_t outputs = 1; outputs <= 5; ++outputs)
    for (const std::size_t inputs : std::initializer_list<std::size_t>{31, 64, 65, 79, 100, 432})
      problem(9, outputs, inputs, inputs).check(identity{}, outputs == 3, true);
}

TEST_CASE("activations and residuals, also in place", "[gemm]") {
  const problem p(23, 144, 48);
  p.check(identity{});
  p.check(identity{}, true, false);
  p.check(identity{}, true, true);
  p.check(relu{});
  p.check(gelu{}, true, true);
  p.check(gelu_tanh{});
  p.check(silu{}, true, false);
  p.check(quick_gelu{});
  p.check(sigmoid{});
  p.check(tanh_activation{});
}

TEST_CASE("shapes of models, split among workers", "[gemm]") {
  problem(600, 144, 48).check(gelu{}, true, true);
  problem(64, 768, 192).check();
  problem(30, 1000, 257).check();
  problem(1, 512, 300).check(silu{});
  problem p(64, 48, 192);
  p.with_bias = false;
  p.check(identity{}, true, true);
}

TEST_CASE("a row has the same bits wherever it is", "[gemm]") {
  for (const problem& p : {problem(70, 144, 48), problem(70, 3, 100)}) {
    const auto whole = p.run(simd{}, gelu{}, false, false);
    for (std::size_t rows = 1; rows < 70; ++rows) {
      problem part = p;
      part.rows = rows;
      const auto some = part.run(simd{}, gelu{}, false, false);
      CHECK(std::equal(some.begin(), some.end(), whole.begin()));
    }
  }
}

TEST_CASE("rows in several, overlapping segments", "[gemm]") {
  const std::vector<float> map = test::normal_vector(1000, 5);
  for (const std::size_t outputs : std::initializer_list<std::size_t>{3, 20, 48}) {
    const std::size_t lengths[] = {27, 1, 40};
    const std::vector<float> weight = test::normal_vector(outputs * 68, 6);
    const row_segment segments[] = {
        {map.data(), 9, lengths[0]}, {map.data() + 300, 4, lengths[1]}, {map.data() + 500, 7, lengths[2]}};
    const segmented_rows x{31, segments};
    std::vector<float> expected(31 * outputs), actual(31 * outputs);
    const auto w = make_matrix(weight.data(), outputs, std::size_t{68});
    gemm(context<reference>{}, x, prepare_dense(reference{}, w), make_matrix(expected.data(), std::size_t{31}, outputs));
    gemm(context<simd>{}, x, prepare_dense(simd{}, w), make_matrix(actual.data(), std::size_t{31}, outputs));
    const auto worst = test::worst(expected, actual);
    INFO(worst.text());
    CHECK(worst.relative() < 1e-5);
  }
}

TEST_CASE("inputs are scaled in a copy of the weight", "[gemm]") {
  for (const std::size_t outputs : std::initializer_list<std::size_t>{3, 48, 70}) {
    problem p(12, outputs, 90);
    const std::vector<float> scale = test::normal_vector(p.inputs, 8);
    const auto w = make_matrix(p.weight.data(), p.outputs, p.inputs);
    const auto run = [&](auto backend) {
      using backend_type = decltype(backend);
      const std::size_t size = scaled_weight_size(backend, p.outputs, p.inputs);
      workspace storage(scratch_bytes<float>(size));
      const dense_weight scaled =
          scale_inputs(backend, prepare_dense(backend, w, p.bias), scale, storage.scratch().template take<float>(size));
      std::vector<float> y(p.rows * p.outputs);
      gemm(context<backend_type>{}, make_matrix(static_cast<const float*>(p.x.data()), p.rows, p.inputs), scaled,
           make_matrix(y.data(), p.rows, p.outputs));
      return y;
    };
    const auto worst = test::worst(run(reference{}), run(simd{}));
    INFO(worst.text());
    CHECK(worst.relative() < 1e-5);
  }
}

TEST_CASE("a weight prepared for another backend is refused", "[gemm]") {
  const problem p(2, 16, 8);
  const dense_weight other = prepare_dense(reference{}, make_matrix(p.weight.data(), p.outputs, p.inputs));
  std::vector<float> y(32, 5.0f);
  CHECK_THROWS_AS(
      gemm(context<simd>{}, make_matrix(p.x.data(), p.rows, p.inputs), other, make_matrix(y.data(), p.rows, p.outputs)),
      weight_error);
  CHECK(y == std::vector<float>(32, 5.0f));
}
