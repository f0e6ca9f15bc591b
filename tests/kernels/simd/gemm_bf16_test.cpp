// Products with weights of bfloat16: by tiles, by their emulation and by dot products, against the definition.
#include <heddle/simd/gemm_bf16.hpp>

#include <initializer_list>
#include <thread>

#include "heddle/backend/reference.hpp"
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

/// Tiles that are emulated, or dot products, whatever the machine has.
template <class Engine>
struct forced {
  template <class Backend, class X, class Y, class Activation>
  static void run(context<Backend> ctx, matrix_view<const X> x, const bf16_weight& w, matrix_view<Y> y, Activation activation,
                  matrix_view<const Y> base) {
    detail::run_gemm_bf16<Engine>(ctx, detail::gemm_bf16_operands<X, Y>{x, &w, y, base}, activation);
  }
};
struct chosen {
  template <class Backend, class X, class Y, class Activation>
  static void run(context<Backend> ctx, matrix_view<const X> x, const bf16_weight& w, matrix_view<Y> y, Activation activation,
                  matrix_view<const Y> base) {
    gemm(ctx, x, w, y, activation, base);
  }
};
using emulated = forced<detail::tile_engine<isa::native, detail::emulated_tiles>>;
using dots = forced<detail::dot_engine<isa::native>>;

template <class T>
std::vector<T> values(std::size_t count, std::uint64_t seed) {
  const auto x = test::normal_vector(count, seed);
  std::vector<T> y(count);
  for (std::size_t i = 0; i < count; ++i) y[i] = T(x[i]);
  return y;
}

template <class X, class Y>
struct problem {
  std::size_t rows, outputs, inputs;
  bool with_bias = true;
  std::vector<X> x;
  std::vector<float> weight, bias;
  std::vector<Y> residual;

  problem(std::size_t m, std::size_t n, std::size_t k, std::uint64_t seed = 1)
      : rows(m),
        outputs(n),
        inputs(k),
        x(values<X>(m * (k + 3), seed)),
        weight(test::normal_vector(n * k, seed + 1)),
        bias(test::normal_vector(n, seed + 2)),
        residual(values<Y>(m * (n + 5), seed + 3)) {}

  std::size_t pitch() const { return outputs + 5; }

  /// The whole of `y`, gaps included; with `in_place` the residual is what was in `y`.
  template <class How, class Backend, class Activation>
  std::vector<Y> run(Backend backend, Activation activation, bool adds, bool in_place) const {
    std::vector<Y> y = in_place ? residual : std::vector<Y>(rows * pitch(), Y(9.0f));
    const bf16_weight w = prepare_bf16(backend, make_matrix(weight.data(), outputs, inputs),
                                       with_bias ? std::span<const float>(bias) : std::span<const float>());
    const workspace scratch(gemm_bytes(backend, w, rows));
    const matrix_view<Y> to = make_matrix(y.data(), rows, outputs, pitch());
    matrix_view<const Y> base{};
    if (adds) base = in_place ? as_const(to) : make_matrix(residual.data(), rows, outputs, pitch());
    How::run(context<Backend>{backend, scratch.scratch()}, make_matrix(x.data(), rows, inputs, inputs + 3), w, to, activation,
             base);
    return y;
  }

