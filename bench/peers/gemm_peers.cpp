// C = A * B in f32, one thread: Heddle's packed product and oneDNN's, in turns on the same matrices.
//
//     gemm_peers [filter [rounds]]
//
// oneDNN is given its best form: the layout of the weights is its own choice (format_tag::any), made before the timing; and, for
// comparison, weights in plain row-major order. The cases are products of transformers, `gemm MxNxK`. Both results are compared
// with a float64 sum before anything is timed.
//
// Debian's oneDNN is of 2022; a newer one is in the wheels onednn-cpu-gomp and onednn-devel-cpu-gomp (unpack both into one folder):
//     g++ -std=c++20 -O3 -march=native -Iinclude -Ikernels -I DIR/include gemm_peers.cpp DIR/lib/libdnnl.so -o gemm_peers

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "heddle/backend/simd.hpp"
#include "timing.hpp"

namespace {

struct problem {
  std::size_t m, n, k;
  std::string name() const { return "gemm " + std::to_string(m) + 'x' + std::to_string(n) + 'x' + std::to_string(k); }
  double flop() const { return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
};

constexpr problem problems[] = {
    {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {196, 2304, 768}, {196, 768, 3072}, {196, 3072, 768},
    {196, 768, 768}, {320, 768, 768}, {3136, 96, 96},  {3136, 288, 96},    {65536, 40, 40},  {65536, 160, 40}, {32, 384, 384},
    {32, 1536, 384}, {128, 384, 384}, {1, 4096, 4096}, {49, 49, 32},       {196, 196, 64},   {196, 64, 196},   {64, 64, 16},
    {4096, 192, 48}, {4096, 48, 192}, {4096, 144, 48}, {4096, 48, 48},  // MaxSR-light's
};

std::vector<float> random_values(std::size_t count) {
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(std::rand() % 2001 - 1000) / 1000;
  return v;
}

/// A product to be timed, and where its result lies.
struct contestant {
  std::string name;
  std::function<void()> run;
  const float* result;
};

/// B is [k, n]; Heddle's weights are [outputs, inputs] as the field stores them.
std::vector<float> transposed(const std::vector<float>& b, const problem& p) {
  std::vector<float> t(b.size());
  for (std::size_t i = 0; i < p.k; ++i)
    for (std::size_t j = 0; j < p.n; ++j) t[j * p.k + i] = b[i * p.n + j];
  return t;
}

void check(const contestant& c, const problem& p, const std::vector<float>& a, const std::vector<float>& b) {
  c.run();
  const std::size_t rows[] = {0, p.m / 2, p.m - 1};
  for (const std::size_t i : rows)
    for (std::size_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < p.k; ++k) sum += static_cast<double>(a[i * p.k + k]) * static_cast<double>(b[k * p.n + j]);
      if (std::abs(sum - static_cast<double>(c.result[i * p.n + j])) > 1e-5 * static_cast<double>(p.k)) {
        std::fprintf(stderr, "%s: %s is wrong\n", p.name().c_str(), c.name.c_str());
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
  onednn_product(const problem& p, std::vector<float>& a, std::vector<float>& b, bool packed) {
    using dnnl::memory;
    const auto m = static_cast<memory::dim>(p.m), n = static_cast<memory::dim>(p.n), k = static_cast<memory::dim>(p.k);
    const auto f32 = memory::data_type::f32;
    const auto plain = memory::format_tag::ab;
    const memory::desc rows_a({m, k}, f32, plain), rows_b({k, n}, f32, plain), rows_c({m, n}, f32, plain);
    const memory::desc any_b({k, n}, f32, packed ? memory::format_tag::any : plain);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc description(engine_, rows_a, any_b, rows_c);
#else
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(rows_a, any_b, rows_c), engine_);
#endif
    memory given_b(rows_b, engine_, b.data());
    memory own_b(description.weights_desc(), engine_);
    dnnl::reorder(given_b, own_b).execute(stream_, given_b, own_b);
    stream_.wait();
    product_ = dnnl::matmul(description);
    c_ = memory(rows_c, engine_);
    arguments_ = {{DNNL_ARG_SRC, memory(rows_a, engine_, a.data())}, {DNNL_ARG_WEIGHTS, own_b}, {DNNL_ARG_DST, c_}};
  }
  void operator()() {
    product_.execute(stream_, arguments_);
    stream_.wait();
  }
  const float* result() const { return static_cast<const float*>(c_.get_data_handle()); }
};

void time_problem(const problem& p, int rounds) {
  std::vector<float> a = random_values(p.m * p.k);
  std::vector<float> b = random_values(p.k * p.n);
  heddle::tensor<float, heddle::dynamic_extents<2>> c(heddle::dynamic_extents<2>(p.m, p.n));
  const std::vector<float> weight = transposed(b, p);
  const auto prepared = heddle::prepare_dense(heddle::simd{}, heddle::make_matrix(weight.data(), p.n, p.k));
  const heddle::workspace scratch(std::size_t{1} << 22);
  const auto x = heddle::make_matrix<const float>(a.data(), p.m, p.k);
  onednn_product packed(p, a, b, true);
  onednn_product plain(p, a, b, false);
  const std::string version = "onednn " + std::to_string(DNNL_VERSION_MAJOR) + '.' + std::to_string(DNNL_VERSION_MINOR);
  const contestant contestants[] = {
      {"heddle packed",
       [&] { heddle::gemm(heddle::context<heddle::simd>{{}, scratch.scratch()}, x, prepared, as_rows(c.view())); }, c.data()},
      {version + " packed", [&] { packed(); }, packed.result()},
      {version, [&] { plain(); }, plain.result()},
  };
  peers::sample_times best[std::size(contestants)];
  for (const contestant& one : contestants) check(one, p, a, b);
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < std::size(contestants); ++i) {
      const peers::sample_times t = peers::measure(contestants[i].run, 0.03);
      if (round == 0 || t.minimum < best[i].minimum) best[i] = t;
    }
  for (std::size_t i = 0; i < std::size(contestants); ++i) peers::report(contestants[i].name, p.name(), 1, p.flop(), best[i]);
  std::fprintf(stderr, "%-22s heddle / onednn packed: speed %.2f\n", p.name().c_str(), best[1].minimum / best[0].minimum);
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
