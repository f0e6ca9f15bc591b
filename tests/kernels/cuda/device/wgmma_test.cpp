// Products of a warpgroup against their definition: every swizzle, both orders of the operands, A in registers.
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/wgmma.cuh>
#include <heddle/cuda/launch.cuh>

#include <cmath>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

#if HEDDLE_CUDA_EMULATED || defined(HEDDLE_TEST_SM90A)

namespace {

namespace device = heddle::device;
using device::bf16;
using device::swizzle;
using heddle::test::in_both_orders;
using heddle::test::on_device;

/// C[64][N] = A[64][K] B[K][N] by one warpgroup; operands stored in shared memory by ordinary stores where their layout
/// puts them.
template <class T, unsigned N, bool TransposedA, bool TransposedB, bool Registers>
struct product {
  static constexpr unsigned threads = 128;
  static constexpr unsigned depth = 32;  // two steps
  const T* a;                            // [64][depth]
  const T* b;                            // [depth][N]
  float* c;
  swizzle mode;

  /// Puts element (row of M or N, k) of an operand with `rows` rows where it belongs; gives the descriptor and the step.
  HEDDLE_DEVICE std::uint64_t put(device::shared_address base, const T* from, unsigned row_step, unsigned k_step, unsigned rows,
                                  bool transposed, std::uint32_t& advance) const {
    const unsigned span = device::span_bytes(mode);
    const unsigned block = 8 * span;  // 8 rows of a span
    unsigned leading = 0;
    unsigned stride = 0;
    if (mode == swizzle::none) {
      stride = 128;              // along M or N
      leading = rows / 8 * 128;  // along k
      advance = 2 * leading;
    } else if (transposed) {
      stride = block;               // along k
      leading = depth / 8 * block;  // along M or N
      advance = 2 * stride;
    } else {
      stride = block * (depth * 2 > span ? depth * 2 / span : 1);
      advance = 32;
    }
    for (unsigned i = device::thread(); i < rows * depth; i += threads) {
      const unsigned row = i / depth;
      const unsigned k = i % depth;
      unsigned at = 0;
      if (mode == swizzle::none) {
        at = row / 8 * stride + k / 8 * leading + (transposed ? row % 8 * 2 + k % 8 * 16 : row % 8 * 16 + k % 8 * 2);
      } else if (transposed) {
        at = row * 2 % span + row * 2 / span * leading + k % 8 * span + k / 8 * stride;
      } else {
        at = row % 8 * span + row / 8 * stride + k * 2 % span + k * 2 / span * block;
      }
      if (mode != swizzle::none && !transposed && depth * 2 > span) advance = block;  // a step is a block of its own
      device::shared_store(device::swizzled(base + at, mode), device::load_global(from + row * row_step + k * k_step));
    }
    return device::matrix_descriptor(base, leading, stride, mode);
  }

  HEDDLE_DEVICE void operator()() const {
    std::uint32_t step_a = 0;
    std::uint32_t step_b = 0;
    const auto left = put(device::shared_base(), a, depth, 1, 64, TransposedA, step_a);
    const auto right = put(device::shared_base() + 16384, b, 1, N, N, TransposedB, step_b);
    device::fence_async_proxy();
    device::sync_block();
    device::accumulator<N> sums;
    sums.clear();
    const unsigned row = device::warp() * 16 + device::lane() / 4;
    const unsigned t = 2 * (device::lane() % 4);
    std::uint32_t registers[depth / 16][4];
    for (unsigned i = 0; i < depth / 4; ++i) {
      const T* from = a + (row + 8 * (i % 2)) * depth + i / 4 * 16 + t + 8 * (i / 2 % 2);
      registers[i / 4][i % 4] =
          device::pack<T>(device::to_float(device::load_global(from)), device::to_float(device::load_global(from + 1)));
    }
    device::wgmma_fence();
    for (unsigned step = 0; step < depth / 16; ++step) {
      if constexpr (Registers) {
        device::wgmma_rs<T, N, TransposedB>(sums, registers[step], device::advanced(right, step * step_b), true);
      } else {
        device::wgmma_ss<T, N, TransposedA, TransposedB>(sums, device::advanced(left, step * step_a),
                                                         device::advanced(right, step * step_b), step != 0);
      }
    }
    device::wgmma_commit();
    device::wgmma_wait<0>(sums);
    for (unsigned i = 0; i < device::accumulator<N>::size; ++i) {
      device::store_global(c + (row + 8 * (i / 2 % 2)) * N + i / 4 * 8 + t + i % 2, sums[i]);
    }
  }
};

template <class T, unsigned N, bool TransposedA, bool TransposedB, bool Registers = false>
void check_product() {
  std::vector<T> a;
  std::vector<T> b;
  for (const float x : heddle::test::normal_vector(64 * 32, 1)) a.push_back(T(x));
  for (const float x : heddle::test::normal_vector(32 * N, 2)) b.push_back(T(x));
  on_device<T> left(a);
  on_device<T> right(b);
  on_device<float> to(std::vector<float>(64 * N));
  for (const auto mode : {swizzle::none, swizzle::bytes_32, swizzle::bytes_64, swizzle::bytes_128}) {
    const product<T, N, TransposedA, TransposedB, Registers> kernel{left.data(), right.data(), to.data(), mode};
    in_both_orders([&] { device::launch({}, 1, 48 * 1024, kernel); });
    const auto c = to.to_host();
    double worst = 0;
    for (unsigned i = 0; i < 64; ++i) {
      for (unsigned j = 0; j < N; ++j) {
        double sum = 0;
        for (unsigned k = 0; k < 32; ++k) sum += double{a[i * 32 + k]} * double{b[k * N + j]};
        const double difference = std::abs(sum - double{c[i * N + j]});
        worst = difference <= worst ? worst : difference;
      }
    }
    INFO("swizzle " << static_cast<int>(mode));
    CHECK(worst < 1e-4);
  }
}

}  // namespace

TEST_CASE("device: products of a warpgroup, operands along k") {
  check_product<bf16, 64, false, false>();
  check_product<device::f16, 8, false, false>();
}

TEST_CASE("device: products of a warpgroup, operands along M and N") {
  check_product<bf16, 128, true, true>();
  check_product<device::f16, 64, true, false>();
}

TEST_CASE("device: products of a warpgroup, A in registers") {
  check_product<bf16, 128, false, true, true>();
  check_product<device::f16, 96, false, false, true>();
}

#else

TEST_CASE("device: products of a warpgroup take code for sm_90a") { SUCCEED("not compiled for it"); }

#endif
