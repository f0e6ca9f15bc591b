// The objective of masked image modelling where a device has its memory, emulated: hidden rows, targets, loss.
#include <heddle/cuda/each.cuh>

#include <cmath>

#include "heddle/loss/masked_l1.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

const dynamic_extents<4> e(2, 12, 18, 3);

map_view<const float> map_of(const float* x) { return {x, e}; }

std::vector<std::uint8_t> some_hidden(std::size_t n) {
  std::vector<std::uint8_t> mask(n);
  for (std::size_t i = 0; i < n; ++i) mask[i] = i * i % 3 == 1 ? static_cast<std::uint8_t>(1 + i) : std::uint8_t{0};
  return mask;
}

}  // namespace

TEST_CASE("targets are normalised by their neighbourhood on a device", "[cuda]") {
  const std::vector<float> x = test::normal_vector(e.size(), 3);
  for (const std::size_t patch : {1U, 3U, 7U, 47U}) {
    std::vector<float> y(e.size());
    const workspace memory(normalize_locally_bytes(e));
    normalize_locally(map_of(x.data()), patch, map_view<float>(y.data(), e), memory.scratch());
    test::on_device<float> there(x), result(std::vector<float>(e.size(), -7.0F));
    const test::device_scratch scratch(normalize_locally_bytes(cuda<>{}, e));
    test::in_both_orders(
        [&] { normalize_locally(scratch.ctx(), map_of(there.data()), patch, map_view<float>(result.data(), e)); });
    CHECK(test::worst(y, result.to_host()).relative() < 1e-6);
    normalize_locally(scratch.ctx(), map_of(there.data()), patch, map_view<float>(there.data(), e));  // in place
    CHECK(there.to_host() == result.to_host());
  }
  const test::device_scratch scratch(normalize_locally_bytes(cuda<>{}, e));
  test::on_device<float> there(x);
  CHECK_THROWS_AS(normalize_locally(scratch.ctx(), map_of(there.data()), 4, map_view<float>(there.data(), e)), shape_error);
}

TEST_CASE("the loss of hidden pixels on a device", "[cuda]") {
  const std::vector<float> x = test::normal_vector(e.size(), 4);
  const std::vector<float> target = test::normal_vector(e.size(), 5);
  const test::device_scratch scratch(masked_l1_bytes(cuda<>{}, e));
  test::on_device<float> a(x), b(target), loss(std::vector<float>(1, -1.0F));
  for (const auto& [rows, columns] : {std::pair<std::size_t, std::size_t>{12, 18}, {4, 3}, {1, 1}}) {
    for (const bool any : {true, false}) {
      const std::vector<std::uint8_t> mask =
          any ? some_hidden(2 * rows * columns) : std::vector<std::uint8_t>(2 * rows * columns);
      test::on_device<std::uint8_t> hidden(mask);
      const double expected = masked_l1(map_of(x.data()), map_of(target.data()), mask, rows, columns);
      test::in_both_orders([&, rows = rows, columns = columns] {
        masked_l1(scratch.ctx(), map_of(a.data()), map_of(b.data()), hidden.span(), rows, columns, loss.data());
      });
      CHECK(std::abs(static_cast<double>(loss.to_host()[0]) - expected) <= 1e-7 * expected);
    }
  }
  test::on_device<std::uint8_t> few(std::vector<std::uint8_t>(3));
  CHECK_THROWS_AS(masked_l1(scratch.ctx(), map_of(a.data()), map_of(b.data()), few.span(), 12, 18, loss.data()), shape_error);
}
