#include "peak.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace examples {
namespace {

using steady = std::chrono::steady_clock;

constexpr std::size_t chains = 12;  // independent accumulators: enough for two units with a latency of five or six cycles
constexpr std::size_t rounds = 4096;

template <std::size_t Lanes>
struct vector_of {
  typedef float type __attribute__((vector_size(Lanes * sizeof(float))));
};

/// Operations of one call of a kernel below.
constexpr double operations(std::size_t lanes) noexcept { return 2.0 * static_cast<double>(lanes * chains * rounds); }

// The same twelve chains for each vector length; written once and compiled for three instruction sets. The factor is below one,
// so that the values stay normal numbers.
#define HEDDLE_EXAMPLES_FMA_CHAINS(lanes)                                                     \
  using vec = vector_of<lanes>::type;                                                         \
  const vec f = vec{} + factor;                                                               \
  const vec s = vec{} + 1.0F;                                                                 \
  vec a = s, b = s + 1.0F, c = s + 2.0F, d = s + 3.0F, e = s + 4.0F, g = s + 5.0F;            \
  vec h = s + 6.0F, i = s + 7.0F, j = s + 8.0F, k = s + 9.0F, l = s + 10.0F, m = s + 11.0F;   \
  for (std::size_t round = 0; round < rounds; ++round) {                                      \
    a = a * f + s, b = b * f + s, c = c * f + s, d = d * f + s, e = e * f + s, g = g * f + s; \
    h = h * f + s, i = i * f + s, j = j * f + s, k = k * f + s, l = l * f + s, m = m * f + s; \
  }                                                                                           \
  const vec sum = a + b + c + d + e + g + h + i + j + k + l + m;                              \
  return sum[0]

float chains_plain(float factor) { HEDDLE_EXAMPLES_FMA_CHAINS(4); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float chains_avx2(float factor) { HEDDLE_EXAMPLES_FMA_CHAINS(8); }
__attribute__((target("avx512f"))) float chains_avx512(float factor) { HEDDLE_EXAMPLES_FMA_CHAINS(16); }
#endif
#undef HEDDLE_EXAMPLES_FMA_CHAINS

struct kernel_choice {
  float (*run)(float);
  std::size_t lanes;
};

kernel_choice widest_kernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    return {chains_avx512, 16};
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return {chains_avx2, 8};
  }
#endif
  return {chains_plain, 4};
}

double seconds_since(steady::time_point start) { return std::chrono::duration<double>(steady::now() - start).count(); }

/// Operations per second of one thread over about 60 ms.
double one_thread(kernel_choice kernel) {
  static volatile float factor = 0.5F;
  volatile float sink = 0.0F;
  const auto start = steady::now();
  double done = 0.0;
  while (seconds_since(start) < 0.06) {
    sink = kernel.run(factor);
    done += operations(kernel.lanes);
  }
  static_cast<void>(sink);
  return done / seconds_since(start);
}

}  // namespace

double measured_peak(std::size_t threads) {
  const kernel_choice kernel = widest_kernel();
  double best = 0.0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::vector<double> rates(std::max<std::size_t>(threads, 1));
    {
      std::vector<std::jthread> pool;
      for (double& rate : rates) {
        pool.emplace_back([&rate, kernel] { rate = one_thread(kernel); });
      }
    }
    double sum = 0.0;
    for (const double rate : rates) {
      sum += rate;
    }
    best = std::max(best, sum);
  }
  return best;
}

std::size_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace examples
