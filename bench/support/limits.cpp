// The method: many independent accumulators in registers, a few milliseconds at a time, the best of many samples.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own AVX-512 header
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "limits.hpp"

#include <heddle/simd/vec.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

#if defined(__AVX512BF16__) || defined(__AMX_BF16__)
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#define HEDDLE_BENCH_AMX 1
#endif

namespace heddle::bench {

namespace {

using v = vec<isa::native>;
using clock_type = std::chrono::steady_clock;

double nanoseconds(clock_type::duration d) { return std::chrono::duration<double, std::nano>(d).count(); }

/// Least nanoseconds per iteration of `body(iterations)`.
template <class F>
double best_time(F body, double target = 2e6, int samples = 15) {
  long n = 16;
  for (;;) {
    const auto start = clock_type::now();
    body(n);
    const double t = nanoseconds(clock_type::now() - start);
    if (t > target / 4) {
      n = std::max(1L, static_cast<long>(static_cast<double>(n) * target / t));
      break;
    }
    n *= 4;
  }
  double best = 1e300;
  for (int i = 0; i < samples; ++i) {
    const auto start = clock_type::now();
    body(n);
    best = std::min(best, nanoseconds(clock_type::now() - start) / static_cast<double>(n));
  }
  return best;
}

/// The compiler must believe that the values are used.
template <class T>
void keep(T* values, std::size_t count) {
#if defined(__GNUC__) || defined(__clang__)
  for (std::size_t i = 0; i < count; ++i) asm volatile("" : : "m"(values[i]) : "memory");
#else
  volatile T sink = values[count - 1];
  static_cast<void>(sink);
#endif
}

constexpr std::size_t accumulators = std::is_same_v<isa::native, isa::avx512> ? 16 : 12;

void multiply_adds(long n) {
  v sums[accumulators];
  for (v& s : sums) s = v::zero();
  v a(1.0F), b(0.5F);
#if defined(__GNUC__) || defined(__clang__)
  asm volatile("" : "+m"(a), "+m"(b));
#endif
  for (long i = 0; i < n; ++i) {
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < 4; ++r) {
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < accumulators; ++j) sums[j] = fma(a, b, sums[j]);
    }
  }
  keep(sums, accumulators);
}

#if defined(__AVX512BF16__)
void bf16_dots(long n) {
  __m512 sums[16];
  for (__m512& s : sums) s = _mm512_setzero_ps();
  __m512i bits = _mm512_set1_epi32(0x3f803f80);
  asm volatile("" : "+m"(bits));
  const __m512bh a = (__m512bh)bits;  // NOLINT: the intrinsics know no other conversion
  for (long i = 0; i < n; ++i) {
    HEDDLE_UNROLL
    for (std::size_t r = 0; r < 4; ++r) {
      HEDDLE_UNROLL
      for (std::size_t j = 0; j < 16; ++j) sums[j] = _mm512_dpbf16_ps(sums[j], a, a);
    }
  }
  keep(sums, 16);
}
#endif

#if defined(HEDDLE_BENCH_AMX)
struct alignas(64) tile_shapes {
  unsigned char palette = 1, start = 0, reserved[14] = {};
  unsigned short bytes_per_row[16] = {};
  unsigned char rows[16] = {};
};

/// The system hands the tile registers out on request.
bool amx_allowed() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

void amx_products(long n) {
  tile_shapes shapes;
  for (int i = 0; i < 8; ++i) {
    shapes.bytes_per_row[i] = 64;
    shapes.rows[i] = 16;
  }
  asm volatile("" : "+m"(shapes));  // GCC 12 believes that only the first bytes are read
  _tile_loadconfig(&shapes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (long i = 0; i < n; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}
#endif

/// GB/s of reading `count` floats again and again.
double read_rate(const std::vector<float>& values, std::size_t count) {
  const auto pass = [&](long n) {
    v sums[8];
    for (v& s : sums) s = v::zero();
    for (long i = 0; i < n; ++i) {
      for (const float* p = values.data(); p < values.data() + count; p += 8 * v::size) {
        HEDDLE_UNROLL
        for (std::size_t j = 0; j < 8; ++j) sums[j] += v::load(p + j * v::size);
      }
      keep(sums, 1);
    }
    keep(sums, 8);
  };
  return static_cast<double>(count * sizeof(float)) / best_time(pass, count > (std::size_t{1} << 22) ? 3e7 : 2e6, 9);
}

}  // namespace

double machine_limits::peak(const std::string& dtype) const {
  const double dots = std::max(bf16_dot, bf16_amx);
  return dtype == "bf16" && dots > 0 ? dots : f32;
}

machine_limits measure_limits() {
  machine_limits m;
  m.f32 = 2.0 * 4 * static_cast<double>(accumulators * v::size) / best_time(multiply_adds);
#if defined(__AVX512BF16__)
  m.bf16_dot = 2.0 * 4 * 16 * 32 / best_time(bf16_dots);
#endif
#if defined(HEDDLE_BENCH_AMX)
  if (amx_allowed()) m.bf16_amx = 4.0 * 2 * 16 * 16 * 32 / best_time(amx_products);
#endif
  const std::vector<float> values(std::size_t{64} << 20U, 1.0F);  // 256 MiB
  m.read_l1 = read_rate(values, std::size_t{4} << 10U);
  m.read_l2 = read_rate(values, std::size_t{64} << 10U);
  m.read_memory = read_rate(values, values.size());
  return m;
}

machine_limits better(const machine_limits& a, const machine_limits& b) {
  return {std::max(a.f32, b.f32),         std::max(a.bf16_dot, b.bf16_dot), std::max(a.bf16_amx, b.bf16_amx),
          std::max(a.read_l1, b.read_l1), std::max(a.read_l2, b.read_l2),   std::max(a.read_memory, b.read_memory)};
}

const machine_limits& limits() {
  static const machine_limits measured = measure_limits();
  return measured;
}

}  // namespace heddle::bench
