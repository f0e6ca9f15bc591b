// Rows moved by positions on the device, emulated: exactly the rows of the definition, also where positions repeat, are
// negative or (there) too large.
#include <heddle/cuda/gather.cuh>

#include <limits>

#include "heddle/backend/reference.hpp"
#include "on_device.hpp"
#include "tests/support/compare.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace heddle;

struct shape {
  std::size_t count, rows, columns, gap, offset;
};

std::vector<std::int32_t> random_positions(std::size_t count, std::size_t rows, std::uint64_t seed) {
  test::generator random(seed);
  std::vector<std::int32_t> positions(count);
  for (auto& p : positions)
    p = static_cast<std::int32_t>(random.integer(0, rows + rows / 4)) - static_cast<std::int32_t>(rows / 4 + 1);
  return positions;
}

/// `move(context, list, table, positions, weights)`: `list` has a row for every position, `table` the rows that they name.
template <class Move>
void check(const shape& s, double bound, Move move) {
  const std::size_t pitch = s.columns + s.gap;
  const std::vector<std::int32_t> positions = random_positions(s.count, s.rows, s.count);
  const std::vector<float> list = test::normal_vector(s.count * pitch, 1);
  const std::vector<float> table = test::normal_vector(s.rows * pitch, 2);
  const std::vector<float> weights = test::normal_vector(s.count, 3);
  const auto run = [&](auto ctx, float* a, float* b, const std::int32_t* at, const float* w) {
    move(ctx, make_matrix(a, s.count, s.columns, pitch), make_matrix(b, s.rows, s.columns, pitch),
         std::span<const std::int32_t>(at, s.count), std::span<const float>(w, s.count));
  };
  std::vector<float> a = list;
  std::vector<float> b = table;
  run(context<reference>{}, a.data(), b.data(), positions.data(), weights.data());
  INFO(s.count << " positions, " << s.rows << " x " << s.columns);
  test::in_both_orders([&] {
    test::on_device<float> on_a(list, s.offset), on_b(table, s.offset), w(weights);
    test::on_device<std::int32_t> at(positions);
    run(test::device_scratch().ctx(), on_a.data(), on_b.data(), at.data(), w.data());
    CHECK(test::worst(a, on_a.to_host()).relative() <= bound);
    CHECK(test::worst(b, on_b.to_host()).relative() <= bound);
  });
}

constexpr shape shapes[] = {{1, 1, 1, 0, 0},   {40, 13, 48, 4, 0}, {70, 9, 300, 0, 0},
                            {33, 65, 7, 2, 1}, {100, 1, 12, 0, 0}, {5, 200, 4, 0, 0}};

}  // namespace

TEST_CASE("rows gathered and scattered by a device", "[gather]") {
  for (const shape& s : shapes) {
    check(s, 0, [](auto ctx, auto list, auto table, auto at, auto) { gather_rows(ctx, table, at, list); });
    check(s, 0, [](auto ctx, auto list, auto table, auto at, auto) { scatter_rows(ctx, list, at, table); });
    check(s, 1e-6, [](auto ctx, auto list, auto table, auto at, auto w) { scatter_add_rows(ctx, list, at, table, w); });
    check(s, 1e-6, [](auto ctx, auto list, auto table, auto at, auto) { scatter_add_rows(ctx, list, at, table); });
    check(s, 0, [](auto ctx, auto list, auto table, auto at, auto) { scatter_max_rows(ctx, list, at, table); });
  }
}

TEST_CASE("positions beyond the rows are left out on a device", "[gather]") {
  test::on_device<float> x(std::vector<float>{1, 2, 3, 4}), y(std::vector<float>(6, 9.0F));
  test::on_device<std::int32_t> at(std::vector<std::int32_t>{2, 1, std::numeric_limits<std::int32_t>::max()});
  const test::device_scratch none;
  gather_rows(none.ctx(), make_matrix<const float>(x.data(), 2, 2), at.span(), make_matrix(y.data(), 3, 2));
  CHECK(y.to_host() == std::vector<float>{0, 0, 3, 4, 0, 0});
  scatter_rows(none.ctx(), make_matrix<const float>(y.data(), 3, 2), at.span(), make_matrix(x.data(), 2, 2));
  CHECK(x.to_host() == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("no positions are no work for a device", "[gather]") {
  gather_rows(test::device_scratch().ctx(), make_matrix<const float>(nullptr, 0, 4), {}, make_matrix<float>(nullptr, 0, 4));
  scatter_add_rows(test::device_scratch().ctx(), make_matrix<const float>(nullptr, 0, 4), {},
                   make_matrix<float>(nullptr, 3, 4));
}
