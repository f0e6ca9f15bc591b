// Products of warpgroups against their definition, emulated: tiles of the engine, rings, ragged edges.
#include <heddle/cuda/gemm_bf16.cuh>

#include <vector>

#include "heddle/backend/reference.hpp"
#include "heddle/primitive/activation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;
namespace emulation = heddle::device::emulation;

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
    gemm(context<reference>{{}, {}}, make_matrix(x.data(), rows, inputs, pitch), prepared(reference{}), make_matrix(y.data(), rows, outputs), relu{});
    return y;
  }

  /// `launch(x, weights, epilogue)` on device memory.
  template <class F>
  void check(F launch) const {
    const std::vector<float> wanted = expected();
    for (const std::uint64_t seed : {0U, 11U}) {
      const emulation::options_scope order({.seed = seed});
      emulation::report_scope reports;
      const device_tensor<bfloat16, extents<dyn>> from(view<const bfloat16, extents<dyn>>(x.data(), extents<dyn>(x.size())));
      device_tensor<float, extents<dyn>> y{extents<dyn>(wanted.size())};
      launch(make_matrix<const bfloat16>(from.data(), rows, inputs, pitch), make_matrix(y.data(), rows, outputs));
      std::vector<float> actual(y.size());
      y.copy_to(view<float, extents<dyn>>(actual.data(), extents<dyn>(actual.size())));
      const auto worst = test::worst(wanted, actual);
      INFO(rows << " x " << outputs << " x " << inputs << ", seed " << seed << ": " << worst.text() << '\n' << reports.text());
      CHECK(worst.relative() < 2e-5);
      CHECK(reports.empty());
    }
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
  problem{20, 100, 460}.check_tile<device::square_tile>();   // eight steps, six buffers
  problem{70, 260, 330}.check_tile<device::wide_tile>();     // six steps, four buffers
}

TEST_CASE("cuda gemm by warpgroups: what gemm chooses for many tiles", "[cuda]") {
  const problem p{1300, 1310, 16};
  const bf16_weight w = p.prepared(cuda<arch::sm_90a>{});
  emulation::counters() = {};
  p.check([&](matrix_view<const bfloat16> from, matrix_view<float> to) { gemm(context<cuda<arch::sm_90a>>{{}, {}}, from, w, to, relu{}); });
  CHECK(emulation::counters().tiles == 2 * 121 * 2);   // runs, tiles of the output, operands
}

TEST_CASE("cuda gemm by warpgroups: other rows go by warps", "[cuda]") {
  const problem p{5, 9, 12};
  const bf16_weight w = p.prepared(cuda<arch::sm_90a>{});
  emulation::counters() = {};
  p.check([&](matrix_view<const bfloat16> from, matrix_view<float> to) { gemm(context<cuda<arch::sm_90a>>{{}, {}}, from, w, to, relu{}); });
  CHECK(emulation::counters().tiles == 0);
}

static_assert(device::choose_warpgroups(64 * 3136, 384) == device::warpgroup_choice::wide);
static_assert(device::choose_warpgroups(1568, 1536) == device::warpgroup_choice::square);
static_assert(device::choose_warpgroups(298, 3072) == device::warpgroup_choice::none);

}  // namespace
