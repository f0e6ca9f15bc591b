// Tiles of the tensor map engine: permuted, cut at the edges, stored back; maps that it cannot use.
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/tiles.cuh>
#include <heddle/cuda/launch.cuh>

#include <bit>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"

#if HEDDLE_CUDA_EMULATED || defined(HEDDLE_TEST_SM90A)

namespace {

using Catch::Matchers::Contains;
namespace device = heddle::device;
using device::bf16;
using device::swizzle;
using heddle::test::in_both_orders;
using heddle::test::on_device;

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
    for (unsigned i = device::thread(); i < bytes / 4; i += threads)
      device::store_global(raw + i, device::shared_load<std::uint32_t>(tile + 4 * i));
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
  const unsigned rows = 8;
  on_device<bf16> source(in);
  on_device<bf16> target(std::vector<bf16>(width * height));
  on_device<std::uint32_t> in_shared(std::vector<std::uint32_t>(inner * rows / 2));
  const std::uint64_t extents[] = {width, height};
  const std::uint64_t strides[] = {width * 2};
  const std::uint32_t box[] = {inner, rows};
  const auto from = device::make_tensor_map(source.data(), extents, strides, box, mode);
  const auto to = device::make_tensor_map(target.data(), extents, strides, box, mode);
  const int x = static_cast<int>(width - inner) + 3;  // hangs over both edges
  const int y = -2;
  const box_copy<2> kernel{from, to, {x, y}, {x - 16, y + 5}, inner * rows * 2, in_shared.data()};
  in_both_orders([&] { device::launch({}, 1, 1024 + inner * rows * 2, kernel); });
  const auto raw = in_shared.to_host();
  const auto out = target.to_host();
  const unsigned span = device::span_bytes(mode);
  for (unsigned r = 0; r < rows; ++r) {
    for (unsigned i = 0; i < inner; ++i) {
      const int column = x + static_cast<int>(i);
      const int row = y + static_cast<int>(r);
      const bool inside = column < static_cast<int>(width) && row >= 0;
      const unsigned value = inside ? static_cast<unsigned>(row) * width + static_cast<unsigned>(column) + 1 : 0;
      const unsigned byte = (r * inner + i) * 2;  // in the plain tile
      unsigned permuted = byte;
      if (span > 16) permuted = byte / 16 % (span / 16) ^ byte / 128 % (span / 16);  // the piece within its span
      if (span > 16) permuted = byte / span * span + permuted * 16 + byte % 16;
      REQUIRE((raw[permuted / 4] >> (8 * (permuted % 4)) & 0xffff) == value);
      const int back_row = row + 5;
      const int back_column = column - 16;
      if (back_row < 0 || back_row >= static_cast<int>(height) || back_column < 0 || back_column >= static_cast<int>(width))
        continue;
      REQUIRE(out[static_cast<unsigned>(back_row) * width + static_cast<unsigned>(back_column)].bits == value);
    }
  }
}

}  // namespace

TEST_CASE("device: tiles are copied, permuted and cut at the tensor's edges") {
  check_box(swizzle::none, 64);
  check_box(swizzle::bytes_128, 64);
  check_box(swizzle::bytes_64, 32);
  check_box(swizzle::bytes_32, 16);
}

TEST_CASE("device: tiles of four axes") {
  std::vector<float> in(8 * 6 * 5 * 4);
  for (unsigned i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i + 1);
  on_device<float> source(in);
  on_device<float> target(std::vector<float>(in.size()));
  on_device<std::uint32_t> in_shared(std::vector<std::uint32_t>(4 * 3 * 2 * 2));
  const std::uint64_t extents[] = {8, 6, 5, 4};
  const std::uint64_t strides[] = {32, 192, 960};
  const std::uint32_t box[] = {4, 3, 2, 2};
  const auto from = device::make_tensor_map(source.data(), extents, strides, box, swizzle::none);
  const auto to = device::make_tensor_map(target.data(), extents, strides, box, swizzle::none);
  in_both_orders(
      [&] { device::launch({}, 1, 2048, box_copy<4>{from, to, {4, 1, 3, 2}, {4, 1, 3, 2}, 192, in_shared.data()}); });
  const auto raw = in_shared.to_host();
  const auto out = target.to_host();
  for (unsigned i = 0; i < 48; ++i) {
    const unsigned at = 4 + i % 4 + 8 * (1 + i / 4 % 3 + 6 * (3 + i / 12 % 2 + 5 * (2 + i / 24)));
    REQUIRE(std::bit_cast<float>(raw[i]) == in[at]);
    REQUIRE(out[at] == in[at]);
  }
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
  REQUIRE_THROWS_WITH(device::make_tensor_map(data, extents, strides, box, swizzle::bytes_64),
                      Contains("longer than the swizzle"));
}

#else

TEST_CASE("device: tiles take code for sm_90a") { SUCCEED("not compiled for it"); }

#endif
