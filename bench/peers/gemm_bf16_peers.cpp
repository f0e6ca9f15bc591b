// C = A * B in bfloat16 with float sums, one thread: Heddle's product with a bf16_weight and oneDNN's, in turns.
//
//     gemm_bf16_peers [filter [rounds]]
//
// oneDNN takes rows and gives results in bfloat16, weights in the layout that it chooses. Heddle does the same, and also reads
// and writes floats. All results are compared with a float64 sum before anything is timed. See gemm_peers.cpp for a newer oneDNN.

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "heddle/simd/gemm_bf16.hpp"
#include "timing.hpp"

namespace {

using heddle::bfloat16;

struct problem {
  std::size_t m, n, k;
  std::string name() const { return "gemm " + std::to_string(m) + 'x' + std::to_string(n) + 'x' + std::to_string(k); }
  double flop() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
};

constexpr problem problems[] = {
    {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {196, 2304, 768}, {196, 768, 3072}, {196, 3072, 768},
    {196, 768, 768}, {320, 768, 768}, {3136, 96, 96},  {3136, 288, 96},    {65536, 40, 40},  {65536, 160, 40}, {32, 384, 384},
    {32, 1536, 384}, {128, 384, 384}, {1, 4096, 4096}, {49, 49, 32},       {196, 196, 64},   {196, 64, 196},   {64, 64, 16},
};

template <class T>
using matrix = heddle::tensor<T, heddle::dynamic_extents<2>>;

template <class T>
matrix<T> random_matrix(std::size_t rows, std::size_t columns) {
  matrix<T> a(heddle::dynamic_extents<2>(rows, columns));
  for (std::size_t i = 0; i < rows * columns; ++i)
    a.data()[i] = T(static_cast<float>(std::rand() % 257 - 128) / 128);  // exact in bfloat16
  return a;
}

template <class T>
void check(const char* who, const problem& p, const bfloat16* a, const float* weight, const T* result) {
  const std::size_t rows[] = {0, p.m / 2, p.m - 1};
  for (const std::size_t i : rows)
    for (std::size_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < p.k; ++k)
        sum += static_cast<double>(static_cast<float>(a[i * p.k + k])) * static_cast<double>(weight[j * p.k + k]);
      const double got = static_cast<double>(static_cast<float>(result[i * p.n + j]));
      if (!(std::abs(sum - got) <= 1e-2 * std::sqrt(static_cast<double>(p.k)))) {
        std::fprintf(stderr, "%s: %s is wrong\n", p.name().c_str(), who);
        std::exit(1);
      }
    }
}

/// Everything that oneDNN needs to run one product again and again.
class onednn_product {
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul product_;
  dnnl::memory c_;
  std::unordered_map<int, dnnl::memory> arguments_;

 public:
  onednn_product(const problem& p, bfloat16* a, float* weight) {
    using dnnl::memory;
    const auto m = static_cast<memory::dim>(p.m), n = static_cast<memory::dim>(p.n), k = static_cast<memory::dim>(p.k);
    const auto bf16 = memory::data_type::bf16;
    const auto plain = memory::format_tag::ab;
    const memory::desc rows_a({m, k}, bf16, plain), rows_c({m, n}, bf16, plain), any_b({k, n}, bf16, memory::format_tag::any);
    const memory::desc given({k, n}, memory::data_type::f32, memory::format_tag::ba);  // [outputs, inputs]
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc description(engine_, rows_a, any_b, rows_c);
#else
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(rows_a, any_b, rows_c), engine_);
#endif
    memory given_b(given, engine_, weight);
    memory own_b(description.weights_desc(), engine_);
    dnnl::reorder(given_b, own_b).execute(stream_, given_b, own_b);
    stream_.wait();
    product_ = dnnl::matmul(description);
    c_ = memory(rows_c, engine_);
    arguments_ = {{DNNL_ARG_SRC, memory(rows_a, engine_, a)}, {DNNL_ARG_WEIGHTS, own_b}, {DNNL_ARG_DST, c_}};
  }
  void operator()() {
    product_.execute(stream_, arguments_);
    stream_.wait();
  }
  const bfloat16* result() const { return static_cast<const bfloat16*>(c_.get_data_handle()); }
};

void report(const char* who, const problem& p, const peers::sample_times& t) {
  std::printf(
      "{\"peer\": \"%s\", \"case\": \"%s\", \"dtype\": \"bf16\", \"threads\": 1, \"ns_per_iter_min\": %.0f, "
      "\"ns_per_iter_median\": %.0f, "
      "\"gflops\": %.2f}\n",
      who, p.name().c_str(), t.minimum, t.median, p.flop() / t.minimum);
}

void time_problem(const problem& p, int rounds) {
  matrix<bfloat16> a = random_matrix<bfloat16>(p.m, p.k);
  matrix<float> weight = random_matrix<float>(p.n, p.k);
  matrix<float> wide_a(heddle::dynamic_extents<2>(p.m, p.k));
  for (std::size_t i = 0; i < p.m * p.k; ++i) wide_a.data()[i] = a.data()[i];
  matrix<bfloat16> c(heddle::dynamic_extents<2>(p.m, p.n));
  matrix<float> wide_c(heddle::dynamic_extents<2>(p.m, p.n));
  const auto prepared = heddle::prepare_bf16(heddle::simd{}, as_rows(weight.view()));
  const heddle::workspace scratch(gemm_bytes(heddle::simd{}, prepared, p.m));
  const auto context = [&] { return heddle::context<heddle::simd>{{}, scratch.scratch()}; };
  const auto narrow = [&] { heddle::gemm(context(), as_rows(a.view()), prepared, as_rows(c.view())); };
  const auto wide = [&] { heddle::gemm(context(), as_rows(wide_a.view()), prepared, as_rows(wide_c.view())); };
  onednn_product other(p, a.data(), weight.data());
  narrow();
  wide();
  other();
  check("heddle", p, a.data(), weight.data(), c.data());
  check("heddle on floats", p, a.data(), weight.data(), wide_c.data());
  check("onednn", p, a.data(), weight.data(), other.result());
  peers::sample_times best[3];
  for (int round = 0; round < rounds; ++round) {
    const peers::sample_times t[] = {peers::measure(narrow, 0.03), peers::measure(wide, 0.03),
                                     peers::measure([&] { other(); }, 0.03)};
    for (std::size_t i = 0; i < 3; ++i)
      if (round == 0 || t[i].minimum < best[i].minimum) best[i] = t[i];
  }
  report("heddle", p, best[0]);
  report("heddle, float rows and results", p, best[1]);
  report("onednn", p, best[2]);
  std::fprintf(stderr, "%-22s heddle / onednn packed: speed %.2f\n", p.name().c_str(), best[2].minimum / best[0].minimum);
}

}  // namespace

int main(int argc, char** argv) {
  setenv("OMP_NUM_THREADS", "1", 1);
  const char* filter = argc > 1 ? argv[1] : "";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  for (const problem& p : problems)
    if (std::strstr(p.name().c_str(), filter) != nullptr) time_problem(p, rounds);
  return 0;
}
