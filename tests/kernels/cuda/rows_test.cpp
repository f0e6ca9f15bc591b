// Kernels whose grid is smaller than their work go around in a loop; rows may lie more than 2^32 elements apart.
#include <heddle/cuda/rows.cuh>

#include <heddle/cuda/bipartite.cuh>
#include <heddle/cuda/depthwise.cuh>
#include <heddle/cuda/map.cuh>
#include <heddle/cuda/normalize.cuh>
#include <heddle/cuda/pixel_shuffle.cuh>
#include <heddle/cuda/top_k.cuh>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

context<reference> plain() { return {}; }

/// A functor that doubles.
struct twice {
  template <class T>
  HEDDLE_HOST_DEVICE T operator()(T x) const noexcept {
    return x + x;
  }
};

}  // namespace

TEST_CASE("tiles of rows cover every vector once, with any grid", "[rows]") {
  for (const std::size_t rows : std::initializer_list<std::size_t>{1, 3, 130})
    for (const std::size_t columns : std::initializer_list<std::size_t>{1, 5, 300}) {
      test::on_device<float> x(std::vector<float>(rows * columns, 1.0F));
      const device::row_tiling<256> tiling(rows, columns);
      device::launch({}, tiling.grid() < 2 ? 1 : 2, 0,
                     device::map_one<twice, 1>{tiling, x.data(), columns, x.data(), columns, {}});
      CHECK(x.to_host() == std::vector<float>(rows * columns, 2.0F));
    }
}

TEST_CASE("norms and means with a grid of two blocks", "[rows]") {
  const std::size_t rows = 7, columns = 300;
  const std::vector<float> x = test::normal_vector(rows * columns, 1);
  std::vector<float> y(x.size()), means(columns);
  layer_normalize(plain(), make_matrix(x.data(), rows, columns), {}, {}, 1e-5F, make_matrix(y.data(), rows, columns));
  mean_rows(plain(), make_matrix(x.data(), rows, columns), means);
  test::in_both_orders([&] {
    test::on_device<float> a(x), b(x), c(x), sums(means);
    const device::normalize_arguments long_rows{rows,    columns, a.data(), columns, a.data(),
                                                columns, nullptr, nullptr,  1e-5F,   true};
    device::launch({}, 2, device::normalize_long_rows<1, 8>::shared_bytes, device::normalize_long_rows<1, 8>{long_rows});
    CHECK(test::worst(y, a.to_host()).relative() < 1e-5);
    const device::normalize_arguments streamed{rows,    columns, b.data(), columns, b.data(),
                                               columns, nullptr, nullptr,  1e-5F,   true};
    device::launch({}, 2, device::normalize_long_rows<4, 0>::shared_bytes, device::normalize_long_rows<4, 0>{streamed});
    CHECK(test::worst(y, b.to_host()).relative() < 1e-5);
    using sum = device::reduce_rows<device::row_sum, 4>;
    device::launch({}, 2, sum::threads * 16,
                   sum{rows, columns, c.data(), columns, sums.data(), 1.0F / static_cast<float>(rows), 1});
    CHECK(test::worst(means, sums.to_host()).relative() < 1e-5);
  });
}

TEST_CASE("shuffled pixels with a grid of two blocks", "[rows]") {
  const dynamic_extents<4> coarse(1, 3, 40, 12), fine(1, 6, 80, 3);
  const std::vector<float> x = test::normal_vector(coarse.size(), 1);
  std::vector<float> y(x.size());
  pixel_shuffle<2>(plain(), map_view<const float>(x.data(), coarse), map_view<float>(y.data(), fine));
  test::in_both_orders([&] {
    test::on_device<float> a(x), b(std::vector<float>(x.size()));
    using there = device::shuffle_pixels<2, false>;
    device::launch({}, 2, there::shared_bytes, there{a.data(), b.data(), 3, 40, 3, 16, 3});
    CHECK(b.to_host() == y);
    using back = device::shuffle_pixels<2, true>;
    device::launch({}, 2, back::shared_bytes, back{b.data(), a.data(), 3, 40, 3, 16, 3});
    CHECK(a.to_host() == x);
  });
}

