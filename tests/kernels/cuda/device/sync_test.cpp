// Barriers, exchange among lanes, copies and launches; emulated, in every order of lanes without a report.
#include <heddle/cuda/device/copy.cuh>
#include <heddle/cuda/device/global.cuh>
#include <heddle/cuda/device/sync.cuh>
#include <heddle/cuda/device/warp.cuh>
#include <heddle/cuda/launch.cuh>

#include <numeric>
#include <vector>

#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"

namespace {

using Catch::Matchers::Contains;
namespace device = heddle::device;
using heddle::test::in_both_orders;
using heddle::test::on_device;

struct reversed_rows {
  static constexpr unsigned threads = 128;
  const float* in;
  float* out;

  HEDDLE_DEVICE void operator()() const {
    const unsigned i = device::thread();
    const std::size_t row = std::size_t{device::block_index()} * threads;
    const device::shared_view<float> held{device::shared_base()};
    device::copy_async<4>(held.at(i), in + row + i);
    device::copy_commit();
    device::copy_wait<0>();
    device::sync_block();
    device::store_global(out + row + i, held.load(threads - 1 - i));
  }
};

struct sums_over_the_block {
  static constexpr unsigned threads = 256;
  const float* in;
  float* out;

  HEDDLE_DEVICE void operator()() const {
    const device::shared_view<float> partial{device::shared_base()};
    const std::size_t row = std::size_t{device::block_index()} * threads;
    const float mine = device::warp_sum(device::load_global(in + row + device::thread()));
    if (device::lane() == 0) partial.store(device::warp(), mine);
    device::sync_block();
    if (device::warp() != 0) return;
    const float sum = device::warp_sum<8>(partial.load(device::lane() % 8));
    if (device::lane() == 0) device::store_global(out + device::block_index(), sum);
  }
};

/// Lane i writes what the exchanges give it.
struct exchanges {
  static constexpr unsigned threads = 32;
  unsigned* out;

  HEDDLE_DEVICE void operator()() const {
    const unsigned i = device::lane();
    unsigned* mine = out + 8 * i;
    device::store_global(mine, device::shuffle_xor(i, 5u));
    device::store_global(mine + 1, device::shuffle(i, i + 3));
    device::store_global(mine + 2, device::shuffle_up(i, 4));
    device::store_global(mine + 3, device::shuffle_down(i, 4));
    device::store_global(mine + 4, device::ballot(i % 3 == 0));
    device::store_global(mine + 5, (device::vote_any(i == 9) ? 1u : 0u) + (device::vote_all(i < 32) ? 2u : 0u) +
                                       (device::vote_all(i < 31) ? 4u : 0u));
    device::store_global(mine + 6, device::warp_max<4>(i));
    device::store_global(mine + 7, static_cast<unsigned>(device::shuffle(std::uint64_t{i} << 40, 7) >> 40));
  }
};

/// One warp produces, the others consume: two named barriers, as a pipeline of one stage.
struct one_stage {
  static constexpr unsigned threads = 128;
  unsigned* out;

  HEDDLE_DEVICE void operator()() const {
    const device::shared_view<unsigned> held{device::shared_base()};
    const unsigned i = device::thread();
    unsigned sum = 0;
    for (unsigned step = 0; step < 3; ++step) {
      if (device::warp() == 0) {
        if (step != 0) device::barrier_sync(2, 128);
        held.store(i, 100 * step + i);
        device::barrier_arrive(1, 128);
      } else {
        device::barrier_sync(1, 128);
        sum += held.load(31 - device::lane());
        if (step != 2) device::barrier_arrive(2, 128);
      }
    }
    device::store_global(out + i, sum);
  }
};

/// Two lanes of a warp hand a value on through memory, with a barrier of the warp between.
struct through_the_warp {
  static constexpr unsigned threads = 64;
  unsigned* out;

  HEDDLE_DEVICE void operator()() const {
    const device::shared_view<unsigned> held{device::shared_base() + 128 * device::warp()};
    held.store(device::lane(), device::thread());
    device::sync_warp();
    device::store_global(out + device::thread(), held.load(31 - device::lane()));
    device::sync_warp();
    held.store(device::lane(), 0);
  }
};

std::vector<float> counted(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

}  // namespace

TEST_CASE("device: rows reversed through shared memory") {
  const auto in = counted(10 * 128);
  on_device<float> from(in);
  on_device<float> to(std::vector<float>(in.size()));
  in_both_orders([&] { device::launch({}, 10, 512, reversed_rows{from.data(), to.data()}); });
  const auto out = to.to_host();
  for (unsigned i = 0; i < out.size(); ++i) REQUIRE(out[i] == in[i / 128 * 128 + 127 - i % 128]);
}

TEST_CASE("device: a block's sum") {
  on_device<float> from(counted(3 * 256));
  on_device<float> to(std::vector<float>(3));
  in_both_orders([&] { device::launch({}, 3, 32, sums_over_the_block{from.data(), to.data()}); });
  const auto out = to.to_host();
  for (unsigned b = 0; b < 3; ++b) REQUIRE(out[b] == 256.0f * 255 / 2 + 256.0f * 256 * static_cast<float>(b));
}

TEST_CASE("device: exchange in a warp") {
  on_device<unsigned> to(std::vector<unsigned>(8 * 32));
  in_both_orders([&] { device::launch({}, 1, 0, exchanges{to.data()}); });
  const auto out = to.to_host();
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned* mine = out.data() + 8 * i;
    REQUIRE(mine[0] == (i ^ 5u));
    REQUIRE(mine[1] == (i + 3) % 32);
    REQUIRE(mine[2] == (i < 4 ? i : i - 4));
    REQUIRE(mine[3] == (i + 4 < 32 ? i + 4 : i));
    REQUIRE(mine[4] == 0x49249249u);
    REQUIRE(mine[5] == 3);
    REQUIRE(mine[6] == (i | 3u));
    REQUIRE(mine[7] == 7);
  }
}

TEST_CASE("device: named barriers order a producer and its consumers") {
  on_device<unsigned> to(std::vector<unsigned>(128));
  in_both_orders([&] { device::launch({}, 2, 512, one_stage{to.data()}); });
  const auto out = to.to_host();
  for (unsigned i = 32; i < 128; ++i) REQUIRE(out[i] == 300 + 3 * (31 - i % 32));
}

TEST_CASE("device: a barrier of a warp orders its lanes") {
  on_device<unsigned> to(std::vector<unsigned>(64));
  in_both_orders([&] { device::launch({}, 2, 256, through_the_warp{to.data()}); });
  const auto out = to.to_host();
  for (unsigned i = 0; i < 64; ++i) REQUIRE(out[i] == i / 32 * 32 + 31 - i % 32);
}

TEST_CASE("device: launches that no device would run") {
  on_device<float> to(std::vector<float>(128));
  REQUIRE_THROWS_WITH(device::launch({}, 1, 228 * 1024, reversed_rows{nullptr, to.data()}),
                      Contains("reversed_rows") && Contains("233472 bytes of shared memory"));
  REQUIRE_THROWS_WITH(device::launch({}, std::uint64_t{1} << 31, 512, reversed_rows{nullptr, to.data()}),
                      Contains("2^31 - 1 blocks"));
  device::launch({}, 0, 0, reversed_rows{nullptr, nullptr});
}
