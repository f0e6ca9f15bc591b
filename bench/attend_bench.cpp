// attend on the shapes of the papers: attend/<variant>/<backend>/f32/<shape>. Input is the token-major output of a fused
// projection, so that regrouping and packing are in every figure. The result is checked before timing.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"   // GCC 12's own AVX-512 header, as Eigen inlines it
#endif
#include <benchmark/benchmark.h>

#include <heddle/backend/tags.hpp>
#include <heddle/reference/attend.hpp>
#include <heddle/simd/attend.hpp>

#include <string>

#include "tests/attention/attend_case.hpp"
#include "tests/support/compare.hpp"

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#define HEDDLE_BENCH_EIGEN 1
#endif

namespace {

using namespace heddle;
using test::attend_case;

struct gaussian_distance {
  using policy_category = score_mod_tag;
  float inverse_two_sigma_squared;
  template <class T>
  constexpr T operator()(T score, std::size_t, T query, T key) const noexcept {
    const T d = query - key;
    return score - d * d * inverse_two_sigma_squared;
  }
};

/// A band of keys behind each query.
struct sliding {
  using policy_category = mask_tag;
  std::size_t reach;
  template <class Context>
  constexpr tile classify(const Context&, std::size_t q0, std::size_t q1, std::size_t k0, std::size_t k1) const noexcept {
    if (k0 >= q1 || k1 + reach <= q0 + 1) return tile::skip;
    return k1 <= q0 + 1 && k0 + reach >= q1 ? tile::full : tile::partial;
  }
  template <class T>
  constexpr auto operator()(T q, T k) const noexcept {
    return (k <= q) & (q - k < T(static_cast<float>(reach)));
  }
};

/// Multiply-adds of both products over whole groups, times 2.
template <class Composition>
double operations(const Composition& c, const attend_case& x) {
  const auto map = c.partition().map(x.grid);
  const double size = static_cast<double>(map.group_size());
  return 4.0 * size * size * static_cast<double>(map.groups() * x.batch * x.heads * x.dim);
}

void report(benchmark::State& state, double flops) {
  state.counters["FLOP/s"] = benchmark::Counter(flops * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// The whole call; `D`: the head_dim that the types know.
template <class Backend, std::size_t D, class Composition>
void whole(benchmark::State& state, const Composition& c, attend_case x) {
  if (operations(c, x) < 5e8) {   // beyond, the definition takes seconds: the tests hold those sizes
    attend_case expected = x;
    expected.run<reference>(c);
    x.run<Backend, D>(c);
    if (!(test::worst(expected.out, x.out).relative() < 1e-5)) return state.SkipWithError("the result is wrong");
  }
  const Backend backend{};
  const workspace memory(plan_bytes(c, x.grid, x.heads) + attend_bytes(backend, c, x.grid, x.dim));
  arena block = memory.scratch();
  const auto plan = plan_attention(c, x.grid, x.heads, block);
  const auto in = x.inputs<D>();
  const auto out = x.output<D>();
  for (auto _ : state) {
    attend(context<Backend>{backend, block}, plan, in.q, in.k, in.v, out);
    benchmark::ClobberMemory();
  }
  report(state, operations(c, x));
}

/// Group after group on gathered rows, as fused blocks do.
template <std::size_t D, class Composition>
void groups(benchmark::State& state, const Composition& c, attend_case x) {
  const simd backend{};
  const workspace memory(plan_bytes(c, x.grid, x.heads) + attend_group_bytes(backend, c, x.grid, x.dim));
  arena block = memory.scratch();
  const auto plan = plan_attention(c, x.grid, x.heads, block);
  const std::size_t size = plan.queries();
  const auto in = qkv_views<D>(static_cast<const float*>(x.projection.data()), 1, size, x.heads);
  const auto out = merged_heads<D>(x.out.data(), 1, size, x.heads);
  for (auto _ : state) {
    for (std::size_t g = 0; g < plan.map().groups(); ++g) attend_group(context<simd>{backend, block}, plan, 0, g, in.q, in.k, in.v, out);
    benchmark::ClobberMemory();
  }
  report(state, operations(c, x));
}

#if defined(HEDDLE_BENCH_EIGEN)
/// The obvious way: gather a head of a group, two products, softmax by rows, scatter.
template <class Composition>
void eigen(benchmark::State& state, const Composition& c, attend_case x) {
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto map = c.partition().map(x.grid);
  const auto n = static_cast<Eigen::Index>(map.group_size());
  const auto dim = static_cast<Eigen::Index>(x.dim);
  std::vector<std::int32_t> tokens(map.group_size());
  matrix part[3];
  for (matrix& m : part) m.resize(n, dim);
  matrix scores(n, n), out(n, dim);
  for (auto _ : state) {
    for (std::size_t g = 0; g < map.groups(); ++g) {
      map.tokens(g, tokens.data());
      for (std::size_t h = 0; h < x.heads; ++h) {
        for (std::size_t p = 0; p < 3; ++p)
          for (Eigen::Index i = 0; i < n; ++i)
            part[p].row(i) = Eigen::Map<const Eigen::RowVectorXf>(
                &x.at(p, 0, static_cast<std::size_t>(tokens[static_cast<std::size_t>(i)]), h, 0), dim);
        scores.noalias() = part[0] * part[1].transpose();
        scores *= 1.0F / std::sqrt(static_cast<float>(x.dim));
        for (Eigen::Index i = 0; i < n; ++i) {
          scores.row(i) = (scores.row(i).array() - scores.row(i).maxCoeff()).exp();
          scores.row(i) /= scores.row(i).sum();
        }
        out.noalias() = scores * part[2];
        for (Eigen::Index i = 0; i < n; ++i)
          Eigen::Map<Eigen::RowVectorXf>(
              x.out.data() + (static_cast<std::size_t>(tokens[static_cast<std::size_t>(i)]) * x.heads + h) * x.dim, dim) = out.row(i);
      }
    }
    benchmark::ClobberMemory();
  }
  report(state, operations(c, x));
}
#endif

template <class F>
void add(const std::string& name, F f) {
  benchmark::RegisterBenchmark(("attend/" + name).c_str(), f)->Unit(benchmark::kMicrosecond);
}

/// A composition on `simd`, with the baselines.
template <std::size_t D, class Composition>
void add_case(const std::string& variant, const std::string& shape, const Composition& c, std::size_t heads, token_grid grid) {
  const auto make = [=] { return attend_case(1, heads, D, grid, 7); };
  add(variant + "/simd/f32/" + shape, [=](benchmark::State& s) { whole<simd, D>(s, c, make()); });
  if (operations(c, make()) < 2e8) add(variant + "/reference/f32/" + shape, [=](benchmark::State& s) { whole<reference, D>(s, c, make()); });
}

const auto table = test::normal_vector(15 * 15 * 4, 3);
const auto table7 = test::normal_vector(13 * 13 * 4, 3);

const bool registered = [] {
  const relative_position_bias<8> bias{table.data(), 4};
  const relative_position_bias<7> bias7{table7.data(), 4};
  const resized_position_bias<8> adaptive{table.data(), 4};
  const token_grid maxsr{1, 64, 64}, maxvit{1, 56, 56};

  add_case<64>("global", "196x64h12", attention<>{}, 12, sequence_grid(196));
  add_case<64>("global_gaussian", "196x64h12", attention{gaussian_distance{0.02F}}, 12, sequence_grid(196));
  add_case<64>("global", "700x64h12", attention<>{}, 12, sequence_grid(700));
  add_case<64>("global", "1024x64h12", attention<>{}, 12, sequence_grid(1024));
  add_case<64>("causal", "1024x64h12", attention<causal<>>{}, 12, sequence_grid(1024));
  add_case<64>("sliding256", "4096x64h8", attention{sliding{256}}, 8, sequence_grid(4096));
  add_case<32>("window7_bias", "56x56x32h4", attention{window<7>{}, bias7}, 4, maxvit);
  add_case<32>("shifted7_bias", "56x56x32h4", attention{window<7>{3, 3}, same_region{}, bias7}, 4, maxvit);
  add_case<16>("block8", "64x64x16h4", attention<block<8>>{}, 4, maxsr);
  add_case<16>("grid8", "64x64x16h4", attention<grid<8>>{}, 4, maxsr);
  add_case<16>("gathered64", "64x64x16h4", attention<window<1, 64>>{}, 4, {1, 1, 4096});
  add_case<12>("block8_bias", "64x64x12h4", attention{block<8>{}, bias}, 4, maxsr);
  add_case<12>("grid8_bias", "64x64x12h4", attention{grid<8>{}, bias}, 4, maxsr);
  add_case<12>("adaptive_block_bias", "64x64x12h4", attention{adaptive_block{}, adaptive}, 4, maxsr);
  add_case<12>("adaptive_grid_bias", "64x64x12h4", attention{adaptive_grid{}, adaptive}, 4, maxsr);
  add_case<12>("adaptive_block_bias", "144x256x12h4", attention{adaptive_block{}, adaptive}, 4, {1, 144, 256});
  add_case<32>("adaptive_block_bias", "64x64x32h4", attention{adaptive_block{}, adaptive}, 4, maxsr);
  add("adaptive_block_bias_groups/simd/f32/64x64x12h4",
      [=](benchmark::State& s) { groups<12>(s, attention{adaptive_block{}, adaptive}, attend_case(1, 4, 12, maxsr, 7)); });
  add("adaptive_block_bias_groups/simd/f32/64x64x32h4",
      [=](benchmark::State& s) { groups<32>(s, attention{adaptive_block{}, adaptive}, attend_case(1, 4, 32, maxsr, 7)); });
#if defined(HEDDLE_BENCH_EIGEN)
  add("global/eigen/f32/196x64h12", [](benchmark::State& s) { eigen(s, attention<>{}, attend_case(1, 12, 64, sequence_grid(196), 7)); });
  add("block8/eigen/f32/64x64x16h4", [=](benchmark::State& s) { eigen(s, attention<block<8>>{}, attend_case(1, 4, 16, maxsr, 7)); });
  add("block8/eigen/f32/64x64x12h4", [=](benchmark::State& s) { eigen(s, attention<block<8>>{}, attend_case(1, 4, 12, maxsr, 7)); });
#endif
  return true;
}();

}  // namespace