TEST_CASE("a depthwise window with a grid of two blocks", "[rows]") {
  const dynamic_extents<4> map(1, 9, 17, 32);
  const auto window = convolution_window::square(3, 1, 1);
  const std::vector<float> x = test::normal_vector(map.size(), 1), weight = test::normal_vector(32 * 9, 2);
  std::vector<float> y(x.size());
  convolve_depthwise(plain(), map_view<const float>(x.data(), map),
                     prepare_depthwise(reference{}, make_matrix(weight.data(), 32, 9)), window, map_view<float>(y.data(), map));
  const dense_weight prepared = prepare_depthwise(cuda<>{}, make_matrix(weight.data(), 32, 9));
  test::in_both_orders([&] {
    test::on_device<float> a(x), b(std::vector<float>(x.size()));
    const device::depthwise_problem p{a.data(), b.data(), prepared.data, prepared.bias, nullptr,   0,         1,
                                      32,       32,       {1, 9, 17},    {1, 9, 17},    {1, 3, 3}, {1, 1, 1}, {0, 1, 1}};
    device::launch({}, 2, 10 * 10 * 128, device::depthwise_tiles<identity, 4, 3>{p, {}, 2, 3, 1, 10, 10});
    CHECK(test::worst(y, b.to_host()).relative() < 1e-5);
  });
}

TEST_CASE("selections with a grid of one block", "[rows]") {
  const std::vector<float> x = test::normal_vector(100 * 40, 3);
  std::vector<std::int32_t> top(100 * 5);
  select_top_k(plain(), make_matrix(x.data(), 100, 40), make_matrix(top.data(), 100, 5), top_k_order::by_position);
  test::in_both_orders([&] {
    test::on_device<float> a(x);
    test::on_device<std::int32_t> b(top);
    const device::select_rows f{a.data(), 40, b.data(), 5, 100, 40, 5, nullptr, true};
    device::launch({}, 1, f.shared_bytes(), f);
    CHECK(b.to_host() == top);
    // Every row is its own best match among all.
    std::vector<double> wide(x.begin(), x.end());
    test::on_device<double> rows(wide);
    test::on_device<device::best_match> found(std::vector<device::best_match>(100));
    device::launch({}, 1, device::match_tiles::shared_bytes,
                   device::match_tiles{rows.data(), rows.data(), 100, 100, 40, 1, 2, found.data()});
    const auto best = found.to_host();
    for (std::size_t i = 0; i < best.size(); ++i) {
      double largest = 0.0;
      for (std::size_t c = 0; c < 40; ++c) largest += wide[i * 40 + c] * wide[static_cast<std::size_t>(best[i].index) * 40 + c];
      CHECK(largest == best[i].similarity);
    }
  });
}

TEST_CASE("rows more than 2^32 elements apart", "[rows]") {
  const std::size_t pitch = (std::size_t{1} << 31U) + 4, rows = 3, columns = 8;
  const device::memory memory = device::allocate(((rows - 1) * pitch + columns) * sizeof(float));
  float* const x = memory.as<float>();
  const std::vector<float> values = test::normal_vector(rows * columns, 5);
  for (std::size_t r = 0; r < rows; ++r) device::copy_to_device<float>({}, x + r * pitch, values.data() + r * columns, columns);
  map(test::device_scratch().ctx(), make_matrix<const float>(x, rows, columns, pitch), make_matrix(x, rows, columns, pitch),
      twice{});
  std::vector<float> last(columns);
  device::copy_to_host<float>({}, last.data(), x + (rows - 1) * pitch, columns);
  for (std::size_t c = 0; c < columns; ++c) CHECK(last[c] == 2.0F * values[(rows - 1) * columns + c]);
}
