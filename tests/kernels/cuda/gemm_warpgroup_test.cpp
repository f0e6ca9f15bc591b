// Products of warpgroups against their definition: tiles of the engine, rings, ragged edges.
#include <heddle/cuda/gemm_bf16.cuh>

#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/kernels/cuda/on_device.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

/// Tiles that the engine copied since the last call; -1 on a device, which does not count.
std::int64_t tiles_copied() {
#if HEDDLE_CUDA_EMULATED
  const auto tiles = static_cast<std::int64_t>(device::emulation::counters().tiles);
  device::emulation::counters() = {};
  return tiles;
#else
  return -1;
#endif
}

/// `y = x w + bias`, rows of `x` 16 bytes longer than they need.
struct problem {
  std::size_t rows, outputs, inputs;
  std::size_t pitch = (inputs + 15) / 8 * 8;
  std::vector<float> weight = test::normal_vector(outputs * inputs, 2);
  std::vector<float> bias = test::normal_vector(outputs, 3);
  std::vector<bfloat16> x = [this] {
    std::vector<bfloat16> all(rows * pitch);
    const std::vector<float> numbers = test::normal_vector(all.size(), 1);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = bfloat16(numbers[i]);
    return all;
  }();

  template <class Backend>
  bf16_weight prepared(const Backend& backend) const {
    return prepare_bf16(backend, make_matrix(weight.data(), outputs, inputs), std::span<const float>(bias));
  }

  std::vector<float> expected() const {
    std::vector<float> y(rows * outputs);
    gemm(context<reference>{{}, {}}, make_matrix(x.data(), rows, inputs, pitch), prepared(reference{}),
         make_matrix(y.data(), rows, outputs), relu{});
    return y;
  }

  /// `launch(x, weights, epilogue)` on device memory.
  template <class F>
  void check(F launch) const {
    const std::vector<float> wanted = expected();
    test::in_both_orders([&] {
      const test::on_device<bfloat16> from(x);
      test::on_device<float> y(std::vector<float>(wanted.size()));
      launch(make_matrix(from.data(), rows, inputs, pitch), make_matrix(y.data(), rows, outputs));
      const auto worst = test::worst(wanted, y.to_host());
      INFO(rows << " x " << outputs << " x " << inputs << ": " << worst.text());
      CHECK(worst.relative() < 2e-5);
    });
  }

  template <class Tile>
  void check_tile() const {
    const bf16_weight w = prepared(cuda<arch::sm_90a>{});
    check([&](matrix_view<const bfloat16> from, matrix_view<float> to) {
      device::launch_warpgroups<Tile>({}, device::source_of(from), static_cast<std::uint32_t>(inputs), device::weights_of(w),
                                      device::epilogue_of("gemm", to, w.bias, relu{}, {}));
    });
  }
};

TEST_CASE("cuda gemm by warpgroups: tiles that are not filled, rings that go round", "[cuda]") {
  problem{150, 140, 72}.check_tile<device::square_tile>();
  problem{20, 100, 460}.check_tile<device::square_tile>();  // eight steps, six buffers
  problem{70, 260, 330}.check_tile<device::wide_tile>();    // six steps, four buffers
}

TEST_CASE("cuda gemm by warpgroups: what gemm chooses for many tiles", "[cuda]") {
  const problem p{1300, 1310, 16};
  const bf16_weight w = p.prepared(cuda<arch::sm_90a>{});
  tiles_copied();
  p.check([&](matrix_view<const bfloat16> from, matrix_view<float> to) {
    gemm(context<cuda<arch::sm_90a>>{{}, {}}, from, w, to, relu{});
  });
  const std::int64_t tiles = tiles_copied();
  CHECK((tiles == -1 || tiles == 2 * 121 * 2));  // runs, tiles of the output, operands
}

TEST_CASE("cuda gemm by warpgroups: other rows go by warps", "[cuda]") {
  const problem p{5, 9, 12};
  const bf16_weight w = p.prepared(cuda<arch::sm_90a>{});
  tiles_copied();
  p.check([&](matrix_view<const bfloat16> from, matrix_view<float> to) {
    gemm(context<cuda<arch::sm_90a>>{{}, {}}, from, w, to, relu{});
  });
  CHECK(tiles_copied() <= 0);
}

static_assert(device::choose_warpgroups(64 * 3136, 384) == device::warpgroup_choice::wide);
static_assert(device::choose_warpgroups(1568, 1536) == device::warpgroup_choice::square);
static_assert(device::choose_warpgroups(298, 3072) == device::warpgroup_choice::none);

}  // namespace
