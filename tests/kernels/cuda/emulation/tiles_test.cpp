// Tiles of the tensor map engine and products of warpgroups against their definitions: every swizzle, both orders of operands.
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/tiles.cuh>
#include <heddle/cuda/device/wgmma.cuh>
#include <heddle/cuda/launch.cuh>

#include <cmath>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

namespace {

using Catch::Matchers::Contains;
namespace device = heddle::device;
namespace emulation = heddle::device::emulation;
using device::bf16;
using device::swizzle;

/// Loads one box, writes it as it lies in shared memory, and stores it to a second tensor.
template <unsigned Rank>
struct box_copy {
  static constexpr unsigned threads = 32;
  device::tensor_map from;
  device::tensor_map to;
  int at[Rank];
  int back[Rank];
  unsigned bytes;
  std::uint32_t* raw;

  HEDDLE_DEVICE void operator()() const {
    const device::shared_address barrier = device::shared_base();
    const device::shared_address tile = barrier + 1024;
    if (device::thread() == 0) {
      device::mbarrier_init(barrier, 1);
      device::fence_mbarrier_init();
      device::mbarrier_arrive_expect(barrier, bytes);
      device::tile_load(tile, from, barrier, at);
    }
    device::sync_block();
    device::mbarrier_wait(barrier, 0);
    for (unsigned i = device::thread(); i < bytes / 4; i += threads) device::store_global(raw + i, device::shared_load<std::uint32_t>(tile + 4 * i));
    if (device::thread() == 0) {
      device::tile_store(to, back, tile);
      device::tile_store_commit();
      device::tile_store_wait<0>();
    }
  }
};

void check_box(swizzle mode, unsigned inner) {
  const unsigned width = 72;
  const unsigned height = 20;
  std::vector<bf16> in(width * height);
  for (unsigned i = 0; i < in.size(); ++i) in[i].bits = static_cast<std::uint16_t>(i + 1);
  std::vector<bf16> out(width * height);
  const unsigned rows = 8;
  std::vector<std::uint32_t> raw(inner * rows / 2);
  const emulation::exposed a(in), b(out), c(raw);
  const std::uint64_t extents[] = {width, height};
  const std::uint64_t strides[] = {width * 2};
  const std::uint32_t box[] = {inner, rows};
  const auto from = device::make_tensor_map(in.data(), extents, strides, box, mode);
  const auto to = device::make_tensor_map(out.data(), extents, strides, box, mode);
  const int x = static_cast<int>(width - inner) + 3;   // hangs over both edges
  const int y = -2;
  device::launch(nullptr, 1, 1024 + inner * rows * 2, box_copy<2>{from, to, {x, y}, {x - 16, y + 5}, inner * rows * 2, raw.data()});
  const unsigned span = device::span_bytes(mode);
  for (unsigned r = 0; r < rows; ++r) {
    for (unsigned i = 0; i < inner; ++i) {
      const int column = x + static_cast<int>(i);
      const int row = y + static_cast<int>(r);
      const bool inside = column < static_cast<int>(width) && row >= 0;
      const unsigned value = inside ? static_cast<unsigned>(row) * width + static_cast<unsigned>(column) + 1 : 0;
      const unsigned byte = (r * inner + i) * 2;   // in the plain tile
      unsigned permuted = byte;
      if (span > 16) permuted = byte / 16 % (span / 16) ^ byte / 128 % (span / 16);   // the piece within its span
      if (span > 16) permuted = byte / span * span + permuted * 16 + byte % 16;
      REQUIRE((raw[permuted / 4] >> (8 * (permuted % 4)) & 0xffff) == value);
      const int back_row = row + 5;
      const int back_column = column - 16;
      if (back_row < 0 || back_row >= static_cast<int>(height) || back_column < 0 || back_column >= static_cast<int>(width)) continue;
      REQUIRE(out[static_cast<unsigned>(back_row) * width + static_cast<unsigned>(back_column)].bits == value);
    }
  }
}

/// C[64][N] = A[64][K] B[K][N] by one warpgroup; operands stored in shared memory by ordinary stores where their layout
/// puts them.
template <class T, unsigned N, bool TransposedA, bool TransposedB, bool Registers>
struct product {
  static constexpr unsigned threads = 128;
  static constexpr unsigned depth = 32;   // two steps
  const T* a;   // [64][depth]
  const T* b;   // [depth][N]
  float* c;
  swizzle mode;