  void compare(const std::vector<Y>& expected, const std::vector<Y>& actual, const char* name) const {
    double largest = 0.0;
    double worst = 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto e = static_cast<double>(static_cast<float>(expected[i]));
      const auto a = static_cast<double>(static_cast<float>(actual[i]));
      if (i % pitch() >= outputs && e != a) FAIL(name << ": gap behind row " << i / pitch() << " was written");
      largest = std::max(largest, std::abs(e));
      worst = std::max(worst, e == a ? 0.0 : std::abs(e - a) >= 0.0 ? std::abs(e - a) : 1e9);
    }
    INFO(name << ' ' << rows << " x " << outputs << " x " << inputs);
    CHECK(worst <= (std::is_same_v<Y, float> ? 2e-5 : 4e-3) * largest);
  }

  template <class Activation = identity>
  void check(Activation activation = {}, bool adds = false, bool in_place = false) const {
    const auto expected = run<chosen>(reference{}, activation, adds, in_place);
    const auto actual = run<chosen>(simd{}, activation, adds, in_place);
    compare(expected, actual, "chosen");
    compare(expected, run<dots>(simd{}, activation, adds, in_place), "dots");
    if (rows * outputs * inputs < 300000) compare(expected, run<emulated>(simd{}, activation, adds, in_place), "emulated");
    const auto split = run<chosen>(simd_on<threads>{}, activation, adds, in_place);
    CHECK(std::equal(split.begin(), split.end(), actual.begin(),
                     [](Y a, Y b) { return static_cast<float>(a) == static_cast<float>(b); }));
  }
};

}  // namespace

TEST_CASE("bf16: rows around the blocks of tiles", "[gemm]") {
  for (const std::size_t rows : std::initializer_list<std::size_t>{0, 1, 2, 7, 13, 15, 16, 17, 31, 32, 33, 47, 49, 65, 81}) {
    problem<float, float>(rows, 64, 32, rows).check();
    problem<bfloat16, bfloat16>(rows, 80, 64, rows).check(relu{}, true);
    problem<bfloat16, float>(rows, 21, 37, rows).check();
  }
}

TEST_CASE("bf16: outputs and inputs around the panels", "[gemm]") {
  for (std::size_t outputs = 1; outputs <= 131; outputs += outputs < 36 ? 1 : 7)
    problem<float, bfloat16>(19, outputs, 33, outputs).check();
  for (std::size_t inputs = 1; inputs <= 70; inputs += 3)
    problem<bfloat16, float>(35, 49, inputs, inputs).check(identity{}, inputs % 2 == 0, true);
}

TEST_CASE("bf16: activations and residuals, also in place", "[gemm]") {
  const problem<float, float> p(23, 144, 48);
  p.check(identity{}, true, false);
  p.check(identity{}, true, true);
  p.check(gelu{}, true, true);
  p.check(gelu{});
  problem<bfloat16, bfloat16> q(40, 96, 96);
  q.with_bias = false;
  q.check(relu{}, true, true);
  q.check(relu{});
}

TEST_CASE("bf16: shapes of models, split among workers", "[gemm]") {
  problem<bfloat16, bfloat16>(600, 160, 160).check(relu{}, true, true);
  problem<float, float>(197, 384, 192).check();
  problem<float, bfloat16>(1, 512, 300).check();
  problem<bfloat16, float>(50, 96, 3072).check();
}

TEST_CASE("bf16: weights of every stored type, refused where they are another backend's", "[gemm]") {
  const auto w = values<half>(40 * 30, 1);
  std::vector<bfloat16> rounded(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) rounded[i] = bfloat16(static_cast<float>(w[i]));
  const auto a = prepare_bf16(simd{}, make_matrix(w.data(), std::size_t{40}, std::size_t{30}));
  const auto b = prepare_bf16(simd{}, make_matrix(rounded.data(), std::size_t{40}, std::size_t{30}));
  CHECK(std::equal(a.data, a.data + 48 * 16, b.data));
  std::vector<float> x(60), y(80, 5.0f);
  const workspace scratch(1 << 16);
  const auto rows = make_matrix(static_cast<const float*>(x.data()), std::size_t{2}, std::size_t{30});
  const auto out = make_matrix(y.data(), std::size_t{2}, std::size_t{40});
  CHECK_THROWS_AS(gemm(context<reference>{}, rows, a, out), weight_error);
  CHECK_THROWS_AS(gemm(context<simd>{}, rows, a, out), workspace_error);
  CHECK(y == std::vector<float>(80, 5.0f));
}
