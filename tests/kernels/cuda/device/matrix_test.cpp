// Matrix instructions of a warp against their definitions: products of whole matrices whose elements are dealt to the lanes by
// hand, and loads of matrices whose elements are numbered.
#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/matrix.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/launch.cuh>

#include <cmath>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

namespace device = heddle::device;
using device::bf16;
using device::f16;
using heddle::test::in_both_orders;
using heddle::test::on_device;

/// C[16][8] = A[16][16] B[16][8]; every lane takes its elements from global memory.
template <class T>
struct product_16 {
  static constexpr unsigned threads = 32;
  const T* a;
  const T* b;
  float* c;

  HEDDLE_DEVICE std::uint32_t pair(const T* first, const T* second) const {
    return device::pack<T>(device::to_float(device::load_global(first)), device::to_float(device::load_global(second)));
  }
  HEDDLE_DEVICE void operator()() const {
    const unsigned g = device::lane() / 4;
    const unsigned t = 2 * (device::lane() % 4);
    std::uint32_t left[4];
    const T* corner = a + g * 16 + t;
    left[0] = pair(corner, corner + 1);
    left[1] = pair(corner + 8 * 16, corner + 8 * 16 + 1);
    left[2] = pair(corner + 8, corner + 9);
    left[3] = pair(corner + 8 * 16 + 8, corner + 8 * 16 + 9);
    const std::uint32_t low = pair(b + t * 8 + g, b + (t + 1) * 8 + g);
    const std::uint32_t high = pair(b + (t + 8) * 8 + g, b + (t + 9) * 8 + g);
    float sums[4] = {1, 2, 3, 4};  // what was there is added to
    device::mma<T>(sums, left, low, high);
    device::store_global(c + g * 8 + t, sums[0] - 1);
    device::store_global(c + g * 8 + t + 1, sums[1] - 2);
    device::store_global(c + (g + 8) * 8 + t, sums[2] - 3);
    device::store_global(c + (g + 8) * 8 + t + 1, sums[3] - 4);
  }
};

/// C[16][8] = A[16][8] B[8][8] in three products of tf32 parts, nearly as exact as floats.
template <bool Split>
struct product_tf32 {
  static constexpr unsigned threads = 32;
  const float* a;
  const float* b;
  float* c;

  HEDDLE_DEVICE void operator()() const {
    const unsigned g = device::lane() / 4;
    const unsigned t = device::lane() % 4;
    device::tf32_pair left[4];
    for (unsigned r = 0; r < 4; ++r)
      left[r] = device::split_tf32(device::load_global(a + (g + 8 * (r % 2)) * 8 + t + 4 * (r / 2)));
    const auto low = device::split_tf32(device::load_global(b + t * 8 + g));
    const auto high = device::split_tf32(device::load_global(b + (t + 4) * 8 + g));
    std::uint32_t upper[4];
    std::uint32_t lower[4];
    for (unsigned r = 0; r < 4; ++r) {
      upper[r] = left[r].high;
      lower[r] = left[r].low;
    }
    float sums[4] = {};
    if (Split) {
      device::mma<device::tf32>(sums, lower, low.high, high.high);
      device::mma<device::tf32>(sums, upper, low.low, high.low);
    }
    device::mma<device::tf32>(sums, upper, low.high, high.high);
    for (unsigned r = 0; r < 4; ++r) device::store_global(c + (g + 8 * (r / 2)) * 8 + 2 * t + r % 2, sums[r]);
  }
};

/// Loads `N` matrices of 8 x 8 from shared memory and writes each lane's registers.
template <unsigned N, bool Transposed>
struct loads {
  static constexpr unsigned threads = 32;
  const std::uint16_t* in;  // [N, 8, 8]
  std::uint32_t* out;       // [32, N]

  HEDDLE_DEVICE void operator()() const {
    const unsigned lane = device::lane();
    for (unsigned row = lane; row < 8 * N; row += 32) device::copy_async16(device::shared_base() + 16 * row, in + 8 * row);
    device::copy_commit();
    device::copy_wait<0>();
    device::sync_warp();
    std::uint32_t registers[N];
    device::load_matrix<Transposed>(registers, device::shared_base() + lane % (8 * N) * 16);
    for (unsigned m = 0; m < N; ++m) device::store_global(out + lane * N + m, registers[m]);
  }
};

template <class T>
std::vector<T> rounded(const std::vector<float>& values) {
  std::vector<T> out;
  for (const float x : values) out.push_back(T(x));
  return out;
}

template <class T>
double worst_product(const std::vector<T>& a, const std::vector<T>& b, const std::vector<float>& c, unsigned depth) {
  double worst = 0;
  for (unsigned i = 0; i < 16; ++i) {
    for (unsigned j = 0; j < 8; ++j) {
      double sum = 0;
      for (unsigned k = 0; k < depth; ++k) sum += double{a[i * depth + k]} * double{b[k * 8 + j]};
      worst = std::max(worst, std::abs(sum - double{c[i * 8 + j]}));
    }
  }
  return worst;
}

template <class T>
void check_product() {
  const auto a = rounded<T>(heddle::test::normal_vector(16 * 16, 1));
  const auto b = rounded<T>(heddle::test::normal_vector(16 * 8, 2));
  on_device<T> left(a);
  on_device<T> right(b);
  on_device<float> to(std::vector<float>(16 * 8));
  in_both_orders([&] { device::launch({}, 1, 0, product_16<T>{left.data(), right.data(), to.data()}); });
  CHECK(worst_product(a, b, to.to_host(), 16) < 1e-5);
}

template <unsigned N, bool Transposed>
void check_loads() {
  std::vector<std::uint16_t> in(N * 64);
  for (unsigned i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint16_t>(3 * i + 7);
  on_device<std::uint16_t> from(in);
  on_device<std::uint32_t> to(std::vector<std::uint32_t>(32 * N));
  in_both_orders([&] { device::launch({}, 1, N * 128, loads<N, Transposed>{from.data(), to.data()}); });
  const auto out = to.to_host();
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned m = 0; m < N; ++m) {
      for (unsigned half = 0; half < 2; ++half) {
        const unsigned row = Transposed ? 2 * (lane % 4) + half : lane / 4;
        const unsigned column = Transposed ? lane / 4 : 2 * (lane % 4) + half;
        REQUIRE((out[lane * N + m] >> (16 * half) & 0xffff) == in[m * 64 + row * 8 + column]);
      }
    }
  }
}

}  // namespace

TEST_CASE("device: products of 16-bit numbers") {
  check_product<bf16>();
  check_product<f16>();
}

TEST_CASE("device: products of tf32, and of floats as three of them") {
  const auto a = heddle::test::normal_vector(16 * 8, 3);
  const auto b = heddle::test::normal_vector(8 * 8, 4);
  on_device<float> left(a);
  on_device<float> right(b);
  on_device<float> to(std::vector<float>(16 * 8));
  in_both_orders([&] { device::launch({}, 1, 0, product_tf32<false>{left.data(), right.data(), to.data()}); });
  const double one = worst_product(a, b, to.to_host(), 8);
  CHECK(one > 1e-5);
  CHECK(one < 1e-2);
  in_both_orders([&] { device::launch({}, 1, 0, product_tf32<true>{left.data(), right.data(), to.data()}); });
  CHECK(worst_product(a, b, to.to_host(), 8) < 4e-6);
}

TEST_CASE("device: matrices loaded from shared memory, plain and transposed") {
  check_loads<1, false>();
  check_loads<1, true>();
  check_loads<2, false>();
  check_loads<2, true>();
  check_loads<4, false>();
  check_loads<4, true>();
}