  /// Puts element (row of M or N, k) of an operand with `rows` rows where it belongs; gives the descriptor and the step.
  HEDDLE_DEVICE std::uint64_t put(device::shared_address base, const T* from, unsigned row_step, unsigned k_step, unsigned rows,
                                  bool transposed, std::uint32_t& advance) const {
    const unsigned span = device::span_bytes(mode);
    const unsigned block = 8 * span;   // 8 rows of a span
    unsigned leading = 0;
    unsigned stride = 0;
    if (mode == swizzle::none) {
      stride = 128;                       // along M or N
      leading = rows / 8 * 128;           // along k
      advance = 2 * leading;
    } else if (transposed) {
      stride = block;                     // along k
      leading = depth / 8 * block;        // along M or N
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
      if (mode != swizzle::none && !transposed && depth * 2 > span) advance = block;   // a step is a block of its own
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
      registers[i / 4][i % 4] = device::pack<T>(device::to_float(device::load_global(from)), device::to_float(device::load_global(from + 1)));
    }
    device::wgmma_fence();
    for (unsigned step = 0; step < depth / 16; ++step) {
      if constexpr (Registers) {
        device::wgmma_rs<T, N, TransposedB>(sums, registers[step], device::advanced(right, step * step_b), true);
      } else {
        device::wgmma_ss<T, N, TransposedA, TransposedB>(sums, device::advanced(left, step * step_a), device::advanced(right, step * step_b), step != 0);
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
  std::vector<float> c(64 * N);
  const emulation::exposed ka(a), kb(b), kc(c);
  for (const auto mode : {swizzle::none, swizzle::bytes_32, swizzle::bytes_64, swizzle::bytes_128}) {
    device::launch(nullptr, 1, 48 * 1024, product<T, N, TransposedA, TransposedB, Registers>{a.data(), b.data(), c.data(), mode});
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

TEST_CASE("emulation: tiles are copied, permuted and cut at the tensor's edges") {
  check_box(swizzle::none, 64);
  check_box(swizzle::bytes_128, 64);
  check_box(swizzle::bytes_64, 32);
  check_box(swizzle::bytes_32, 16);
}

TEST_CASE("emulation: tiles of four axes") {
  std::vector<float> in(8 * 6 * 5 * 4);
  for (unsigned i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i + 1);
  std::vector<float> out(in.size());
  std::vector<std::uint32_t> raw(4 * 3 * 2 * 2);
  const emulation::exposed a(in), b(out), c(raw);
  const std::uint64_t extents[] = {8, 6, 5, 4};
  const std::uint64_t strides[] = {32, 192, 960};
  const std::uint32_t box[] = {4, 3, 2, 2};
  const auto from = device::make_tensor_map(in.data(), extents, strides, box, swizzle::none);
  const auto to = device::make_tensor_map(out.data(), extents, strides, box, swizzle::none);
  device::launch(nullptr, 1, 2048, box_copy<4>{from, to, {4, 1, 3, 2}, {4, 1, 3, 2}, 192, raw.data()});
  for (unsigned i = 0; i < 48; ++i) {
    const unsigned at = 4 + i % 4 + 8 * (1 + i / 4 % 3 + 6 * (3 + i / 12 % 2 + 5 * (2 + i / 24)));
    REQUIRE(std::bit_cast<float>(raw[i]) == in[at]);
    REQUIRE(out[at] == in[at]);
  }
}

TEST_CASE("emulation: products of a warpgroup, operands along k") {
  check_product<bf16, 64, false, false>();
  check_product<device::f16, 8, false, false>();
}

TEST_CASE("emulation: products of a warpgroup, operands along M and N") {
  check_product<bf16, 128, true, true>();
  check_product<device::f16, 64, true, false>();
}

TEST_CASE("emulation: products of a warpgroup, A in registers") {
  check_product<bf16, 128, false, true, true>();
  check_product<device::f16, 96, false, false, true>();
}

TEST_CASE("tensor maps that the engine cannot use") {
  alignas(16) static bf16 data[64 * 64];
  const std::uint64_t extents[] = {64, 64};
  const std::uint64_t strides[] = {128};
  const std::uint64_t odd[] = {126};
  const std::uint32_t box[] = {64, 64};
  const std::uint32_t narrow[] = {4, 64};
  const std::uint32_t wide[] = {64, 257};
  REQUIRE_THROWS_WITH(device::make_tensor_map(data + 1, extents, strides, box, swizzle::none), Contains("aligned to 16 bytes"));
  REQUIRE_THROWS_WITH(device::make_tensor_map(data, extents, odd, box, swizzle::none), Contains("multiples of 16 bytes"));
  REQUIRE_THROWS_WITH(device::make_tensor_map(data, extents, strides, narrow, swizzle::none), Contains("multiple of 16 bytes"));
  REQUIRE_THROWS_WITH(device::make_tensor_map(data, extents, strides, wide, swizzle::none), Contains("1 to 256"));
  REQUIRE_THROWS_WITH(device::make_tensor_map(data, extents, strides, box, swizzle::bytes_64), Contains("longer than the swizzle"));
}
